# What evaluation must know of the host, from the options alone and by the rules of rules.toml: the same as plan.json,
# which the generator writes (emit/nixos.py). Everything else is the generator's, when the system is built.
{ lib, cfg }:
let
  inherit (builtins)
    attrNames
    attrValues
    concatMap
    elem
    filter
    head
    length
    map
    ;
  inherit (lib)
    any
    findFirst
    optional
    optionals
    toLower
    unique
    ;
  rules = lib.importTOML ../generator/optimux/rules.toml;
  inherit (cfg) host;

  # As the kernel's memparse() reads a size: with the largest unit without a remainder.
  kernelSize =
    text:
    let
      found = builtins.match "0*([0-9]{1,12}) ?([KMGT])iB" text;
      units = lib.splitString (lib.last found) "KMGT";
      written =
        size: unit: larger:
        if larger != "" && lib.mod size 1024 == 0 then
          written (size / 1024) (lib.substring 0 1 larger) (lib.substring 1 3 larger)
        else
          toString size + unit;
    in
    if found == null then text else written (lib.toIntBase10 (head found)) (lib.last found) (lib.last units);

  # --- cards ----------------------------------------------------------------------------------------------------

  # Intel's virtual functions, which do not exist yet when anything binds early.
  isVirtual =
    function:
    let
      # Of what is missing the assertions tell.
      named = builtins.tryEval "${function.address} ${toLower function.id}";
    in
    named.success && builtins.match "0000:00:02\\.[1-7] 8086:.*" named.value != null;
  bindable = gpu: if any isVirtual (functionsOf gpu) then gpu // { bind = "on-demand"; } else gpu;
  gpus = map bindable (attrValues cfg.gpus);
  functionsOf = gpu: gpu.functions ++ gpu.otherDevices;
  vendorOf = gpu: if gpu.functions == [ ] then "" else lib.substring 0 4 (toLower (head gpu.functions).id);
  bound = optionals cfg.bindGpus gpus;
  early = filter (gpu: gpu.bind != "on-demand") bound;
  # None where another card of the vendor may stay with the host, or go back to it.
  unshared =
    key: gpu:
    optionals (!any (other: other.bind != "id" && vendorOf other == vendorOf gpu) gpus) (
      rules.drivers.vendors.${vendorOf gpu}.${key} or [ ]
    );
  softdepsOf =
    gpu:
    if gpu.softdeps != null then
      gpu.softdeps
    else
      rules.drivers.vendors.${vendorOf gpu}.softdeps or [ ]
      ++ optionals (length gpu.functions > 1) rules.drivers.companions;
  ids = unique (
    map (function: toLower function.id) (concatMap functionsOf (filter (gpu: gpu.bind == "id") bound))
  );

  # --- virtual machines -------------------------------------------------------------------------------------------

  vms = attrValues cfg.vms;
  lookingGlassOf = vm: cfg.lookingGlass // lib.filterAttrs (_: value: value != null) vm.lookingGlass;
  shown = filter (vm: vm.gpu != null && cfg.gpus ? ${vm.gpu} && (lookingGlassOf vm).enable) vms;
  # One device a card, as the first of the VMs that take turns with it has it.
  memories = map (name: lookingGlassOf (findFirst (vm: vm.gpu == name) null shown)) (
    filter (name: any (vm: vm.gpu == name) shown) (attrNames cfg.gpus)
  );
  ordered = filter isKvmfr memories ++ filter (memory: !isKvmfr memory) memories;
  isKvmfr = memory: memory.memory == "kvmfr";
  kvmfr = lib.count isKvmfr memories;
  devices = lib.genList (number: "/dev/kvmfr${toString number}") kvmfr ++ host.deviceAcl;

  screams = lib.unique (
    filter (scream: scream.enable) (
      if vms == [ ] then [ cfg.lookingGlass.scream ] else map (vm: (lookingGlassOf vm).scream) vms
    )
  );
  screamName =
    scream:
    if scream == head screams then
      "optimux-scream"
    else
      "optimux-scream-${
        findFirst (key: (lookingGlassOf cfg.vms.${key}).scream == scream) null (attrNames cfg.vms)
      }";
  networks = unique (
    attrNames host.networks
    ++ map (card: card.source) (filter (card: card.type == "network") (concatMap (vm: vm.networks) vms))
  );
  passed = gpu: any (function: function.passThrough) (functionsOf gpu);
  bridgeOf = name: host.networks.${name}.bridge or null;
in
{
  kernelParams =
    (if host.cpuVendor == null then [ ] else rules.kernelParams.${host.cpuVendor})
    ++ optionals host.iommuPassthrough rules.kernelParams.passthrough
    ++ optionals (any (gpu: gpu.releaseFramebuffer == true) bound) rules.kernelParams.releaseFramebuffer
    ++ concatMap (pages: [
      "hugepagesz=${kernelSize pages.size}"
      "hugepages=${toString pages.count}"
    ]) host.hugepages
    ++ host.extraKernelParams;
  earlyModules = optionals (early != [ ]) (
    rules.vfio.modules
    ++ optional (lib.versionOlder host.kernelVersion rules.vfio.virqfdUntil) rules.vfio.virqfdModule
  );
  vfioOptions =
    optional (ids != [ ]) "ids=${lib.concatStringsSep "," ids}"
    ++ optional (any (gpu: gpu.disableIdleD3) bound) "disable_idle_d3=1"
    ++ optional (any (gpu: gpu.disableVga) bound) "disable_vga=1";
  softdeps = unique (concatMap softdepsOf early);
  blacklist = unique (
    concatMap (gpu: if gpu.blacklist != null then gpu.blacklist else unshared "blacklist" gpu) bound
  );
  idleServices = unique (concatMap (unshared "services") early);
  byAddress = any (gpu: gpu.bind == "address") early;

  inherit kvmfr;
  deviceAcl = optionals (devices != [ ]) (unique (rules.libvirt.deviceAcl ++ devices));
  deviceGroups = unique (map (memory: memory.group) ordered);
  userGroups = unique (
    map (memory: { inherit (memory) user group; }) (filter (memory: memory.user != null) ordered)
  );
  apparmor = host.securityModule == "apparmor";
  client = any (vm: (lookingGlassOf vm).installClient) shown;
  tables = any (
    vm: vm.battery.enable && !(vm.battery.path != null && lib.hasPrefix "/nix/store/" vm.battery.path)
  ) vms;
  scream = map (scream: {
    name = screamName scream;
    inherit (scream) interface;
    inherit (rules.scream) port;
  }) screams;
  emulatedTpm = any (vm: vm.tpm.backend == "emulator") vms;
  enrolledKeys = any (
    vm: vm.firmware.type == "efi" && vm.firmware.secureBoot == "on" && vm.firmware.loader == null
  ) vms;
  bridges = unique (
    map (
      name: if bridgeOf name == null then rules.libvirtNetworks.bridges else bridgeOf name
    ) networks
  );
  hook = any (
    vm:
    vm.hooks.prepare != [ ]
    || vm.hooks.release != [ ]
    || vm.whileRunning.isolateCpus
    || vm.whileRunning.governor != null
    || vm.whileRunning.hugepages
    || vm.gpu != null && cfg.gpus ? ${vm.gpu} && passed cfg.gpus.${vm.gpu}
  ) vms;
  onDemand = any (gpu: gpu.bind == "on-demand") gpus;
  autostart = any (vm: vm.autostart) vms;
}
