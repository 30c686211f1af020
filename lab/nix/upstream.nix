# The options of nixpkgs 26.05 that the emitted and the native modules set or read, with upstream's types and merging,
# and no more: a name that is not here is refused as upstream would refuse it. Beside each the file under nixos/modules
# that declares it.
{
  config,
  extendModules,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;

  list = item: default' (types.listOf item) [ ];
  lines = default' types.lines "";
  package =
    default:
    mkOption {
      type = types.package;
      inherit default;
    };
  default' = type: default: mkOption { inherit type default; };
  set = options: default' (types.submodule { inherit options; }) { };
  setOf = options: default' (types.attrsOf (types.submodule { inherit options; })) { };

  # system/boot/kernel.nix: a set of names, so the order of a list is lost
  modules = mkOption {
    type = types.coercedTo (types.listOf types.str) (names: lib.genAttrs names (_: true)) (
      types.attrsOf types.bool
    );
    default = { };
    apply = modules: lib.attrNames (lib.filterAttrs (_: wanted: wanted) modules);
  };

  # lib/systemd-unit-options.nix
  unitName = types.strMatching "[a-zA-Z0-9@%:_.\\-]+[.](service|socket|device|mount|automount|swap|target|path|timer|scope|slice)";
  scalar = types.oneOf [
    types.bool
    types.int
    types.float
    types.str
    types.path
    types.package
  ];
  section = default' (types.attrsOf (types.either scalar (types.listOf scalar))) { };
  service = {
    enable = default' types.bool true;
    description = default' types.singleLineStr "";
    wantedBy = list unitName;
    before = list unitName;
    after = list unitName;
    requires = list unitName;
    wants = list unitName;
    conflicts = list unitName;
    partOf = list unitName;
    unitConfig = section;
    serviceConfig = section;
    script = lines;
    path = list (types.oneOf [
      types.package
      types.str
    ]);
    restartTriggers = list types.unspecified;
    restartIfChanged = default' types.bool true;
  };

  # system/boot/systemd/tmpfiles.nix
  rule = types.submodule (
    { name, ... }:
    {
      options = {
      type = default' types.str name;
      mode = default' types.str "-";
      user = default' types.str "-";
      group = default' types.str "-";
      age = default' types.str "-";
      argument = default' types.str "";
    };
    }
  );

  # system/etc/etc.nix: a text becomes a file; what has neither text nor source is no entry
  etcEntry = types.submodule (
    { config, options, name, ... }:
    {
      options = {
        text = default' (types.nullOr types.lines) null;
        source = mkOption { type = types.path; };
      };
      config.source = lib.mkIf (config.text != null) (
        lib.mkDerivedConfig options.text (pkgs.writeText "etc-${baseNameOf name}")
      );
    }
  );
  ports = {
    allowedTCPPorts = list types.port;
    allowedUDPPorts = list types.port;
  };
in
{
  options = {
    # misc/assertions.nix
    assertions = list types.unspecified;
    warnings = list types.str;

    boot = {
      kernelPackages = default' types.raw { inherit (pkgs) kvmfr; }; # system/boot/kernel.nix
      kernelModules = modules;
      # system/boot/kernel.nix: words, of which quotes may hold white space
      kernelParams = list (types.strMatching ''([^"[:space:]]|"[^"]*")+'');
      extraModulePackages = list types.package;
      extraModprobeConfig = lines; # system/boot/modprobe.nix
      blacklistedKernelModules = modules;
      initrd.kernelModules = modules;
      initrd.systemd.enable = default' types.bool true; # system/boot/systemd/initrd.nix
      initrd.systemd.services = setOf service;
      initrd.systemd.storePaths = list (
        types.oneOf [
          types.singleLineStr
          types.package
        ]
      );
    };

    environment.systemPackages = list types.package; # config/system-path.nix
    environment.etc = default' (types.attrsOf etcEntry) { };
    hardware.facter.report = default' (types.attrsOf types.anything) { }; # hardware/facter/default.nix
    networking.firewall.interfaces = setOf ports; # services/networking/firewall.nix
    networking.nftables.enable = default' types.bool false; # services/networking/nftables.nix
    security.apparmor.enable = default' types.bool false; # security/apparmor/default.nix
    security.apparmor.includes = default' (types.attrsOf types.lines) { }; # security/apparmor/includes.nix
    services.udev.packages = mkOption {
      # services/hardware/udev.nix
      type = types.listOf types.path;
      default = [ ];
      apply = map lib.getBin;
    };
    systemd.packages = list types.package; # system/boot/systemd.nix
    systemd.tmpfiles.packages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      apply = map lib.getLib;
    };
    systemd.tmpfiles.settings = default' (types.attrsOf (types.attrsOf (types.attrsOf rule))) { };
    systemd.services = setOf service; # system/boot/systemd.nix
    systemd.user.services = setOf service; # system/boot/systemd/user.nix

    # config/users-groups.nix
    users.users = setOf {
      extraGroups = list types.str;
      isNormalUser = default' types.bool false;
      isSystemUser = default' types.bool false;
      uid = default' (types.nullOr types.int) null;
    };
    users.groups = setOf { gid = default' (types.nullOr types.int) null; };

    # virtualisation/libvirtd.nix
    virtualisation.libvirtd = {
      enable = default' types.bool false;
      package = package pkgs.libvirt;
      onBoot = default' (types.enum [
        "start"
        "ignore"
      ]) "start";
      onShutdown = default' (types.enum [
        "shutdown"
        "suspend"
      ]) "suspend";
      hooks = set { qemu = default' (types.attrsOf types.path) { }; };
      firewallBackend = default' (types.enum [
        "iptables"
        "nftables"
      ]) (if config.networking.nftables.enable then "nftables" else "iptables");
      qemu = set {
        runAsRoot = default' types.bool true;
        package = package pkgs.qemu;
        swtpm = set { enable = default' types.bool false; };
        verbatimConfig = mkOption {
          type = types.lines;
          default = "namespaces = []\n";
        };
      };
    };

    # system/activation/specialisation.nix: the parent's configuration, extended, without further ones
    specialisation = setOf {
      configuration = mkOption {
        inherit (extendModules { modules = [ { specialisation = lib.mkOverride 0 { }; } ]; }) type;
        default = { };
      };
    };
  };
  # The user whom libvirtd gives to QEMU, unless it runs as root.
  config = lib.mkIf config.virtualisation.libvirtd.enable {
    users.users.qemu-libvirtd.uid = 301; # misc/ids.nix
    users.groups.qemu-libvirtd.gid = 301;
  };
}
