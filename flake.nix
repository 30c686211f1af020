{
  description = "Gives a laptop's discrete GPU to a Windows VM, with Looking Glass: NixOS modules and a generator";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      # Where the generator runs; VMs, and with them the checks, are x86_64-linux's.
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      forEach = of: lib.genAttrs systems (system: of nixpkgs.legacyPackages.${system});
      packagesOf = pkgs: self.packages.${pkgs.stdenv.hostPlatform.system};
      # A verb of the command, for `nix run .#VERB`.
      app = pkgs: verb: inputs: {
        type = "app";
        program = toString (
          pkgs.writeShellScript "optimux-${verb}" ''
            export PATH=${lib.makeBinPath inputs}''${PATH:+:$PATH}
            exec optimux ${verb} "$@"
          ''
        );
        meta.description = "optimux ${verb}";
      };
    in
    {
      nixosModules.optimux = {
        imports = [ ./nixos-modules ];
      };
      nixosModules.default = self.nixosModules.optimux;

      homeModules.optimux = {
        imports = [ ./nixos-modules/home-manager.nix ];
      };
      homeModules.default = self.homeModules.optimux;

      overlays.default = final: _: { optimux = final.callPackage ./package.nix { }; };

      lib = import ./nix/lib.nix { inherit lib; };

      packages = forEach (pkgs: {
        default = (packagesOf pkgs).optimux;
        optimux = pkgs.callPackage ./package.nix { };
        options-doc = import ./nix/options-doc.nix { inherit lib pkgs; };
      });

      apps = forEach (
        pkgs:
        let
          inputs = [ (packagesOf pkgs).optimux ];
        in
        {
          default = {
            type = "app";
            program = "${(packagesOf pkgs).optimux}/bin/optimux";
            meta.description = "The command, with all its verbs";
          };
          generate = app pkgs "generate" inputs;
          patch = app pkgs "patch" inputs;
          verify = app pkgs "verify" (inputs ++ [ pkgs.qemu ]);
        }
      );

      checks.x86_64-linux = import ./nix/checks.nix {
        inherit self lib;
        inherit (lib) nixosSystem;
        pkgs = nixpkgs.legacyPackages.x86_64-linux;
      };

      devShells = forEach (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.acpica-tools
            pkgs.python3
            pkgs.qemu
            pkgs.ruff
            pkgs.shellcheck
          ];
          inputsFrom = [ (packagesOf pkgs).optimux ];
        };
      });

      formatter = forEach (pkgs: pkgs.nixfmt-tree);

      templates.laptop = {
        path = ./templates/laptop;
        description = "NixOS on a laptop with two GPUs: the discrete one for a Windows VM, shown by Looking Glass";
      };
      templates.default = self.templates.laptop;
    };
}
