# Scenario 2 on NixOS: Linux shows the battery full and the adapter online; without the table, neither.
{ self, ... }:
{
  name = "battery-in-linux";
  globalTimeout = 900;
  nodes.machine = ./scenarios/node.nix;

  testScript = ''
    import json

    CODE = "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=${self}/generator:${self}/vm-tests python3 -m scenarios.agent"


    def scenario(function: str, **arguments: str) -> None:
        words = json.dumps({"folder": "/tmp", **arguments})
        machine.succeed(f"{CODE} {function} '{words}'")


    machine.wait_for_unit("multi-user.target")
    for variant in ("full", "article"):
        with subtest(f"the {variant} table"):
            scenario("battery_in_linux.battery_is_full", variant=variant)
    with subtest("twin: no table"):
        scenario("battery_in_linux.no_table")
  '';
}
