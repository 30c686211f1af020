# Beside the options that the modules of this repository set: those of every NixOS system, as far as examples, the
# template and VM tests name them. Beside each the file under nixos/modules that declares it.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  default' = type: default: mkOption { inherit type default; };
  failed = lib.filter (item: !item.assertion) config.assertions;
  # Everything that is set, with what it refers to.
  everything = removeAttrs config [
    "_module"
    "assertions"
    "specialisation"
    "system"
    "boot"
    "virtualisation"
  ];
  shown = {
    inherit everything;
    boot = removeAttrs config.boot [ "kernelPackages" ];
    libvirtd = config.virtualisation.libvirtd;
    specialisations = lib.mapAttrs (
      _: inner: toString inner.configuration.system.build.toplevel
    ) config.specialisation;
  };
in
{
  imports = [ ./upstream.nix ];
  options = {
    boot.loader.grub.enable = default' types.bool true; # system/boot/loader/grub/grub.nix
    boot.loader.systemd-boot.enable = default' types.bool false; # system/boot/loader/systemd-boot
    boot.initrd.availableKernelModules = default' (types.listOf types.str) [ ]; # system/boot/kernel.nix
    fileSystems = default' (types.attrsOf (
      types.submodule {
        # tasks/filesystems.nix
        options.device = default' (types.nullOr types.nonEmptyStr) null;
        options.fsType = default' types.nonEmptyStr "auto";
      }
    )) { };
    nixpkgs.hostPlatform = default' types.str "x86_64-linux"; # misc/nixpkgs.nix
    system.stateVersion = default' types.str "26.05"; # misc/version.nix
    system.build.toplevel = mkOption { type = types.package; }; # system/activation/top-level.nix
  };
  config = {
    boot.kernelPackages = {
      inherit (pkgs) kvmfr;
      kernel = {
        version = "6.18.20";
      };
    };
    users.groups = lib.genAttrs [ "kvm" "libvirtd" "users" "wheel" ] (_: { });
    # As upstream: a failed assertion ends the evaluation with all of them.
    system.build.toplevel =
      if failed != [ ] then
        throw "\nFailed assertions:\n${lib.concatMapStringsSep "\n" (item: "- ${item.message}") failed}"
      else
        lib.showWarnings config.warnings (pkgs.writeText "nixos-system" (builtins.toJSON shown));
  };
}
