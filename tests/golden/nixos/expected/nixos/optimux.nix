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
    options vfio-pci ids=10de:249d,10de:228b
    softdep nouveau pre: vfio-pci
    softdep nvidia pre: vfio-pci
    softdep nvidia_drm pre: vfio-pci
    softdep nova_core pre: vfio-pci
    softdep i2c_nvidia_gpu pre: vfio-pci
    softdep snd_hda_intel pre: vfio-pci
    softdep xhci_pci pre: vfio-pci
    options kvmfr static_size_mb=64
  '';

  # Never loaded by alias: the card belongs to the VM.
  boot.blacklistedKernelModules = [
    "nouveau"
    "nvidia"
    "nvidia_drm"
    "nvidia_modeset"
    "nvidia_uvm"
    "nvidiafb"
    "nova_core"
    "nova"
  ];

  # The IOMMU, and what else must be known before the kernel starts.
  boot.kernelParams = [
    "intel_iommu=on"
    "iommu=pt"
  ];

  # The kernel module of Looking Glass, built for whichever kernel this system runs. Loaded at boot:
  # where QEMU finds no device it makes a plain file in its place.
  boot.extraModulePackages = [ config.boot.kernelPackages.kvmfr ];
  boot.kernelModules = [ "kvmfr" ];

  # As packages, which keep the files' names: uaccess must be tagged before 73-seat-late.rules, and
  # services.udev.extraRules becomes 99-local.rules.
  services.udev.packages = [
    (pkgs.writeTextDir "lib/udev/rules.d/70-kvmfr.rules" ''
      # Written by Optimux: who may open the shared memory of Looking Glass.
      SUBSYSTEM=="kvmfr", KERNEL=="kvmfr0", GROUP="kvm", MODE="0660", TAG+="uaccess"
    '')
    (pkgs.writeTextDir "lib/udev/rules.d/72-optimux-idle-power.rules" ''
      # Written by Optimux: how far idle cards may sleep. The parent is the root port, which sleeps last and wakes first.
      ACTION=="add|bind", SUBSYSTEM=="pci", KERNEL=="0000:01:00.0", DRIVER=="vfio-pci", ATTR{d3cold_allowed}="1", ATTR{power/control}="auto", ATTR{../d3cold_allowed}="1", ATTR{../power/control}="auto"
      ACTION=="add|bind", SUBSYSTEM=="pci", KERNEL=="0000:01:00.1", DRIVER=="vfio-pci", ATTR{d3cold_allowed}="1", ATTR{power/control}="auto", ATTR{../d3cold_allowed}="1", ATTR{../power/control}="auto"
    '')
  ];

  # What must lie in place before a VM starts:
  # - the battery table, at the path that the domain names
  systemd.tmpfiles.settings.optimux = {
    # Links into the store: they are renewed at each switch, where a copy (C, C+) would stay as it
    # was, and virt-aa-helper resolves them to paths that it allows.
    "/var/lib/libvirt/acpi/optimux-Windows11.aml"."L+".argument = "${./Windows11-battery.aml}";
  };

  # What runs the VMs, and what emulates their TPMs.
  virtualisation.libvirtd.enable = true;
  virtualisation.libvirtd.qemu.swtpm.enable = lib.mkDefault true;

  # Setting these drops NixOS' default, the line with namespaces, and libvirt's list of devices:
  # both are repeated, with the shared memory added.
  virtualisation.libvirtd.qemu.verbatimConfig = ''
    namespaces = []
    cgroup_device_acl = [
      "/dev/null",
      "/dev/full",
      "/dev/zero",
      "/dev/random",
      "/dev/urandom",
      "/dev/ptmx",
      "/dev/kvm",
      "/dev/userfaultfd",
      "/dev/kvmfr0"
    ]
  '';

  # The client of Looking Glass, and its settings for every user.
  environment.systemPackages = [ pkgs.looking-glass-client ];
  environment.etc."looking-glass-client.ini".text = lib.mkDefault ''
    ; Written by Optimux: the Looking Glass client's settings, for the VM Windows11.
    ; Your own go into ~/.config/looking-glass/client.ini, which is read after this file.

    [app]
    shmFile=/dev/kvmfr0
  '';

  # For the client, where no seat's uaccess gives it the shared memory.
  users.users.alice.extraGroups = [ "kvm" ];
}
