# Configurations, many in one process: for each case what the native module and the emitted one add up to.
# A case has settings (virtualisation.optimux), emitted (a path, or null), versions (libvirt, qemu, kernel) and users;
# "extra" is a path to a module of the test's own, or null.
{ cases }:
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
  pkgsFor =
    versions:
    lib.genAttrs [ "kvmfr" "looking-glass-client" "scream" "python3" ] (name: package name { })
    // {
      libvirt = package "libvirt-${versions.libvirt}" { } // { version = versions.libvirt; };
      qemu = package "qemu-${versions.qemu}" { } // { version = versions.qemu; };
      writeTextDir = path: text: package (baseNameOf path) { inherit path text; };
      writeText = name: text: package name { inherit text; path = name; };
      runCommand = name: attributes: script: package name (attributes // { inherit script; });
      callPackage = file: _: package "optimux" { };
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
  evaluated =
    case: modules:
    let
      pkgs = pkgsFor case.versions;
      result = lib.evalModules {
        specialArgs = { inherit pkgs; };
        modules = [
          ./upstream.nix
          {
            boot.kernelPackages = {
              kernel = package "linux-${case.versions.kernel}" { } // { version = case.versions.kernel; };
            } // lib.optionalAttrs case.hasKvmfr { inherit (pkgs) kvmfr; };
            users.users = lib.genAttrs case.users (_: { isNormalUser = true; });
            users.groups = lib.genAttrs case.groups (_: { });
          }
        ]
        ++ lib.optional (case.extra != null) (/. + case.extra)
        ++ modules;
      };
    in
    result.config;
  native =
    case:
    let
      config = evaluated case [
        ../../nixos-modules
        { virtualisation.optimux = case.settings // { enable = true; }; }
      ];
    in
    {
      config = shown (
        removeAttrs config [ "_module" "assertions" "warnings" "specialisation" ]
        // {
          boot = removeAttrs config.boot [ "kernelPackages" ];
          virtualisation = removeAttrs config.virtualisation [ "optimux" ];
        }
      );
      inherit (config) warnings;
      failed = map (item: item.message) (lib.filter (item: !item.assertion) config.assertions);
      options = config.virtualisation.optimux.domains.options;
      specialisation = lib.attrNames config.specialisation;
    };
  emitted =
    case:
    let
      config = evaluated case [ (/. + case.emitted) ];
    in
    {
      config = shown (
        removeAttrs config [ "_module" "assertions" "warnings" "specialisation" ]
        // { boot = removeAttrs config.boot [ "kernelPackages" ]; }
      );
      failed = map (item: item.message) (lib.filter (item: !item.assertion) config.assertions);
    };
  only = case: lib.filterAttrs (name: _: lib.elem name case.wanted);
in
map (case: {
  native = if case.wanted == [ ] then native case else only case (native case);
  emitted = if case.emitted == null then null else emitted case;
}) (builtins.fromJSON (builtins.readFile cases))
