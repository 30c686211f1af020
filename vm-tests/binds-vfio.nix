# Scenario 4 on NixOS: a boot gives the whole card to vfio-pci, by its ids and by its address; without, its drivers
# have it. The same code looks as on Debian.
{ self, ... }:
let
  node = gpu: import ./first_level/node.nix { inherit self gpu; };
in
{
  name = "binds-vfio";
  globalTimeout = 900;

  nodes.by_id = node { };
  nodes.by_address = node { bind = "address"; };
  nodes.left_to_libvirt = node { bind = "libvirt"; };

  testScript = ''
    import json

    CARD = ["0000:01:00.0", "0000:01:00.1"]
    OTHER = "0000:02:00.0"
    CODE = "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=${./.} python3 -m scenarios.agent"
    # The drivers of CARD and OTHER. The last one is the twin: its card is left to its own drivers.
    cases = (
        ("by id: every card that has it", by_id, ["vfio-pci", "vfio-pci", "vfio-pci"]),
        ("by address: this card alone", by_address, ["vfio-pci", "vfio-pci", "bochs-drm"]),
        ("left to libvirt", left_to_libvirt, ["bochs-drm", "snd_hda_intel", "bochs-drm"]),
    )

    for name, node, drivers in cases:
        with subtest(name):
            node.wait_for_unit("multi-user.target")
            node.succeed("udevadm settle --timeout=120")
            words = json.dumps({"addresses": [*CARD, OTHER]})
            seen = json.loads(node.succeed(f"{CODE} binds_vfio.observe '{words}'"))["functions"]
            assert [seen[address]["driver"] for address in (*CARD, OTHER)] == drivers, seen
            assert all(seen[address]["group"] == CARD for address in CARD), seen
            node.shutdown()
  '';
}
