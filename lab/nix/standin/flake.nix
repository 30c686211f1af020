# A stand-in for nixpkgs: its real lib, and the packages that the flake names as derivations over this machine's
# programs. The tests put lib, host.nix and the declared options of NixOS beside this file.
{
  outputs =
    _:
    let
      lib = import ./lib;
      pkgsFor = system: import ./pkgs.nix { inherit lib system; };
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
    in
    {
      lib = lib // {
        nixosSystem = import ./nixos-system.nix { inherit lib pkgsFor; };
      };
      legacyPackages = lib.genAttrs systems pkgsFor;
    };
}
