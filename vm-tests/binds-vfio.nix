# Scenario 4 on NixOS: a boot gives the whole card to vfio-pci, by its ids and by its address; without, its drivers
# have it. The same code looks as on Debian.
{ self, ... }:
let
  nodes = import ../lab/l1/kinds.nix { inherit self; };
in
{
  name = "binds-vfio";
  globalTimeout = 3600;

  nodes = {
    inherit (nodes) by_id by_address on_demand;
  };

  testScript =
    import ../lab/scenarios/calls.nix { inherit self; }
    + ''
      CARD = ["0000:01:00.0", "0000:01:00.1"]
      OTHER = "0000:03:00.0"
      # The drivers of CARD and OTHER. The last one is the twin: its card is left to its own drivers.
      cases = (
          ("by id: every card that has it", by_id, ["vfio-pci", "vfio-pci", "vfio-pci"]),
          ("by address: this card alone", by_address, ["vfio-pci", "vfio-pci", "bochs-drm"]),
          ("on demand", on_demand, ["bochs-drm", "snd_hda_intel", "bochs-drm"]),
      )

      for name, node, drivers in cases:
          with subtest(name):
              node.wait_for_unit("multi-user.target")
              scenario(node.succeed, "agent.settle")
              scenario(node.succeed, "binds_vfio.drivers_are", drivers=dict(zip([*CARD, OTHER], drivers)), group=CARD)
              node.shutdown()
    '';
}
