# Scenario 1 on NixOS: the battery table lies in guest memory byte for byte; a flipped byte and a SLIC table do not
# pass for it.
{ self, ... }:
import ../lab/scenarios/one-machine.nix {
  inherit self;
  name = "table-bytes";
  calls = ''
    for firmware in ("seabios", "ovmf"):
        for variant in ("full", "battery-only"):
            with subtest(f"{variant} under {firmware}"):
                scenario(
                    machine.succeed, "table_bytes.table_is_there", firmware=firmware, variant=variant, folder=FOLDER
                )
        with subtest(f"twins under {firmware}"):
            scenario(machine.succeed, "table_bytes.a_flipped_byte", firmware=firmware, folder=FOLDER)
            scenario(machine.succeed, "table_bytes.a_slic_table", firmware=firmware, folder=FOLDER)
  '';
}
