# Scenario 3 on NixOS: sizes by release and display, whole frames from guest to host; a lost block, a file too small
# and a regular file in kvmfr's place are named.
{ self, ... }:
import ../lab/scenarios/one-machine.nix {
  inherit self;
  name = "shared-memory";
  calls = ''
    for release in ("b7", "idd"):
        for display in ("1080p", "1440p", "4k"):
            with subtest(f"size for {release}, {display}"):
                scenario(
                    machine.succeed, "shared_memory.size_is_right", release=release, display=display, folder=FOLDER
                )
    with subtest("a frame of 4k"):
        print(scenario(machine.succeed, "shared_memory.frame_arrives", release="b7", display="4k", folder=FOLDER))
    with subtest("twins"):
        scenario(machine.succeed, "shared_memory.a_lost_block")
        scenario(machine.succeed, "shared_memory.a_file_that_is_too_small", folder=FOLDER)
        scenario(machine.succeed, "shared_memory.a_regular_file_for_kvmfr", folder=FOLDER)
  '';
}
