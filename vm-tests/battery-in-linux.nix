# Scenario 2 on NixOS: Linux shows the battery full and the adapter online; without the table, neither.
{ self, ... }:
import ../lab/scenarios/one-machine.nix {
  inherit self;
  name = "battery-in-linux";
  calls = ''
    for variant in ("full", "battery-only"):
        with subtest(f"the {variant} table"):
            scenario(machine.succeed, "battery_in_linux.battery_is_full", variant=variant, folder=FOLDER)
    with subtest("twin: no table"):
        scenario(machine.succeed, "battery_in_linux.no_table", folder=FOLDER)
  '';
}
