# The options of nixpkgs 26.05 that the emitted and the native modules set or read, with upstream's types and merging,
# and no more: a name that is not here is refused as upstream would refuse it. Beside each the file under nixos/modules
# that declares it.
{
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
    description = default' types.singleLineStr "";
    wantedBy = list unitName;
    before = list unitName;
    after = list unitName;
    requires = list unitName;
    conflicts = list unitName;
    partOf = list unitName;
    unitConfig = section;
    serviceConfig = section;
    script = lines;
  };

  # system/boot/systemd/tmpfiles.nix
  rule = types.submodule {
    options = {
      mode = default' types.str "-";
      user = default' types.str "-";
      group = default' types.str "-";
      age = default' types.str "-";
      argument = default' types.str "";
    };
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
    };

    environment.systemPackages = list types.package; # config/system-path.nix
    environment.etc = setOf { text = default' (types.nullOr types.lines) null; }; # system/etc/etc.nix
    networking.firewall.interfaces = setOf { allowedUDPPorts = list types.port; }; # services/networking/firewall.nix
    security.apparmor.enable = default' types.bool false; # security/apparmor/default.nix
    security.apparmor.includes = default' (types.attrsOf types.lines) { }; # security/apparmor/includes.nix
    services.udev.packages = mkOption {
      # services/hardware/udev.nix
      type = types.listOf types.path;
      default = [ ];
      apply = map lib.getBin;
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
      qemu = set {
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
}
