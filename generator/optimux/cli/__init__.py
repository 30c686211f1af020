"""The command line: the only place that maps errors to exit codes."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from optimux import __version__
from optimux.cli.report import report_error

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

VERBS = {
    "detect": "Show what the machine is, and whether its GPU can be given away.",
    "init": "Write a commented configuration from what this machine shows.",
    "generate": "Write the bundle: host files, domain XML, battery table, client and guest files.",
    "apply": "Bring this host to the plan: packages, files, groups, boot loader, initramfs, VMs.",
    "rollback": "Undo what apply did, byte for byte.",
    "doctor": "Look at each precondition on this machine: seen, wanted, and the remedy.",
    "patch": "Edit a domain that exists, and keep every byte that need not change.",
    "define": "Define or update the VMs in libvirt, keeping what the configuration does not speak of.",
    "verify": "Boot the battery table and the shared memory in a throwaway QEMU and check them.",
    "gpu": "Who holds the card; to the VM and back without a reboot, or a refusal.",
    "start": "Start a VM with its card, networks and client, and give the card back at its end.",
    "install": "Install Windows into a VM, unattended.",
    "guest": "The Windows side: its medium, and its setup through the guest agent.",
    "ssdt": "Write or read the battery table alone.",
    "schema": "Print what the options are: JSON Schema or Markdown.",
}


EPILOG = """\b
Examples:
  optimux detect                          can the card be given away?
  optimux init                            writes optimux.toml
  optimux apply optimux.toml              brings the host to it
  optimux generate optimux.toml -o out/   or the same by hand: out/INSTALL.md
  optimux schema --format markdown
  optimux VERB --help

Exit codes: 0 done, 1 failed, 2 invalid input, 130 interrupted.
"""


class _Verbs(click.Group):
    """Verbs by name; a verb's module is imported only when it runs or shows its own help."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"optimux.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown verb gets the nearest known one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from optimux.declare.wording import suggestion

            close = suggestion(args[0], tuple(VERBS))
            hint = f' Did you mean "{close}"?' if close else ""
            ctx.fail(f"No verb {args[0]!r}.{hint} Verbs: {', '.join(VERBS)}.")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs from the table: click would import each one's module for its help."""
        from click.shell_completion import CompletionItem

        verbs = [CompletionItem(verb, help=says) for verb, says in VERBS.items() if verb.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@click.version_option(__version__, prog_name="optimux")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def group(debug: bool) -> None:
    """GPU passthrough on laptops with two GPUs, from one option set."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command and leave with its exit code."""
    # A run makes trees without cycles and ends: collecting them costs a third of a large configuration's time.
    gc.disable()
    given = sys.argv[1:] if arguments is None else arguments
    _open_streams()
    code = run(given)
    # The interpreter collects once more as it ends, whatever was disabled; what is frozen is left to the system.
    gc.freeze()
    sys.exit(code)


def _open_streams() -> None:
    """Where descriptor 1 or 2 is closed Python leaves the stream out; then what is written there goes nowhere."""
    if sys.stdout is None or sys.stderr is None:
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the life of the process
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere


def run(arguments: list[str]) -> int:
    """Run the command. Returns 0, 1, 2 or 130."""
    debug = "--debug" in arguments[:1]
    try:
        result: Any = group.main(arguments, prog_name="optimux", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        return report_error(error, debug=debug)
    return result if isinstance(result, int) else 0
