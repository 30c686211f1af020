# The domains and the tables: written by the generator when the system is built, defined in libvirt by a unit.
{
  config,
  lib,
  pkgs,
  optimux,
  ...
}:
let
  inherit (lib) mkIf mkOption types;
  cfg = config.virtualisation.optimux;

  # The options as the generator reads them: null is what it takes as "left out", but in a VM's own lookingGlass.
  data = {
    inherit (cfg) gpus host lookingGlass;
    vms = lib.mapAttrs (
      _: vm: vm // { lookingGlass = lib.filterAttrs (_: value: value != null) vm.lookingGlass; }
    ) cfg.vms;
  };
  built = import ./bundle.nix {
    inherit pkgs;
    inherit (cfg) package;
  } "optimux-domains" data;

  # What the configuration names, it decides; of a domain that exists, the rest is kept.
  named = lib.mapAttrs (_: vm: { uuid = vm.uuid != null; }) cfg.vms;
  task = pkgs.writeText "optimux-domains.json" (
    builtins.toJSON {
      folder = "${cfg.domains}/domains";
      vms = named;
      inherit (cfg) undefineRemoved;
    }
  );
in
{
  options.virtualisation.optimux.domains = mkOption {
    type = types.package;
    readOnly = true;
    default = built;
    defaultText = lib.literalMD "what the generator writes for the configuration";
    description = ''
      The built domains (`domains/<vm>.xml`), battery tables (`acpi/<vm>.aml`) and files for the guests (`windows/`).
    '';
  };

  config = mkIf (cfg.enable && cfg.define) {
    systemd.services.optimux-domains = {
      description = "Define the VMs of the configuration in libvirt";
      wantedBy = [ "multi-user.target" ];
      after = [
        "libvirtd.service"
        "systemd-tmpfiles-setup.service"
      ];
      requires = [ "libvirtd.service" ];
      # A changed definition restarts this unit alone: VMs are no part of it.
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
  };
}
