# Scenario 5 on NixOS: libvirt has the domain that the configuration built, and runs it; its guest has the card, the
# memory and the battery. With the audio function left to the host's driver, VFIO refuses the group.
{
  self,
  pkgs,
  lib,
}:
let
  domain = import ../lab/l1/domain.nix { inherit self pkgs lib; };
  withoutAudio = domain (
    options:
    lib.recursiveUpdate options {
      gpus.card.functions = [
        (lib.head options.gpus.card.functions)
        (lib.last options.gpus.card.functions // { passThrough = false; })
      ];
    }
  );
in
import ../lab/l1/test.nix {
  inherit self pkgs;
  name = "passthrough";
  calls = ''
    with subtest("the domain is defined"):
        scenario(machine.succeed, "passthrough.is_defined", xml=DOMAIN)
    with subtest("its guest has everything"):
        print(scenario(machine.succeed, "passthrough.proven", options=OPTIONS, xml=DOMAIN))
    with subtest("twin: audio left to the host"):
        scenario(
            machine.succeed,
            "passthrough.audio_left_to_the_host",
            xml="${withoutAudio}",
            gpu=GPU,
            audio=AUDIO,
            driver="snd_hda_intel",
        )
  '';
}
