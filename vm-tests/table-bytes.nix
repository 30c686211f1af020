# Scenario 1 on NixOS: the battery table lies in guest memory byte for byte; a flipped byte and a SLIC table do not
# pass for it.
{ self, ... }:
{
  name = "table-bytes";
  globalTimeout = 900;
  nodes.machine = ./scenarios/node.nix;

  testScript = ''
    import json

    CODE = "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=${self}/generator:${self}/vm-tests python3 -m scenarios.agent"


    def scenario(function: str, **arguments: str) -> None:
        words = json.dumps({"folder": "/tmp", **arguments})
        machine.succeed(f"{CODE} {function} '{words}'")


    machine.wait_for_unit("multi-user.target")
    for firmware in ("seabios", "ovmf"):
        for variant in ("full", "article"):
            with subtest(f"{variant} under {firmware}"):
                scenario("table_bytes.table_is_there", firmware=firmware, variant=variant)
        with subtest(f"twins under {firmware}"):
            scenario("table_bytes.a_flipped_byte", firmware=firmware)
            scenario("table_bytes.a_slic_table", firmware=firmware)
  '';
}
