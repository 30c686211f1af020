# A laptop's configuration over the declared options of NixOS, with or without the module; what it yields is forced.
{ withModule, vms }:
let
  lib = import <nixpkgs/lib>;
  # As NixOS: what is set, in text; derivations by the path of their build plan, which holds the VMs' options.
  world = import ../lab/nix/world.nix { showDerivation = value: value.drvPath; };
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
  config = world.evaluated { } (
    [
      {
        boot.kernelPackages = {
          inherit (world.pkgs) kvmfr;
          kernel.version = "6.18.20";
        };
        users.users.alice.isNormalUser = true;
        users.groups.kvm = { };
      }
    ]
    ++ lib.optional withModule optimux
  );
in
builtins.stringLength (builtins.toJSON (world.settings config))
