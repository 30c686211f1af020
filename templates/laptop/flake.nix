{
  description = "NixOS on a laptop with two GPUs, the discrete one for a Windows VM";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    optimux = {
      url = "github:OWNER/optimux"; # of whom you have it; a checkout of your own: "git+file:///path/to/optimux"
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
