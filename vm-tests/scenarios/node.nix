# A NixOS machine that boots the throwaway QEMU of scenarios 1 to 3 itself: the generator's sources, the programs that
# it looks for, and its own kernel for the small guest.
{ pkgs, ... }:
{
  environment.systemPackages = [
    (pkgs.python3.withPackages (ps: [
      ps.click
      ps.lxml
      ps.qemu-qmp
    ]))
    pkgs.qemu
    pkgs.pkgsStatic.busybox
  ];

  virtualisation = {
    cores = 2;
    graphics = false;
    memorySize = 3072;
  };
}
