# What differs from other distributions, all of it: these options of `host` come from the NixOS configuration itself.
# Besides, names stand in the order of the alphabet (Nix sets have no other): it numbers the kvmfr devices, and the
# first VM with a picture is whom /etc/looking-glass-client.ini is for.
{ config, lib }:
let
  readOnly = default: text: {
    inherit default;
    readOnly = true;
    defaultText = lib.literalExpression text;
  };
  # "12.0.0-rc1" and "6.18.2-hardened1" are 12.0.0 and 6.18.2 to the generator.
  numbers =
    version:
    let
      found = builtins.match "([0-9]+([.][0-9]+){0,2}).*" version;
    in
    if found == null then null else builtins.head found;
  versionOf = path: package: readOnly (numbers (lib.getVersion package)) "${path}.version";

  # What nixos-facter saw, or which module nixos-generate-config has put into the configuration.
  seen = map (cpu: cpu.vendor_name or "") (config.hardware.facter.report.hardware.cpu or [ ]);
  modules = config.boot.kernelModules;
  is = name: module: lib.elem name seen || lib.elem module modules;
in
{
  distribution = readOnly "nixos" ''"nixos"'';
  initramfs = readOnly null "null";
  bootLoader = readOnly null "null";
  libvirtVersion = versionOf "config.virtualisation.libvirtd.package" config.virtualisation.libvirtd.package;
  qemuVersion = versionOf "config.virtualisation.libvirtd.qemu.package" config.virtualisation.libvirtd.qemu.package;
  kernelVersion = versionOf "config.boot.kernelPackages.kernel" config.boot.kernelPackages.kernel;
  cpuVendor = {
    default =
      if is "GenuineIntel" "kvm-intel" then
        "intel"
      else if is "AuthenticAMD" "kvm-amd" then
        "amd"
      else
        null;
    defaultText = lib.literalMD "what `hardware.facter` saw, or which of kvm-intel and kvm-amd `boot.kernelModules` has";
  };
  securityModule = {
    default = if config.security.apparmor.enable then "apparmor" else "none";
    defaultText = lib.literalExpression ''if config.security.apparmor.enable then "apparmor" else "none"'';
  };
}
