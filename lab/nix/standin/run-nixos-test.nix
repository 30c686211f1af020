# testers.runNixOSTest, up to the moment when machines would boot: every node is evaluated against the declared
# options, and the script, with the names of the nodes, is type-checked and linted against the driver's interface.
# Out come the script, and for each node its system, the settings as JSON.
{
  host,
  lib,
  pkgs,
}:
test:
let
  inherit (lib) mkOption types;
  default' = type: default: mkOption { inherit type default; };

  # nixos/lib/testing: name, nodes, driver, testScript
  declared = {
    options = {
      name = mkOption { type = types.str; };
      nodes = default' (types.lazyAttrsOf types.deferredModule) { };
      defaults = default' types.deferredModule { };
      testScript = mkOption { type = types.either types.str (types.functionTo types.str); };
      globalTimeout = default' types.ints.positive 3600;
      skipLint = default' types.bool false;
      skipTypeCheck = default' types.bool false;
      extraPythonPackages = default' (types.functionTo (types.listOf types.package)) (_: [ ]);
      meta = default' (types.attrsOf types.raw) { };
      qemu.package = default' types.package pkgs.qemu;
      qemu.forceAccel = default' types.bool false;
    };
  };
  inherit (lib.evalModules { modules = [ declared test ]; }) config;

  # virtualisation/qemu-vm.nix
  vm = {
    options.virtualisation = {
      memorySize = default' types.ints.positive 1024;
      diskSize = default' (types.either types.ints.positive (types.enum [ "auto" ])) 1024;
      cores = default' types.ints.positive 1;
      graphics = default' types.bool true;
      useBootLoader = default' types.bool false;
      useEFIBoot = default' types.bool false;
      additionalPaths = default' (types.listOf types.path) [ ];
      emptyDiskImages = default' (types.listOf types.ints.positive) [ ];
      writableStore = default' types.bool true;
      qemu.options = default' (types.listOf types.str) [ ];
      qemu.package = default' types.package pkgs.qemu;
    };
  };
  nodes = lib.mapAttrs (
    _: node:
    (lib.evalModules {
      modules = [
        ./base.nix
        vm
        config.defaults
        node
      ];
      specialArgs = { inherit pkgs; };
    }).config
  ) config.nodes;
  script =
    if lib.isFunction config.testScript then config.testScript { inherit nodes; } else config.testScript;
  machines = lib.concatMapStrings (name: "${lib.replaceStrings [ "-" ] [ "_" ] name} = create_machine()\n") (
    lib.attrNames nodes
  );
  systems = lib.mapAttrs (
    _: node:
    builtins.deepSeq {
      inherit (node.virtualisation) memorySize cores graphics;
      options = node.virtualisation.qemu.options;
    } (toString node.system.build.toplevel)
  ) nodes;
in
pkgs.runCommand "vm-test-${config.name}"
  {
    nativeBuildInputs = [
      pkgs.python3
      pkgs.ruff
    ];
    inherit script machines;
    passAsFile = [
      "script"
      "machines"
    ];
    timeout = toString config.globalTimeout;
  }
  ''
    cp ${./driver.pyi} driver.pyi
    { echo "from driver import *  # noqa: F403"; echo; cat "$machinesPath"; echo; cat "$scriptPath"; } > script.py
    ${lib.optionalString (!config.skipTypeCheck) ''
      mypy --no-implicit-optional --cache-dir=${host.known}/driver --no-color-output script.py
    ''}
    ${lib.optionalString (!config.skipLint) ''
      ruff check --no-cache --isolated --select F --ignore F403,F405 script.py
    ''}
    mkdir "$out"
    cp "$scriptPath" "$out/script.py"
    cp ${pkgs.writeText "nodes.json" (builtins.toJSON systems)} "$out/nodes.json"
  ''
