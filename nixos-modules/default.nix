# Optimux for NixOS: virtualisation.optimux gives the GPU to a VM, and brings its picture back.
#
# The values of the options are those of the generator, which writes domains, tables, rules and units when the system is
# built. What evaluation itself must know is decided in plan.nix, and set by the module that the generator emits for
# configurations without this one. Nothing is imported from a derivation.
{
  config,
  lib,
  pkgs,
  ...
}@args:
let
  inherit (lib) mkOption types;
  cfg = config.virtualisation.optimux;
  generated = import ./options.nix {
    inherit lib;
    platform = import ./platform.nix { inherit config lib; };
  };
  plan = import ./plan.nix { inherit lib cfg; };
  bundle = import ./bundle.nix {
    inherit pkgs;
    inherit (cfg) package;
  };

  # The options as the generator reads them: null is what it takes as "left out", but in a VM's own lookingGlass.
  data = {
    inherit (cfg) gpus host lookingGlass;
    vms = lib.mapAttrs (_: vm: vm // { lookingGlass = stated vm.lookingGlass; }) cfg.vms;
  };
  stated = lib.filterAttrs (_: value: value != null);
  # As much of them as rules, units and scripts of the host depend on: an edit of a VM builds none of them anew.
  hostData = data // {
    gpus = lib.mapAttrs (
      _: gpu: gpu // { functions = map placeless gpu.functions; otherDevices = map placeless gpu.otherDevices; }
    ) cfg.gpus;
    vms = lib.mapAttrs (_: vm: {
      inherit (vm) gpu battery;
      lookingGlass = stated vm.lookingGlass;
      memory = "1GiB";
    }) cfg.vms;
  };
  placeless = function: removeAttrs function [ "guestAddress" ];

  settings = import ../generator/optimux/emit/nixos_host.nix {
    inherit plan;
    files = bundle "optimux-host" hostData;
    guests = cfg.domains;
  } args;
  # What the configuration names, it decides; of a domain that exists, the rest is kept.
  task = pkgs.writeText "optimux-domains.json" (
    builtins.toJSON {
      folder = "${cfg.domains}/domains";
      vms = lib.mapAttrs (_: vm: { uuid = vm.uuid != null; }) cfg.vms;
      inherit (cfg) undefineRemoved;
    }
  );
in
{
  options.virtualisation.optimux = generated.options // {
    enable = lib.mkEnableOption "giving a GPU to libvirt's VMs, with Looking Glass";

    package = mkOption {
      type = types.package;
      default = pkgs.buildPackages.callPackage ../package.nix { };
      defaultText = lib.literalMD "the generator of the same source as this module";
      description = "The generator that writes domains, tables and files, as it runs where the system is built.";
    };

    specialisation = mkOption {
      type = types.nullOr (types.strMatching "[A-Za-z0-9_-]+");
      default = null;
      description = ''
        Name of a specialisation in which the cards are bound to vfio-pci. The default boot then leaves them to the
        host's drivers. Null binds them in every boot.
      '';
      example = "passthrough";
    };

    bindGpus = mkOption {
      type = types.bool;
      default = cfg.specialisation == null;
      defaultText = lib.literalExpression "config.virtualisation.optimux.specialisation == null";
      description = "Whether this boot binds the cards early; the specialisation sets it.";
    };

    define = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether the VMs are defined in libvirt after each activation. A running VM is not touched: it has its new
        definition at its next start. UUID, MAC addresses and the variable store that libvirt holds are kept where
        the configuration names none. VMs that it does not name are left alone.
      '';
    };

    undefineRemoved = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether a VM that this module has defined, and that the configuration no longer names, is undefined. Its
        disks, variable store and TPM stay; a running one is left until it is off.
      '';
    };

    domains = mkOption {
      type = types.package;
      readOnly = true;
      default = bundle "optimux-domains" data;
      defaultText = lib.literalMD "what the generator writes for the configuration";
      description = ''
        What was built: domains (`domains/<vm>.xml`), battery tables (`acpi/<vm>.aml`), files for the guests
        (`windows/`), the client's settings for each VM (`etc/optimux/clients/<vm>.ini`).
      '';
    };
  };

  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      settings
      (import ./assertions.nix {
        inherit config lib plan;
        inherit (generated) shape;
      })
      {
        # What libvirt's hook hands a card on demand over with.
        environment.systemPackages = lib.optional plan.onDemand cfg.package;
      }
      {
        systemd.services.optimux-domains = lib.mkIf cfg.define {
          description = "Define the VMs of the configuration in libvirt";
          wantedBy = [ "multi-user.target" ];
          # A changed definition restarts this unit alone: VMs are no part of it.
          wants = [ "libvirtd.service" ];
          after = [
            "libvirtd.service"
            "optimux-libvirt.service"
          ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            StateDirectory = "optimux";
            ExecStart = lib.concatStringsSep " " [
              "${pkgs.python3}/bin/python3"
              "${./define-domains.py}"
              "${task}"
              "${config.virtualisation.libvirtd.package}/bin/virsh"
              "/var/lib/optimux/domains.json"
            ];
          };
        };
        specialisation = lib.mkIf (cfg.specialisation != null && !cfg.bindGpus) {
          ${cfg.specialisation}.configuration.virtualisation.optimux.bindGpus = true;
        };
      }
    ]
  );
}
