# The cards go to vfio-pci before any other driver; the kernel, udev and libvirt know what the VMs need.
{
  config,
  lib,
  pkgs,
  optimux,
  ...
}:
let
  inherit (lib) mkDefault mkIf optional;
  cfg = config.virtualisation.optimux;

  commented = purpose: lines: lib.concatLines ([ "# Written by Optimux: ${purpose}" ] ++ lines);

  modprobe =
    optional (optimux.vfioOptions != [ ]) "options vfio-pci ${lib.concatStringsSep " " optimux.vfioOptions}"
    ++ map (driver: "softdep ${driver} pre: vfio-pci") optimux.softdeps
    ++ optional (optimux.kvmfr != [ ]) (
      "options kvmfr static_size_mb="
      + lib.concatMapStringsSep "," (memory: toString memory.sizeMiB) optimux.kvmfr
    );

  # Text that udev substitutes nothing in.
  literal = lib.replaceStrings [ "$" "%" ] [ "$$" "%%" ];
  kvmfrRule =
    memory:
    ''SUBSYSTEM=="kvmfr", KERNEL=="${baseNameOf memory.path}", ''
    + ''GROUP="${literal memory.group}", MODE="0660", TAG+="uaccess"'';
  # One rule a function, for the moment when vfio-pci has it: at boot (add) or at the start of a VM (bind).
  idleRules =
    gpu:
    map (
      function:
      lib.concatStringsSep ", " (
        [
          ''ACTION=="add|bind", SUBSYSTEM=="pci", KERNEL=="${lib.toLower function.address}", DRIVER=="vfio-pci"''
          ''ATTR{d3cold_allowed}="${if gpu.d3coldAllowed then "1" else "0"}"''
          ''ATTR{power/control}="${if gpu.disableIdleD3 then "on" else "auto"}"''
        ]
        ++ lib.optionals gpu.d3coldAllowed [
          ''ATTR{../d3cold_allowed}="1"''
          ''ATTR{../power/control}="auto"''
        ]
      )
    ) (optimux.functionsOf gpu);
  idlePower = lib.concatMap idleRules optimux.gpus;
  udevFile = name: purpose: lines: pkgs.writeTextDir "lib/udev/rules.d/${name}" (commented purpose lines);

  # NixOS quotes the path; within quotes tmpfiles.d(5) still reads backslashes and specifiers.
  tmpfilesPath = lib.replaceStrings [ "\\" "%" ] [ "\\\\" "%%" ];
  memoryFile = memory: {
    ${tmpfilesPath memory.path}.f = {
      mode = "0660";
      user = if memory.user == null then "root" else memory.user;
      inherit (memory) group;
    };
  };
  # A link, renewed at each switch; virt-aa-helper resolves it to a path in the store, which it allows.
  tableLink = domain: {
    ${tmpfilesPath domain.tablePath}."L+".argument = "${cfg.domains}/acpi/${domain.key}.aml";
  };
in
{
  config = mkIf cfg.enable {
    # NixOS sorts this list: it is the softdeps that order, and extraModprobeConfig that reaches stage 1.
    boot.initrd.kernelModules = optimux.earlyModules;
    boot.extraModprobeConfig = mkIf (modprobe != [ ]) (
      commented "what vfio-pci takes, which drivers wait for it, how large the kvmfr devices are." modprobe
    );
    boot.blacklistedKernelModules = optimux.blacklist;
    boot.kernelParams = optimux.kernelParams;
    # Loaded at boot: where QEMU finds no device it makes a plain file in its place.
    boot.extraModulePackages = optional (
      optimux.kvmfr != [ ] && config.boot.kernelPackages ? kvmfr
    ) config.boot.kernelPackages.kvmfr;
    boot.kernelModules = optional (optimux.kvmfr != [ ]) "kvmfr";

    # By address: a unit and no udev rule, as rules run per device and in parallel, and the driver that another card
    # of the same kind loads takes every card that it finds unmarked.
    boot.initrd.systemd.services = mkIf (optimux.overrideAddresses != [ ]) {
      optimux-driver-override = {
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
          for address in ${lib.concatStringsSep " " optimux.overrideAddresses}; do
            override=/sys/bus/pci/devices/$address/driver_override
            if [ -e "$override" ]; then
              echo vfio-pci > "$override"
            else
              echo "no PCI device at $address" >&2
            fi
          done
        '';
      };
    };

    # As packages, which keep the files' names: uaccess must be tagged before 73-seat-late.rules.
    services.udev.packages =
      optional (optimux.kvmfr != [ ]) (
        udevFile "70-kvmfr.rules" "who may open the shared memory of Looking Glass." (
          map kvmfrRule optimux.kvmfr
        )
      )
      ++ optional (idlePower != [ ]) (
        udevFile "72-optimux-idle-power.rules"
          "how far idle cards may sleep. The parent is the root port, which sleeps last and wakes first."
          idlePower
      );

    systemd.tmpfiles.settings = mkIf (optimux.shm != [ ] || optimux.tableOwners != [ ]) {
      optimux = lib.mkMerge (map memoryFile optimux.shm ++ map tableLink optimux.tableOwners);
    };

    virtualisation.libvirtd.enable = true;
    virtualisation.libvirtd.qemu = {
      swtpm.enable = mkIf optimux.emulatesTpm (mkDefault true);
      # Setting this drops the default, the line with namespaces, and libvirt's list of devices: both are repeated.
      verbatimConfig = mkIf (optimux.deviceAcl != [ ]) ''
        namespaces = []
        cgroup_device_acl = [
        ${lib.concatMapStringsSep ",\n" (device: "  \"${device}\"") optimux.deviceAcl}
        ]
      '';
    };

    # Without effect today: the libvirt of nixpkgs installs no AppArmor profiles, so guests are not confined. This is
    # where the rules belong once it does.
    security.apparmor.includes = mkIf (optimux.apparmorRules != [ ]) {
      "local/abstractions/libvirt-qemu" = lib.concatLines optimux.apparmorRules;
    };

    users.users = lib.mkMerge (
      map (member: { ${member.user}.extraGroups = [ member.group ]; }) optimux.userGroups
    );

    specialisation = mkIf (cfg.specialisation != null && !cfg.bindGpus) {
      ${cfg.specialisation}.configuration.virtualisation.optimux.bindGpus = true;
    };
  };
}
