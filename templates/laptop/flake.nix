{
  description = "NixOS on a laptop with two GPUs, the discrete one for a Windows VM";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    optimux = {
      url = "git+file:///etc/nixos/optimux"; # wherever its repository is
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { nixpkgs, optimux, ... }:
    {
      nixosConfigurations.laptop = nixpkgs.lib.nixosSystem {
        modules = [
          optimux.nixosModules.default
          ./hardware-configuration.nix # of nixos-generate-config
          ./configuration.nix
        ];
      };
    };
}
