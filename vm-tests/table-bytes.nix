# Scenario 1 on NixOS: the battery table lies in guest memory byte for byte; a flipped byte and a SLIC table do not
# pass for it.
{ self, ... }:
import ../lab/scenarios/one-machine.nix {
  inherit self;
  name = "table-bytes";
  calls = ''
    for firmware, variant in (("seabios", "full"), ("seabios", "battery-only"), ("ovmf", "full")):
        with subtest(f"{variant} under {firmware}"):
            scenario(machine.succeed, "table_bytes.table_is_there", firmware=firmware, variant=variant, folder=FOLDER)
    with subtest("twin: a flipped byte"):
        scenario(machine.succeed, "table_bytes.a_flipped_byte", firmware="seabios", folder=FOLDER)
    for firmware in ("seabios", "ovmf"):
        with subtest(f"twin: a SLIC table under {firmware}"):
            scenario(machine.succeed, "table_bytes.a_slic_table", firmware=firmware, folder=FOLDER)
  '';
}
