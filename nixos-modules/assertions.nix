# What stops the evaluation, all of it at once: values of a wrong form, and what only the configuration knows. Every
# other rule is the generator's, in the same words, when the domains are built.
{
  config,
  lib,
  plan,
  shape,
}:
let
  inherit (lib) concatMap optional;
  cfg = config.virtualisation.optimux;

  problem = path: found: allowed: remedy: {
    inherit path found allowed remedy;
  };
  shown = value: if lib.isString value then builtins.toJSON value else toString value;
  forms = import ./forms.nix { inherit lib problem shown; } shape "" {
    inherit (cfg)
      host
      gpus
      lookingGlass
      vms
      ;
  };

  cpuVendor = optional (cfg.host.cpuVendor == null) (
    problem "host.cpuVendor" "nothing" ''"intel" or "amd"'' "State it: the kernel's parameters depend on it."
  );
  kvmfr = optional (plan.kvmfr > 0 && !(config.boot.kernelPackages ? kvmfr)) (
    problem "lookingGlass.memory" ''"kvmfr", and config.boot.kernelPackages without a package kvmfr''
      "a kernel with that package, or \"shm\""
      "Choose other boot.kernelPackages, or set lookingGlass.memory = \"shm\"."
  );

  # users.users.<name>.extraGroups of ours makes the entry exist: only these say that the user does.
  exists =
    name:
    let
      user = config.users.users.${name} or { };
    in
    user.isNormalUser or false || user.isSystemUser or false || user.uid or null != null;
  people =
    concatMap (
      member:
      optional (!exists member.user) (
        problem "lookingGlass.user" "\"${member.user}\", who is no user of this system"
          "a user with users.users.<name>.isNormalUser or isSystemUser"
          "Declare the user, or correct the name."
      )
    ) plan.userGroups
    ++ concatMap (
      group:
      optional (!(config.users.groups ? ${group})) (
        problem "lookingGlass.group" "\"${group}\", which is no group of this system"
          "a group of users.groups"
          "Declare the group, or leave the option out."
      )
    ) plan.deviceGroups;

  unknown = concatMap (
    key:
    let
      inherit (cfg.vms.${key}) gpu;
    in
    optional (gpu != null && !(cfg.gpus ? ${gpu})) (
      problem "vms.${key}.gpu" (shown gpu)
        "a name of gpus: ${lib.concatStringsSep ", " (lib.attrNames cfg.gpus)}"
        "Declare the GPU, or correct the name."
    )
  ) keys;

  # Evaluation reads the first VM's of a card, so it must not go on with others in silence.
  keys = lib.attrNames cfg.vms;
  pictureOf = key: cfg.lookingGlass // lib.filterAttrs (_: value: value != null) cfg.vms.${key}.lookingGlass;
  pictured = lib.filter (key: cfg.vms.${key}.gpu != null && (pictureOf key).enable) keys;
  memories = concatMap (
    key:
    let
      first = lib.findFirst (other: cfg.vms.${other}.gpu == cfg.vms.${key}.gpu) key pictured;
      theirs = (pictureOf first).memory;
    in
    optional ((pictureOf key).memory != theirs) (
      problem "vms.${key}.lookingGlass.memory" (shown (pictureOf key).memory) (shown theirs)
        "VMs that take turns with one GPU share its memory; agree with vms.${first}."
    )
  ) pictured;
  usesIdd = lib.any (key: (pictureOf key).release == "idd") pictured;

  problems =
    forms
    ++ cpuVendor
    ++ kvmfr
    ++ lib.optionals (forms == [ ]) (people ++ unknown ++ memories);
  surprises =
    optional plan.apparmor (
      problem "host.securityModule" "apparmor" "none"
        "The libvirt of nixpkgs installs no AppArmor profiles: guests are not confined, and the rules have no effect."
    )
    ++ optional usesIdd (
      problem "lookingGlass.release" "idd" "b7, which is what nixpkgs has"
        "Overlay looking-glass-client with one of the master branch. The module kvmfr of nixpkgs serves both releases."
    );
  told = item: "virtualisation.optimux.${item.path}: found ${item.found}; allowed: ${item.allowed}. ${item.remedy}";
in
{
  assertions = map (item: {
    assertion = false;
    message = told item;
  }) problems;
  warnings = lib.optionals (problems == [ ]) (map told surprises);
}
