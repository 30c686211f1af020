# The configuration that modules add up to, as plain data. Packages stand for themselves by name, text and place.
{ modules }:
let
  lib = import <nixpkgs/lib>;
  package =
    name: attributes:
    derivation (
      {
        inherit name;
        system = "x86_64-linux";
        builder = "/bin/sh";
      }
      // attributes
    );
  pkgs = lib.genAttrs [ "kvmfr" "looking-glass-client" "scream" ] (name: package name { }) // {
    writeTextDir = path: text: package (baseNameOf path) { inherit path text; };
  };
  shown =
    value:
    if lib.isDerivation value then
      { inherit (value) name; } // lib.optionalAttrs (value ? text) { inherit (value) path text; }
    else if lib.isAttrs value then
      lib.mapAttrs (_: shown) value
    else if lib.isList value then
      map shown value
    else
      value;
  evaluated = lib.evalModules {
    modules = [ ./upstream.nix ] ++ modules;
    specialArgs = { inherit pkgs; };
  };
in
shown (removeAttrs evaluated.config [ "_module" ])
