# Configurations, many in one process: for each case what the native module and the emitted one add up to.
# A case has settings (virtualisation.optimux), emitted (a path, or null), versions (libvirt, qemu, kernel) and users;
# "extra" is a path to a module of the test's own, or null; "special" are further arguments of every module.
{ cases }:
let
  worldOf = case: import ./world.nix { versions = { inherit (case.versions) libvirt qemu; }; };
  lib = import <nixpkgs/lib>;
  evaluated =
    case: modules:
    let
      world = worldOf case;
    in
    world.evaluated case.special (
      [
        {
          boot.kernelPackages = {
            kernel = world.versioned "linux" case.versions.kernel;
          }
          // lib.optionalAttrs case.hasKvmfr { inherit (world.pkgs) kvmfr; };
          users.users = lib.genAttrs case.users (_: { isNormalUser = true; });
          users.groups = lib.genAttrs case.groups (_: { });
        }
      ]
      ++ lib.optional (case.extra != null) (/. + case.extra)
      ++ modules
    );
  native =
    case:
    let
      config = evaluated case [
        ../../nixos-modules
        { virtualisation.optimux = case.settings // { enable = true; }; }
      ];
    in
    {
      config = (worldOf case).settings config;
      inherit (config) warnings;
      failed = (worldOf case).failed config;
      plan = import ../../nixos-modules/plan.nix {
        inherit lib;
        cfg = config.virtualisation.optimux;
      };
      options = config.virtualisation.optimux.domains.options;
      hostOptions = (lib.findFirst (_: true) { options = null; } config.systemd.tmpfiles.packages).options;
      specialisation = lib.attrNames config.specialisation;
    };
  emitted =
    case:
    let
      config = evaluated case [ (/. + case.emitted) ];
    in
    {
      config = (worldOf case).settings config;
      failed = (worldOf case).failed config;
    };
  only = case: lib.filterAttrs (name: _: lib.elem name case.wanted);
in
map (case: {
  native = if case.wanted == [ ] then native case else only case (native case);
  emitted = if case.emitted == null then null else emitted case;
}) (builtins.fromJSON (builtins.readFile cases))
