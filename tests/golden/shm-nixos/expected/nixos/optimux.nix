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
  # In stage 1, before GPU drivers. NixOS sorts this list: it is the softdeps below that order.
  boot.initrd.kernelModules = [
    "vfio_pci"
    "vfio"
    "vfio_iommu_type1"
  ];

  # Reaches both stages, unlike files under environment.etc."modprobe.d".
  boot.extraModprobeConfig = ''
    # Written by Optimux: what vfio-pci takes, which drivers wait for it, how large the kvmfr devices are.
    softdep nouveau pre: vfio-pci
    softdep nvidia pre: vfio-pci
    softdep nvidia_drm pre: vfio-pci
    softdep nova_core pre: vfio-pci
    softdep i2c_nvidia_gpu pre: vfio-pci
    softdep snd_hda_intel pre: vfio-pci
    softdep xhci_pci pre: vfio-pci
  '';

  # Marks the card by its address, before anything loads a driver. A udev rule would come too late
  # where another device with the same driver is seen first.
  boot.initrd.systemd.services.optimux-driver-override = {
    description = "Reserve PCI devices for vfio-pci";
    wantedBy = [ "sysinit.target" ];
    before = [
      "sysinit.target"
      "systemd-modules-load.service"
      "systemd-udevd.service"
      "systemd-udev-trigger.service"
      "shutdown.target"
    ];
    conflicts = [ "shutdown.target" ];
    unitConfig.DefaultDependencies = false;
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    script = ''
      for address in 0000:01:00.0 0000:01:00.1; do
        override=/sys/bus/pci/devices/$address/driver_override
        if [ -e "$override" ]; then
          echo vfio-pci > "$override"
        else
          echo "no PCI device at $address" >&2
        fi
      done
    '';
  };
  assertions = [
    {
      assertion = config.boot.initrd.systemd.enable;
      message = "Binding a GPU by its address needs boot.initrd.systemd.enable.";
    }
  ];

  # The IOMMU, and what else must be known before the kernel starts.
  boot.kernelParams = [
    "intel_iommu=on"
    "iommu=pt"
  ];

  # As packages, which keep the files' names: uaccess must be tagged before 73-seat-late.rules, and
  # services.udev.extraRules becomes 99-local.rules.
  services.udev.packages = [
    (pkgs.writeTextDir "lib/udev/rules.d/72-optimux-idle-power.rules" ''
      # Written by Optimux: how far idle cards may sleep. The parent is the root port, which sleeps last and wakes first.
      ACTION=="add|bind", SUBSYSTEM=="pci", KERNEL=="0000:01:00.0", DRIVER=="vfio-pci", ATTR{d3cold_allowed}="1", ATTR{power/control}="auto", ATTR{../d3cold_allowed}="1", ATTR{../power/control}="auto"
      ACTION=="add|bind", SUBSYSTEM=="pci", KERNEL=="0000:01:00.1", DRIVER=="vfio-pci", ATTR{d3cold_allowed}="1", ATTR{power/control}="auto", ATTR{../d3cold_allowed}="1", ATTR{../power/control}="auto"
    '')
  ];

  # What must lie in place before a VM starts:
  # - the shared memory, before QEMU or the client would create it as theirs
  # - the battery table, at the path that the domain names
  systemd.tmpfiles.settings.optimux = {
    "/dev/shm/looking-glass".f = {
      mode = "0660";
      user = "alice";
      group = "kvm";
    };

    # Links into the store: they are renewed at each switch, where a copy (C, C+) would stay as it
    # was, and virt-aa-helper resolves them to paths that it allows.
    "/var/lib/libvirt/acpi/guest.aml"."L+".argument = "${./guest-battery.aml}";
  };

  # What runs the VMs, and what emulates their TPMs.
  virtualisation.libvirtd.enable = true;
  virtualisation.libvirtd.qemu.swtpm.enable = lib.mkDefault true;

  # The client of Looking Glass, and its settings for every user.
  environment.systemPackages = [ pkgs.looking-glass-client ];
  environment.etc."looking-glass-client.ini".text = lib.mkDefault ''
    ; Written by Optimux: the Looking Glass client's settings, for the VM guest.
    ; Your own go into ~/.config/looking-glass/client.ini, which is read after this file.

    [app]
    shmFile=/dev/shm/looking-glass

    [win]
    fullScreen=yes
  '';

  # For the client, where no seat's uaccess gives it the shared memory.
  users.users.alice.extraGroups = [ "kvm" ];

  # Sound of the VMs over the network, by Scream, and NixOS' firewall opened for it.
  systemd.user.services.optimux-scream = {
    description = "Scream receiver on virbr1";
    wantedBy = [ "graphical-session.target" ];
    partOf = [ "graphical-session.target" ];
    after = [ "graphical-session.target" ];

    # The interface of a libvirt network may come long after login.
    serviceConfig = {
      ExecStart = "${pkgs.scream}/bin/scream -i virbr1 -o alsa -v";
      Restart = "always";
      RestartSec = 5;
    };
  };
  networking.firewall.interfaces.virbr1.allowedUDPPorts = [ 4010 ];
}
