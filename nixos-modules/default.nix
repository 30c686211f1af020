# Optimux for NixOS: virtualisation.optimux gives the GPU to a VM, and brings its picture back.
#
# The values of the options are those of the generator, which writes the domains and the tables when the system is
# built; what belongs to the host is set here, natively, from the same rules (rules.toml). Nothing is imported from a
# derivation.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.virtualisation.optimux;
  generated = import ./options.nix {
    inherit lib;
    platform = import ./platform.nix { inherit config lib; };
  };
in
{
  imports = [
    ./host.nix
    ./looking-glass.nix
    ./domains.nix
    ./assertions.nix
  ];

  options.virtualisation.optimux = generated.options // {
    enable = lib.mkEnableOption "giving a GPU to libvirt's VMs, with Looking Glass";

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../package.nix { };
      defaultText = lib.literalMD "the generator of the same source as this module";
      description = "The generator that writes the domains and the battery tables.";
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
  };

  config = lib.mkIf cfg.enable {
    _module.args.optimux = import ./plan.nix { inherit lib cfg; } // {
      inherit (generated) shape;
    };
  };
}
