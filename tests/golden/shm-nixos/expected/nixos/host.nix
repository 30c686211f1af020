# The host's side of giving a GPU to a VM with Looking Glass, as settings of NixOS 26.05. Nothing is decided here:
#
# plan    what evaluation must know, with the keys of plan.json
# files   rules, units and scripts of the host, as a path in the store
# guests  what follows from the VMs: /etc/optimux, the client's settings, the script that settles libvirt
{
  plan,
  files,
  guests ? files,
}:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkDefault mkForce mkIf optional;
  inherit (config.virtualisation) libvirtd;
  hasKvmfr = plan.kvmfr > 0;
  override = "${files}/libexec/optimux-driver-override";
  hook = "${guests}/libexec/optimux-hook";
  qemuConf = pkgs.writeText "qemu.conf" libvirtd.qemu.verbatimConfig;
  modprobe =
    optional (plan.vfioOptions != [ ]) "options vfio-pci ${toString plan.vfioOptions}"
    ++ map (driver: "softdep ${driver} pre: vfio-pci") plan.softdeps;
in
{
  # NixOS sorts this list: it is the softdeps that order, and extraModprobeConfig that reaches stage 1.
  boot.initrd.kernelModules = plan.earlyModules;
  boot.extraModprobeConfig = mkIf (modprobe != [ ]) (lib.concatLines modprobe);
  boot.blacklistedKernelModules = plan.blacklist;
  boot.kernelParams = plan.kernelParams;

  # Loaded at boot: where QEMU finds no device it makes a plain file in its place.
  boot.extraModulePackages = optional (
    hasKvmfr && config.boot.kernelPackages ? kvmfr
  ) config.boot.kernelPackages.kvmfr;
  boot.kernelModules = optional hasKvmfr "kvmfr";

  # By address: a unit and no udev rule, as rules run per device and in parallel, and the driver that another card
  # of the same kind loads takes every card that it finds unmarked.
  boot.initrd.systemd = mkIf plan.byAddress {
    storePaths = [ override ];
    services.optimux-driver-override = {
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
        ExecStart = "/bin/sh ${override}";
      };
    };
  };
  assertions = optional plan.byAddress {
    assertion = config.boot.initrd.systemd.enable;
    message = "Binding a GPU by its address needs boot.initrd.systemd.enable.";
  };

  # As packages, which keep the files' names: uaccess must be tagged before 73-seat-late.rules.
  services.udev.packages = [ files ];
  systemd.packages = optional (plan.scream != [ ]) files;
  systemd.tmpfiles.packages = [ files ];
  # The images of QEMU have no enrolled keys.
  systemd.tmpfiles.settings = mkIf plan.enrolledKeys {
    optimux-firmware = {
      "/run/optimux/OVMF_CODE.fd"."L+".argument = "${pkgs.OVMFFull.fd}/FV/OVMF_CODE.ms.fd";
      "/run/optimux/OVMF_VARS.fd"."L+".argument = "${pkgs.OVMFFull.fd}/FV/OVMF_VARS.ms.fd";
    };
  };

  environment.etc = lib.mkMerge [
    (mkIf hasKvmfr { "modprobe.d/optimux-kvmfr.conf".source = "${files}/etc/modprobe.d/optimux-kvmfr.conf"; })
    (mkIf (plan.client || plan.tables || plan.onDemand) { optimux.source = "${guests}/etc/optimux"; })
    (mkIf plan.client {
      "looking-glass-client.ini".source = mkDefault "${guests}/etc/looking-glass-client.ini";
    })
  ];
  environment.systemPackages =
    optional plan.client pkgs.looking-glass-client ++ optional (plan.scream != [ ]) pkgs.scream;

  virtualisation.libvirtd = {
    enable = true;
    # VFIO cannot save a guest's memory; and a VM that ran must not meet a card that this boot left to the host.
    onShutdown = mkDefault "shutdown";
    onBoot = mkDefault "ignore";
    hooks.qemu = mkIf plan.hook { optimux = hook; };
    qemu.swtpm.enable = mkIf plan.emulatedTpm (mkDefault true);
    # Setting this drops the default, the line with namespaces, and libvirt's list of devices: both are repeated.
    qemu.verbatimConfig = mkIf (plan.deviceAcl != [ ]) ''
      namespaces = []
      cgroup_device_acl = [
      ${lib.concatMapStringsSep ",\n" (device: "  \"${device}\"") plan.deviceAcl}
      ]
    '';
  };
  # Without effect today: the libvirt of nixpkgs installs no AppArmor profiles, so guests are not confined. This is
  # where the rules belong once it does.
  security.apparmor.includes = mkIf plan.apparmor {
    "local/abstractions/libvirt-qemu" = ''include "${files}/apparmor/libvirt-qemu"'';
  };

  users.users = lib.mkMerge (
    map (member: { ${member.user}.extraGroups = [ member.group ]; }) plan.userGroups
    ++ optional (!libvirtd.qemu.runAsRoot) { qemu-libvirtd.extraGroups = plan.deviceGroups; }
  );

  # Users of libvirt's bridges reach its dnsmasq: what the firewall drops, no rule of libvirt's own table accepts.
  networking.firewall.interfaces = lib.mkMerge (
    map (unit: { ${unit.interface}.allowedUDPPorts = [ unit.port ]; }) plan.scream
    ++ map (bridge: {
      ${bridge} = mkIf config.networking.nftables.enable {
        allowedTCPPorts = [ 53 ];
        allowedUDPPorts = [
          53
          67
          547
        ];
      };
    }) plan.bridges
  );

  systemd.user.services = lib.listToAttrs (
    map (unit: lib.nameValuePair unit.name { wantedBy = [ "graphical-session.target" ]; }) plan.scream
  );
  systemd.services = lib.mkMerge (
    [
      {
        optimux-libvirt = {
          description = "Bring libvirt to the configuration: qemu.conf, shared memory, networks, images";
          wantedBy = [ "multi-user.target" ];
          # Wanted, not required: a restart of libvirtd would end this unit, which may be what restarts it.
          wants = [ "libvirtd.service" ];
          after = [
            "libvirtd.service"
            "systemd-tmpfiles-setup.service"
          ];
          restartTriggers = [ libvirtd.qemu.verbatimConfig ];
          path = [
            libvirtd.package
            libvirtd.qemu.package
          ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          # libvirtd reads qemu.conf and looks for hooks when it starts, and NixOS never restarts it. NixOS' second run
          # of systemd-tmpfiles leaves /dev out.
          script = ''
            has_read() {
              case "$(cat /var/lib/libvirt/qemu.conf)" in *"$(cat "$1")"*) ;; *) return 1 ;; esac
            }
            knows() {
              [ "$1" -ef /var/lib/libvirt/hooks/qemu.d/optimux ]
            }
            if ! has_read ${qemuConf}${lib.optionalString plan.hook " || ! knows ${hook}"}; then
              systemctl try-restart libvirtd.service
            fi
            systemd-tmpfiles --create ${files}/lib/tmpfiles.d/optimux.conf
            ${guests}/libexec/optimux-libvirt
          '';
        };
      }
      (mkIf plan.autostart {
        optimux-autostart = {
          description = "Start VMs once their GPU, networks and shared memory are there";
          wantedBy = [ "multi-user.target" ];
          after = [
            "optimux-libvirt.service"
            "optimux-domains.service"
          ];
          path = [ libvirtd.package ];
          # At boot alone: a switch must not start what its user has shut down.
          restartIfChanged = false;
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            ExecStart = "${guests}/libexec/optimux-autostart";
          };
        };
      })
    ]
    # They would look for a card that is not theirs.
    ++ map (name: { ${name}.enable = mkForce false; }) plan.idleServices
  );
}
