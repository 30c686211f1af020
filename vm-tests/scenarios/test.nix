# A test of one machine that calls scenarios: `calls` is the script after the machine is up, in which
# `scenario(FUNCTION, NAME=WORD…)` runs a function of this folder with a folder of its own and returns its words.
{
  self,
  name,
  calls,
}:
{
  inherit name;
  globalTimeout = 900;
  nodes.machine = ./node.nix;

  testScript = ''
    import json

    CODE = "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=${self}/generator:${self}/vm-tests python3 -m scenarios.agent"


    def scenario(function: str, **arguments: str) -> str:
        words = json.dumps({"folder": "/tmp", **arguments})
        return machine.succeed(f"{CODE} {function} '{words}'")


    machine.wait_for_unit("multi-user.target")
  ''
  + calls;
}
