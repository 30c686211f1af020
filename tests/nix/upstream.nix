# The further options of nixpkgs 26.05 that the native modules read or set, beside those of ../nixos/upstream.nix.
{
  extendModules,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  default' = type: default: mkOption { inherit type default; };
  # Further options of a submodule that the other file declares, with its default.
  joined = wrap: options: mkOption { type = wrap (types.submodule { inherit options; }); };
  setOf = options: default' (types.attrsOf (types.submodule { inherit options; })) { };
  package = default: mkOption {
    type = types.package;
    inherit default;
  };
  list = item: default' (types.listOf item) [ ];

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
in
{
  imports = [ ../nixos/upstream.nix ];
  options = {
    warnings = list types.str; # misc/assertions.nix
    security.apparmor.enable = default' types.bool false; # security/apparmor/default.nix

    # config/users-groups.nix
    users.users = joined types.attrsOf {
      isNormalUser = default' types.bool false;
      isSystemUser = default' types.bool false;
      uid = default' (types.nullOr types.int) null;
    };
    users.groups = setOf { gid = default' (types.nullOr types.int) null; };

    # virtualisation/libvirtd.nix
    virtualisation.libvirtd.package = package pkgs.libvirt;
    virtualisation.libvirtd.qemu = joined lib.id { package = package pkgs.qemu; };

    # system/boot/systemd.nix
    systemd.services = setOf {
      description = default' types.singleLineStr "";
      wantedBy = list unitName;
      after = list unitName;
      requires = list unitName;
      serviceConfig = default' (types.attrsOf (types.either scalar (types.listOf scalar))) { };
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
