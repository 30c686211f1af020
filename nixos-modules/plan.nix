# What the host must know, decided from the options alone: the generator's optimux.plan, as far as the host is
# concerned, by the same rules.
{ lib, cfg }:
let
  inherit (builtins)
    concatMap
    elem
    filter
    head
    length
    map
    match
    ;
  inherit (lib) optional optionals toLower;

  rules = lib.importTOML ../generator/optimux/rules.toml;
  named = lib.mapAttrsToList (name: value: value // { inherit name; });

  # --- sizes ----------------------------------------------------------------------------------------------------

  units = {
    K = 1024;
    M = 1024 * units.K;
    G = 1024 * units.M;
    T = 1024 * units.G;
  };
  # Bytes of a size with a unit; null for what is none, or has more digits than 63 bits hold.
  bytes =
    text:
    let
      found = match "0*([0-9]{1,12}) ?([KMGT])iB" text;
      most = {
        K = 12;
        M = 12;
        G = 9;
        T = 6;
      };
      unit = lib.last found;
    in
    if found == null || lib.stringLength (head found) > most.${unit} then
      null
    else
      lib.toIntBase10 (head found) * units.${unit};
  # As the kernel's memparse() reads it: the largest unit without a remainder.
  kernelSize =
    text:
    let
      size = bytes text;
      unit = lib.findFirst (unit: size >= units.${unit} && lib.mod size units.${unit} == 0) "K" [
        "T"
        "G"
        "M"
      ];
    in
    if size == null then text else toString (size / units.${unit}) + unit;

  frames = import ./shm-size.nix;

  # --- cards ----------------------------------------------------------------------------------------------------

  gpus = named cfg.gpus;
  functionsOf = gpu: gpu.functions ++ gpu.otherDevices;
  vendorOf = gpu: if gpu.functions == [ ] then "" else lib.substring 0 4 (toLower (head gpu.functions).id);
  bound = optionals cfg.bindGpus gpus;
  early = filter (gpu: gpu.bind != "libvirt") bound;
  byAddress = filter (gpu: gpu.bind == "address") early;
  driversOf = gpu: rules.drivers.vendors.${vendorOf gpu} or { softdeps = [ ]; blacklist = [ ]; };

  softdepsOf =
    gpu:
    if gpu.softdeps != null then
      gpu.softdeps
    else
      (driversOf gpu).softdeps ++ optionals (length gpu.functions > 1) rules.drivers.companions;
  # None where another card of the vendor may stay with the host, or go back to it.
  blacklistOf =
    gpu:
    let
      shared = lib.any (other: other.bind != "id" && vendorOf other == vendorOf gpu) gpus;
    in
    if gpu.blacklist != null then
      gpu.blacklist
    else
      optionals (!shared) (driversOf gpu).blacklist;
  ids = lib.unique (
    concatMap (gpu: map (function: toLower function.id) (functionsOf gpu)) (
      filter (gpu: gpu.bind == "id") bound
    )
  );

  # --- virtual machines and their shared memory -------------------------------------------------------------------

  domains = map (vm: {
    inherit vm;
    key = vm.name_;
    name = if vm.name == null then vm.name_ else vm.name;
    lookingGlass = lookingGlassOf vm;
    gpu = if vm.gpu == null then null else cfg.gpus.${vm.gpu} or null;
    memory = if vm.gpu != null && (lookingGlassOf vm).enable then memoryOf.${vm.gpu} or null else null;
    tablePath =
      if vm.battery.path == null then "/var/lib/libvirt/acpi/optimux-${vm.name_}.aml" else vm.battery.path;
  }) (lib.mapAttrsToList (key: vm: vm // { name_ = key; }) cfg.vms);
  lookingGlassOf = vm: cfg.lookingGlass // lib.filterAttrs (_: value: value != null) vm.lookingGlass;

  # The VMs that take turns with each card, with a picture.
  users = lib.groupBy (domain: domain.vm.gpu) (
    filter (
      domain: domain.vm.gpu != null && cfg.gpus ? ${domain.vm.gpu} && domain.lookingGlass.enable
    ) domains
  );
  sizeOf =
    table:
    let
      needed = lib.foldl' lib.max 1 (map (frames table) table.displays);
      stated = bytes table.size;
    in
    if table.size == null || stated == null then needed else stated / units.M;
  memory =
    index: gpu:
    let
      tables = map (domain: domain.lookingGlass) users.${gpu};
      table = head tables;
      before = lib.take index (lib.attrNames users);
      isKvmfr = other: (head users.${other}).lookingGlass.memory == "kvmfr";
      name = if index == 0 then "looking-glass" else "looking-glass-${gpu}";
    in
    {
      inherit gpu name;
      inherit (table) release user group;
      kind = table.memory;
      path =
        if table.memory == "kvmfr" then
          "/dev/kvmfr${toString (lib.count isKvmfr before)}"
        else
          "/dev/shm/${name}";
      sizeMiB = lib.foldl' lib.max 1 (map sizeOf tables);
    };
  memories = lib.imap0 memory (lib.attrNames users);
  memoryOf = lib.listToAttrs (map (item: lib.nameValuePair item.gpu item) memories);
  kvmfr = filter (memory: memory.kind == "kvmfr") memories;
  shm = filter (memory: memory.kind == "shm") memories;

  # --- batteries ------------------------------------------------------------------------------------------------

  withBattery = filter (domain: domain.vm.battery.enable) domains;
  # The first VM of each table's path; a path in the store is the user's own derivation.
  tableOwners = map (path: lib.findFirst (domain: domain.tablePath == path) null withBattery) (
    filter (path: !lib.hasPrefix "/nix/store/" path) (
      lib.unique (map (domain: domain.tablePath) withBattery)
    )
  );
  inAcpi =
    domain:
    if domain.vm.battery.attach != null then
      domain.vm.battery.attach == "acpi"
    else
      lib.versionAtLeast cfg.host.libvirtVersion rules.libvirt.since.acpiTable;

  # --- AppArmor: what virt-aa-helper cannot see -------------------------------------------------------------------

  # A path as apparmor.d(5) wants it: globbing characters escaped, white space quoted.
  apparmorPath =
    path:
    let
      special = [ "\\" "*" "?" "[" "]" "{" "}" "^" ];
      escaped = lib.escape special path;
    in
    if lib.hasInfix " " path || lib.hasInfix "," path then ''"${escaped}"'' else escaped;
  romsOf =
    domain:
    let
      first = head domain.gpu.functions;
      file = domain.gpu.rom.file;
    in
    optional (
      domain.gpu != null && domain.gpu.functions != [ ] && first.passThrough && file != null
    ) file;
  readable =
    domain:
    optional (domain.vm.battery.enable && !inAcpi domain) domain.tablePath ++ romsOf domain;
in
{
  inherit
    rules
    bytes
    gpus
    functionsOf
    domains
    memories
    kvmfr
    shm
    tableOwners
    ;

  kernelParams =
    (if cfg.host.cpuVendor == null then [ ] else rules.kernelParams.${cfg.host.cpuVendor})
    ++ optionals cfg.host.iommuPassthrough rules.kernelParams.passthrough
    ++ optionals (lib.any (gpu: gpu.releaseFramebuffer == true) bound) rules.kernelParams.releaseFramebuffer
    ++ concatMap (pages: [
      "hugepagesz=${kernelSize pages.size}"
      "hugepages=${toString pages.count}"
    ]) cfg.host.hugepages
    ++ cfg.host.extraKernelParams;

  earlyModules = optionals (early != [ ]) (
    rules.vfio.modules
    ++ optional (lib.versionOlder cfg.host.kernelVersion rules.vfio.virqfdUntil) rules.vfio.virqfdModule
  );
  vfioOptions =
    optional (ids != [ ]) "ids=${lib.concatStringsSep "," ids}"
    ++ optional (lib.any (gpu: gpu.disableIdleD3) bound) "disable_idle_d3=1"
    ++ optional (lib.any (gpu: gpu.disableVga) bound) "disable_vga=1";
  softdeps = lib.unique (concatMap softdepsOf early);
  blacklist = lib.unique (concatMap blacklistOf bound);
  overrideAddresses = map (function: toLower function.address) (concatMap functionsOf byAddress);

  deviceAcl = optionals (kvmfr != [ ]) (rules.libvirt.deviceAcl ++ map (memory: memory.path) kvmfr);
  apparmorRules = optionals (cfg.host.securityModule == "apparmor") (
    lib.unique (
      map (memory: "${memory.path} rw,") kvmfr
      ++ map (path: "${apparmorPath path} r,") (concatMap readable domains)
    )
  );
  userGroups = lib.unique (
    map (memory: { inherit (memory) user group; }) (filter (memory: memory.user != null) (kvmfr ++ shm))
  );

  emulatesTpm = lib.any (domain: domain.vm.tpm.backend == "emulator") domains;
  usesIdd = elem "idd" (map (memory: memory.release) memories);
}
