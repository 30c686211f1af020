# Scenario 6 on NixOS: after the VM its functions are vfio-pci's again and sleep, as deep as emulated ones can; with
# disable_idle_d3=1 they stay awake.
{ self, pkgs, ... }:
import ../lab/l1/test.nix {
  inherit self pkgs;
  name = "idle-power";
  twins.awake = (import ../lab/l1/kinds.nix { inherit self; }).by_address;
  calls = ''
    with subtest("asleep after the VM"):
        print(scenario(machine.succeed, "idle_power.proven", options=OPTIONS, xml=DOMAIN, deep=NETWORK))
    machine.shutdown()
    with subtest("twin: disable_idle_d3"):
        awake.wait_for_unit("multi-user.target")
        scenario(awake.succeed, "agent.settle")
        scenario(awake.succeed, "idle_power.stays_awake", addresses=[GPU, AUDIO, NETWORK])
  '';
}
