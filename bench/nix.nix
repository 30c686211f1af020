# A laptop's configuration over the declared options of NixOS, with or without the module; what it yields is forced.
{ withModule, vms }:
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
  pkgs =
    lib.genAttrs [ "kvmfr" "looking-glass-client" "scream" "python3" ] (name: package name { })
    // {
      libvirt = package "libvirt-12.1.0" { } // { version = "12.1.0"; };
      qemu = package "qemu-10.2.2" { } // { version = "10.2.2"; };
      writeTextDir = path: text: package (baseNameOf path) { inherit path text; };
      writeText = name: text: package name { inherit text; };
      runCommand = name: attributes: script: package name (attributes // { inherit script; });
      callPackage = _: _: package "optimux" { };
    };
  gpu = address: {
    functions = [
      {
        address = "0000:${address}:00.0";
        id = "10de:249d";
      }
      {
        address = "0000:${address}:00.1";
        id = "10de:228b";
      }
    ];
  };
  vm = {
    gpu = "dgpu";
    memory = "16GiB";
    cpu.topology = {
      cores = 8;
      threads = 2;
    };
    disks = [ { source = "/var/lib/libvirt/images/windows.qcow2"; } ];
  };
  optimux = {
    imports = [ ../nixos-modules ];
    virtualisation.optimux = {
      enable = true;
      host.cpuVendor = "intel";
      gpus.dgpu = gpu "01";
      lookingGlass = {
        user = "alice";
        displays = [
          {
            width = 3840;
            height = 2160;
          }
        ];
      };
      vms = lib.listToAttrs (
        map (number: lib.nameValuePair "windows${toString number}" vm) (lib.range 1 vms)
      );
    };
  };
  inherit
    (lib.evalModules {
      specialArgs = { inherit pkgs; };
      modules = [
        ../tests/nix/upstream.nix
        {
          boot.kernelPackages = {
            inherit (pkgs) kvmfr;
            kernel.version = "6.18.20";
          };
          users.users.alice.isNormalUser = true;
          users.groups.kvm = { };
        }
      ]
      ++ lib.optional withModule optimux;
    })
    config
    ;
  # As NixOS: what is set, in text; derivations by the path of their build plan, which holds the VMs' options.
  shown =
    value:
    if lib.isDerivation value then
      value.drvPath
    else if lib.isAttrs value then
      lib.mapAttrs (_: shown) value
    else if lib.isList value then
      map shown value
    else
      value;
in
builtins.stringLength (
  builtins.toJSON (
    shown (
      removeAttrs config [
        "_module"
        "boot"
        "specialisation"
        "virtualisation"
      ]
      // {
        boot = removeAttrs config.boot [ "kernelPackages" ];
        virtualisation = removeAttrs config.virtualisation [ "optimux" ];
      }
    )
  )
)
