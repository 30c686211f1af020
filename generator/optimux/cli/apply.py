"""``optimux apply``: the host brought to the plan."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimux.cli.another_root import another_root
from optimux.cli.report import FAILED, say
from optimux.cli.verb import Verb
from optimux.emit.artifact import STEPS
from optimux.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from optimux.cli.apply_request import Request

EXAMPLES = """\b
Examples:
  optimux apply                         ./optimux.toml, else the copy in /etc/optimux
  optimux apply --dry-run               what would be done, and nothing else
  optimux apply --yes --json            for configuration management
  optimux apply --only lines,boot-loader
  optimux apply optimux.toml --root /mnt --chroot
"""
_STEPS = ", ".join(STEPS)


@click.command("apply", cls=Verb, epilog=EXAMPLES)
@click.argument("config", required=False)
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--only", metavar="STEP,…", help=f"Only these steps: {_STEPS}.")
@click.option("--plan", "digest", metavar="DIGEST", help="Do it only if it is what --dry-run showed under this digest.")
@click.option("--root", metavar="DIR", help="Another root than /, such as a mounted image.")
@click.option("--chroot", is_flag=True, help="With --root: run within it the commands that need no running system.")
@click.option("--facts", metavar="FILE", help="Take this for the host's facts instead of looking.")
@click.option("--anyway", is_flag=True, help="Do it also where something speaks against it.")
@click.option("--script", is_flag=True, help="Print the same as a shell script for root; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(
    config: str | None,
    dry_run: bool,
    yes: bool,
    only: str | None,
    digest: str | None,
    root: str | None,
    chroot: bool,
    facts: str | None,
    anyway: bool,
    script: bool,
    as_json: bool,
) -> int:
    """Bring this host to what CONFIG asks for, and keep what it takes to undo that.

    Shows every difference and every command, then asks. What is so already is left alone: a second run changes
    nothing. When a step fails, all is taken back; when it is killed, the next run finishes. `optimux rollback` undoes.
    """
    from optimux.cli.apply_request import Request
    from optimux.cli.apply_run import run

    place = another_root(root, chroot=chroot)
    request = Request(
        config=_config(config, place),
        steps=_steps(only),
        place=place,
        chroot=chroot,
        facts=facts,
        digest=digest,
        dry_run=dry_run,
        yes=yes,
        anyway=anyway,
        script=script,
        as_json=as_json,
    )
    if os.geteuid() != 0 and place is None and not dry_run and not script:
        return _with_more_rights(request)
    try:
        return run(request)
    except InvalidInput as error:
        if as_json:
            _print_problems(error)
        raise


def _print_problems(error: InvalidInput) -> None:
    """For a program that reads standard output; a person reads the same on standard error."""
    import json

    problems = [{key: getattr(problem, key) for key in problem._fields} for problem in error.problems]
    click.echo(json.dumps({"outcome": "refused", "problems": problems}, indent=2, ensure_ascii=False))


def _config(config: str | None, root: str | None) -> str:
    """The named file, ./optimux.toml, or the copy that an earlier apply has kept."""
    if config == "-":
        remedy = "Name a file: it is kept, and may be read again as root."
        raise InvalidInput([Problem("CONFIG", "standard input", "a file", remedy)])
    if config is not None:
        if Path(config).is_dir():
            remedy = "Name the configuration itself; apply makes the plan from it, and trusts no generated folder."
            raise InvalidInput([Problem("CONFIG", f"{config}, a folder", "a TOML or JSON file", remedy)])
        return config
    kept = [f"{root or ''}/etc/optimux/optimux{ending}" for ending in (".toml", ".json")]
    for path in ("optimux.toml", *kept):
        if os.path.lexists(path):
            return path
    raise InvalidInput([Problem("CONFIG", "nothing", "./optimux.toml, or a file that you name", _BEGIN)])


_BEGIN = "Write one with `optimux init`."


def _steps(only: str | None) -> tuple[str, ...]:
    """The steps that are asked for; all by default."""
    if only is None:
        return STEPS
    names = [name.strip() for name in only.split(",")]
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        raise InvalidInput(
            [Problem("--only", f'"{name}"', _STEPS, "Name steps, joined by commas.") for name in unknown]
        )
    return tuple(name for name in STEPS if name in names)


def _with_more_rights(request: Request) -> int:
    """The same as root by the user's own sudo; without one, the same as a script."""
    from optimux.cli.apply_run import run

    found = _sudo()
    if found is not None:
        say(f"this takes root: {Path(found).name} runs it")
        os.execv(found, [found, *_again()])
    say("this takes root, and there is neither sudo nor doas; the script on standard output does the same")
    run(request.replace(script=True))
    say("nothing was changed")
    return FAILED


def _sudo() -> str | None:
    import shutil

    return next((found for name in ("sudo", "doas") if (found := shutil.which(name))), None)


def _again() -> list[str]:
    """This very command line, with this Python and these modules."""
    import optimux

    folder = str(Path(optimux.__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {folder!r}); from optimux.cli import main; main()"
    return [sys.executable, "-c", code, *sys.argv[1:]]
