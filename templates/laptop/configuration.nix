{ pkgs, ... }:
{
  system.stateVersion = "26.05";

  users.users.alice = {
    isNormalUser = true;
    extraGroups = [
      "libvirtd"
      "wheel"
    ];
  };

  virtualisation.optimux = {
    enable = true;
    # The card stays with the host unless this entry of the boot menu is chosen. Remove the line to bind it always.
    specialisation = "passthrough";

    # What nixos-generate-config has put into the hardware configuration says this too.
    host.cpuVendor = "intel";

    # All functions of the card; lspci -Dnn shows addresses and ids.
    gpus.rtx3070.functions = [
      {
        address = "0000:01:00.0";
        id = "10de:249d";
      }
      {
        address = "0000:01:00.1";
        id = "10de:228b";
      }
    ];

    # The size of the shared memory follows from the largest display.
    lookingGlass = {
      user = "alice";
      displays = [
        {
          width = 2560;
          height = 1440;
        }
      ];
    };

    vms.Windows11 = {
      gpu = "rtx3070";
      memory = "16GiB";
      cpu.topology = {
        cores = 6;
        threads = 2;
      };
      disks = [
        # Made empty where it is not there, and never touched again.
        {
          source = "/var/lib/libvirt/images/Windows11.qcow2";
          create = "128GiB";
        }
        # The drivers for Windows' installer. Its own medium is one more of these.
        {
          source = pkgs.virtio-win.src;
          device = "cdrom";
        }
      ];
    };
  };
}
