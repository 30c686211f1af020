# Scenario 7 on NixOS: the real module's device is as the options say, guest and host see each other's bytes. Another
# size and a missing entry in cgroup_device_acl are refused; without the module QEMU leaves a file, which is named.
{
  self,
  pkgs,
  lib,
}:
let
  domain = import ../lab/l1/domain.nix { inherit self pkgs lib; };
  anotherSize = domain (options: lib.recursiveUpdate options { lookingGlass.size = "64MiB"; });
in
import ../lab/l1/test.nix {
  inherit self pkgs;
  name = "kvmfr";
  twins.without_acl_entry = (import ../lab/l1/kinds.nix { inherit self; }).by_address;
  calls = ''
    with subtest("the device, and bytes both ways"):
        print(scenario(machine.succeed, "kvmfr.proven", options=OPTIONS, xml=DOMAIN))
    with subtest("twin: another size"):
        scenario(machine.succeed, "kvmfr.another_size", xml="${anotherSize}")
    with subtest("twin: the module absent"):
        scenario(machine.succeed, "kvmfr.module_absent_as_root", options=OPTIONS, xml=DOMAIN)
    machine.shutdown()
    with subtest("twin: no entry in cgroup_device_acl"):
        without_acl_entry.wait_for_unit("optimux-domains.service")
        scenario(without_acl_entry.succeed, "agent.settle")
        scenario(without_acl_entry.succeed, "l2.make_guest")
        scenario(without_acl_entry.succeed, "kvmfr.refused_without_acl_entry", options=OPTIONS, xml=DOMAIN)
  '';
}
