# A test of machines that run the generated domain: `machine` is as the options say, `twins` are further nodes. In
# `calls`, the script after it is up, OPTIONS and DOMAIN are files of the machine, GPU, AUDIO and NETWORK addresses.
{
  self,
  pkgs,
  name,
  twins ? { },
  calls,
}:
{
  inherit name;
  globalTimeout = 3600;

  nodes = {
    machine = import ./node.nix { inherit self; };
  }
  // twins;

  testScript =
    { nodes, ... }:
    let
      inherit (nodes.machine.virtualisation.optimux) domains gpus;
      address = list: index: (builtins.elemAt gpus.card.${list} index).address;
    in
    import ../scenarios/calls.nix { inherit self; }
    + ''
      OPTIONS = "${pkgs.writeText "options.json" domains.options}"
      DOMAIN = "${domains}/domains/win.xml"
      GPU = "${address "functions" 0}"
      AUDIO = "${address "functions" 1}"
      NETWORK = "${address "otherDevices" 0}"

      machine.wait_for_unit("multi-user.target")
      scenario(machine.succeed, "l2.require_kvm")
      machine.wait_for_unit("optimux-domains.service")
      scenario(machine.succeed, "agent.settle")
      scenario(machine.succeed, "l2.make_guest")
    ''
    + calls;
}
