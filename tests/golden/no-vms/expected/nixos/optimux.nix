# Written by Optimux: the host's side of giving a GPU to a VM with Looking Glass.
# Keep this folder with your configuration, add ./optimux.nix to its imports, rebuild and reboot.
# Then define the VMs: virsh --connect qemu:///system define domains/NAME.xml
{
  config,
  lib,
  pkgs,
  ...
}:
{
  # The IOMMU, and what else must be known before the kernel starts.
  boot.kernelParams = [ "iommu=pt" ];

  # What runs the VMs, and what emulates their TPMs.
  virtualisation.libvirtd.enable = true;
}
