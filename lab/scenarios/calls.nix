# How test scripts begin: `scenario(MACHINE.succeed, FUNCTION, NAME=VALUE…)` runs a function of this folder in a machine
# and returns what it says.
{ self }:
''
  import json
  import shlex
  from collections.abc import Callable

  PLACES = "${self}:${self}/generator"


  def scenario(succeed: Callable[..., str], function: str, **arguments: object) -> str:
      words = shlex.quote(json.dumps(arguments))
      code = f"PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={PLACES} python3 -m lab.scenarios.agent {function} {words}"
      return str(json.loads(succeed(code)))


''
