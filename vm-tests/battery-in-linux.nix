# Scenario 2 on NixOS: Linux shows the battery full and the adapter online; without the table, neither.
{ self, ... }:
import ./scenarios/test.nix {
  inherit self;
  name = "battery-in-linux";
  calls = ''
    for variant in ("full", "article"):
        with subtest(f"the {variant} table"):
            scenario("battery_in_linux.battery_is_full", variant=variant)
    with subtest("twin: no table"):
        scenario("battery_in_linux.no_table")
  '';
}
