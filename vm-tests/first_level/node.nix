# A NixOS machine with the same emulated cards as the Debian one: two functions in one slot, and another card of the
# same id. `gpu` are further options of the card.
{
  self,
  gpu ? { },
}:
{ pkgs, ... }:
let
  port =
    number: slot: "-device pcie-root-port,id=port${number},bus=pcie.0,chassis=${number},slot=${number},addr=${slot}";
in
{
  imports = [ self.nixosModules.default ];

  # The drivers that compete with vfio-pci, in stage 1 as well.
  boot.initrd.availableKernelModules = [
    "bochs"
    "snd_hda_intel"
  ];
  environment.systemPackages = [ pkgs.python3 ];

  virtualisation = {
    memorySize = 2048;
    graphics = false;
    qemu.options = [
      "-machine q35,kernel-irqchip=split"
      "-device intel-iommu,intremap=on,caching-mode=on,aw-bits=48"
      "-vga none" # the launcher's own would be a third card of the same id
      (port "1" "0x18")
      (port "2" "0x19")
      "-device secondary-vga,id=gpu,bus=port1,addr=0x0.0x0,multifunction=on"
      "-device ich9-intel-hda,id=audio,bus=port1,addr=0x0.0x1"
      "-device secondary-vga,id=other,bus=port2"
    ];
    optimux = {
      enable = true;
      host.cpuVendor = "intel";
      gpus.card = {
        functions = [
          {
            address = "0000:01:00.0";
            id = "1234:1111";
          }
          {
            address = "0000:01:00.1";
            id = "8086:293e";
          }
        ];
      }
      // gpu;
    };
  };
}
