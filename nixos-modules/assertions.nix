# What cannot work stops the evaluation, all of it at once: each with the option's path, what was found, what is
# allowed and what to do. The generator checks everything else when the domains are built, in the same words.
{
  config,
  lib,
  optimux,
  ...
}:
let
  inherit (builtins)
    concatMap
    elem
    filter
    length
    map
    ;
  inherit (lib) optional;
  cfg = config.virtualisation.optimux;

  problem = path: found: allowed: remedy: {
    inherit path found allowed remedy;
  };
  shown =
    value:
    if lib.isString value then
      builtins.toJSON value
    else if value == null then
      "null"
    else
      toString value;

  forms = import ./forms.nix { inherit lib problem shown; } optimux.shape "" {
    inherit (cfg)
      host
      gpus
      lookingGlass
      vms
      ;
  };

  # --- meaning ------------------------------------------------------------------------------------------------------

  hasForm = path: !lib.any (other: lib.hasPrefix path other.path) forms;
  onceEach =
    allowed: items:
    let
      byValue = lib.groupBy (item: item.value) items;
    in
    concatMap (
      same:
      map (
        item: problem item.path item.value allowed "${(lib.head same).path} has it; change one of them."
      ) (lib.tail same)
    ) (lib.attrValues byValue);

  cpuVendor = optional (cfg.host.cpuVendor == null) (
    problem "host.cpuVendor" "nothing" ''"intel" or "amd"'' "State it: the kernel's parameters depend on it."
  );

  addresses = onceEach "each host address once" (
    concatMap (
      gpu:
      let
        at = key: index: function: {
          path = "gpus.${gpu.name}.${key}[${toString index}].address";
          value = lib.toLower function.address;
        };
      in
      lib.imap0 (at "functions") gpu.functions ++ lib.imap0 (at "otherDevices") gpu.otherDevices
    ) (filter (gpu: hasForm "gpus.${gpu.name}.") optimux.gpus)
  );
  # A slot whose function 0 is not there is not found by the guest's firmware.
  firstFunction = concatMap (
    gpu:
    let
      path = "gpus.${gpu.name}.functions";
      numbers = map (function: lib.last (lib.stringToCharacters function.address)) gpu.functions;
      slots = lib.unique (
        map (function: lib.toLower (lib.removeSuffix (lib.last (lib.stringToCharacters function.address)) function.address)) gpu.functions
      );
      given = lib.concatMapStringsSep ", " (function: function.address) gpu.functions;
    in
    lib.optionals (gpu.functions != [ ] && hasForm path) (
      optional (!elem "0" numbers) (
        problem path "no function 0 among ${given}" "all functions of the card, function 0 first"
          "Add function 0, the display; lspci -Dnn shows all."
      )
      ++ optional (length slots > 1) (
        problem path given "functions of one slot" "Put other devices into otherDevices."
      )
    )
  ) optimux.gpus;
  power = concatMap (
    gpu:
    optional (gpu.disableIdleD3 && gpu.d3coldAllowed) (
      problem "gpus.${gpu.name}.disableIdleD3" "true" "not together with d3coldAllowed"
        "Set d3coldAllowed = false to keep the card in D0, or leave disableIdleD3 out."
    )
  ) optimux.gpus;

  kvmfrPackage = optional (optimux.kvmfr != [ ] && !(config.boot.kernelPackages ? kvmfr)) (
    problem "lookingGlass.memory" ''"kvmfr", and config.boot.kernelPackages without a package kvmfr''
      "a kernel with that package, or \"shm\""
      "Choose other boot.kernelPackages, or set lookingGlass.memory = \"shm\"."
  );
  sizes = concatMap (
    memory:
    let
      path =
        if cfg.lookingGlass.size != null then "lookingGlass.size" else "shared memory of gpus.${memory.gpu}";
      powers = lib.genList (n: lib.foldl' (size: _: size * 2) 1 (lib.range 1 n)) 24;
    in
    optional (!elem memory.sizeMiB powers) (
      problem path "${toString memory.sizeMiB}MiB" "a power of two of at least 1MiB" "Leave it out."
    )
    ++ optional (memory.kind == "kvmfr" && memory.sizeMiB >= optimux.rules.lookingGlass.kvmfrBelowMiB) (
      problem path "${toString memory.sizeMiB}MiB"
        "below ${toString optimux.rules.lookingGlass.kvmfrBelowMiB}MiB for kvmfr"
        "Set lookingGlass.memory = \"shm\"."
    )
  ) optimux.memories;

  # users.users.<name>.extraGroups of ours makes the entry exist: only these say that the user does.
  exists =
    name:
    let
      user = config.users.users.${name} or { };
    in
    user.isNormalUser or false || user.isSystemUser or false || user.uid or null != null;
  people = concatMap (
    memory:
    let
      path = key: "lookingGlass.${key}";
    in
    optional (memory.user != null && !exists memory.user) (
      problem (path "user") "\"${memory.user}\", who is no user of this system"
        "a user with users.users.<name>.isNormalUser or isSystemUser"
        "Declare the user, or correct the name."
    )
    ++ optional (!(config.users.groups ? ${memory.group})) (
      problem (path "group") "\"${memory.group}\", which is no group of this system"
        "a group of users.groups"
        "Declare the group, or leave the option out."
    )
  ) optimux.memories;

  perVm =
    domain:
    let
      inherit (domain) vm;
      at = key: "vms.${domain.key}.${key}";
      inherit (vm) firmware battery;
      refused = lib.findFirst (
        prefix: lib.hasPrefix prefix battery.path
      ) null optimux.rules.apparmor.refusedPrefixes;
      bootable =
        vm.disks != [ ]
        || lib.any (network: network.bootOrder != null) vm.networks
        || (domain.gpu != null && domain.gpu.otherDevices != [ ])
        || vm.extraXml.devices != "";
      isBios = firmware.type == "bios";
    in
    optional (vm.gpu != null && domain.gpu == null) (
      problem (at "gpu") (shown vm.gpu)
        "a name of gpus: ${lib.concatStringsSep ", " (lib.attrNames cfg.gpus)}"
        "Declare the GPU, or correct the name."
    )
    ++ optional (!bootable) (
      problem (at "disks") "no disk, and nothing else to boot from" "at least one disk"
        "Add a disk, a network with a bootOrder, or a drive in the GPU's otherDevices."
    )
    ++ optional (isBios && firmware.loader != null) (
      problem (at "firmware.loader") firmware.loader "only with type = \"efi\"" "Remove it."
    )
    ++ optional (isBios && firmware.secureBoot) (
      problem (at "firmware.secureBoot") "true" "only with type = \"efi\"" "Remove it."
    )
    ++ optional (firmware.nvramTemplate != null && firmware.loader == null) (
      problem (at "firmware.nvramTemplate") firmware.nvramTemplate "only with a loader" "Add firmware.loader."
    )
    ++ concatMap (
      key:
      let
        file = firmware.${key};
      in
      optional (file != null && lib.hasPrefix "/usr/" file) (
        problem (at "firmware.${key}") "${file}, which no NixOS system has"
          "a path below /run/libvirt/nix-ovmf or /nix/store"
          "Leave it out: libvirt chooses the firmware."
      )
    ) [ "loader" "nvramTemplate" ]
    ++ optional
      (
        battery.enable
        && battery.path != null
        && cfg.host.securityModule == "apparmor"
        && refused != null
      )
      (
        problem (at "battery.path") battery.path "nothing below ${refused}, which AppArmor refuses"
          "Use /var/lib/libvirt/acpi/…, or leave it out."
      );
  names = onceEach "each name once" (
    map (domain: {
      path = "vms.${domain.key}.name";
      value = domain.name;
    }) optimux.domains
  );
  uuids = onceEach "each UUID once" (
    concatMap (
      domain:
      optional (domain.vm.uuid != null) {
        path = "vms.${domain.key}.uuid";
        value = lib.toLower domain.vm.uuid;
      }
    ) optimux.domains
  );

  problems =
    forms
    ++ cpuVendor
    ++ addresses
    ++ firstFunction
    ++ power
    ++ kvmfrPackage
    ++ lib.optionals (hasForm "lookingGlass" && hasForm "vms.") (sizes ++ people)
    ++ concatMap perVm optimux.domains
    ++ names
    ++ uuids;

  # --- what merely surprises ------------------------------------------------------------------------------------------

  notPassed = concatMap (
    gpu:
    map (
      function:
      problem "gpus.${gpu.name}" "${function.address}, bound and not passed" "passThrough = true"
        "Pass it too: neither host nor guest can use it now."
    ) (filter (function: !function.passThrough) gpu.functions)
  ) optimux.gpus;
  inertAppArmor = optional (optimux.apparmorRules != [ ]) (
    problem "host.securityModule" "apparmor" "none"
      "The libvirt of nixpkgs installs no AppArmor profiles: guests are not confined, and the rules have no effect."
  );
  iddClient = optional optimux.usesIdd (
    problem "lookingGlass.release" "idd" "b7, which is what nixpkgs has"
      "Overlay looking-glass-client and linuxPackages.kvmfr with ones of the master branch; versions must not mix."
  );

  told = item: "virtualisation.optimux.${item.path}: found ${item.found}; allowed: ${item.allowed}. ${item.remedy}";
in
{
  config = lib.mkIf cfg.enable {
    assertions =
      map (item: {
        assertion = false;
        message = told item;
      }) problems
      ++ optional (forms == [ ] && optimux.overrideAddresses != [ ]) {
        assertion = config.boot.initrd.systemd.enable;
        message = "Binding a GPU by its address needs boot.initrd.systemd.enable.";
      };
    warnings = lib.optionals (problems == [ ]) (map told (notPassed ++ inertAppArmor ++ iddClient));
  };
}
