# lib.nixosSystem over the declared options.
{ lib, pkgsFor }:
{
  modules,
  specialArgs ? { },
}:
lib.evalModules {
  modules = [ ./base.nix ] ++ modules;
  specialArgs = {
    pkgs = pkgsFor "x86_64-linux";
  }
  // specialArgs;
}
