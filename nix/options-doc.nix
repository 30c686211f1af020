# The options of the module as a page in Markdown.
{ lib, pkgs }:
let
  evaluated = lib.evalModules {
    modules = [
      ../nixos-modules
      { _module.check = false; }
    ];
    specialArgs = { inherit pkgs; };
  };
  documented = pkgs.nixosOptionsDoc {
    options = { inherit (evaluated.options) virtualisation; };
    # Not where they lie on the machine that built the page.
    transformOptions = option: option // { declarations = [ ]; };
  };
in
documented.optionsCommonMark
