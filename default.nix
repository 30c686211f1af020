# For use without flakes: imports = [ (import ./optimux { inherit pkgs; }).nixosModules.default ];
# in a module, where pkgs is not to be had for imports: imports = [ ./optimux/nixos-modules ];
{
  pkgs ? import <nixpkgs> { },
}:
rec {
  optimux = pkgs.callPackage ./package.nix { };
  default = optimux;
  options-doc = import ./nix/options-doc.nix { inherit pkgs; inherit (pkgs) lib; };
  nixosModules.optimux = ./nixos-modules;
  nixosModules.default = ./nixos-modules;
  overlays.default = final: _: { optimux = final.callPackage ./package.nix { }; };
  lib = import ./nix/lib.nix { inherit (pkgs) lib; };
}
