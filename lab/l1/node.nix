# A NixOS machine with the same emulated hardware as the Debian one and the same options, which `change` may alter.
{
  self,
  change ? (options: options),
}:
{ lib, ... }:
let
  hardware = lib.importTOML ./hardware.toml;
in
{
  imports = [
    self.nixosModules.default
    ../scenarios/programs.nix
  ];

  # The drivers that compete with vfio-pci, in stage 1 as well.
  boot.initrd.availableKernelModules = [
    "bochs"
    "snd_hda_intel"
  ];
  users.users.alice.isNormalUser = true;

  virtualisation = {
    cores = 1; # guests of a second one, both emulated, lose timer interrupts and hang
    memorySize = 3072;
    graphics = false;
    qemu.options = [
      "-machine ${hardware.machine}"
      "-vga none" # the launcher's own would be a third card of the same id
    ]
    ++ map (device: "-device ${lib.escapeShellArg (builtins.toJSON device)}") hardware.devices;
    optimux = change (self.lib.fromTOML ./options.toml) // {
      enable = true;
    };
  };
}
