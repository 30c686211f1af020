"""``optimux start``: one command for every day."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimux.cli.report import DONE, FAILED, INTERRUPTED, say
from optimux.cli.verb import Verb
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.host.handover.cards import Card
    from optimux.host.handover.session import Needs, Vm

EXAMPLES = """\b
Examples:
  optimux start Windows11
  optimux start Windows11 --detach --no-client
  optimux start Windows11 --desktop-file > ~/.local/share/applications/windows11.desktop
"""


@click.command("start", cls=Verb, epilog=EXAMPLES)
@click.argument("vm")
@click.option("--detach", is_flag=True, help="Return once the VM runs and its client has been started.")
@click.option("--no-client", is_flag=True, help="Start no Looking Glass client.")
@click.option(
    "--idd",
    is_flag=True,
    help='The client is of the master branch, as in VMs with release = "idd", where it does not show that itself.',
)
@click.option("--connect", metavar="URI", help="libvirt's URI; $LIBVIRT_DEFAULT_URI or qemu:///system by default.")
@click.option("--desktop-file", is_flag=True, help="Print a menu entry that starts this VM, and do nothing else.")
def command(vm: str, detach: bool, no_client: bool, idd: bool, connect: str | None, desktop_file: bool) -> int:
    """Start the VM (libvirt's name) with its networks, its card and its Looking Glass client.

    What speaks against it is said before libvirt is asked. A card on demand is taken for the VM, and is the host's
    again when it has ended. Ctrl-C asks whether the VM shall shut down.
    """
    if desktop_file:
        click.echo(_desktop_file(vm), nl=False)
        return DONE
    from optimux.host.handover.picture import look
    from optimux.host.handover.session import begin, prepare, read_needs
    from optimux.libvirt.machine import machine

    with machine(vm, connect) as found:
        if not found.runs:
            _check(found.name)
            prepare(found, _cards(), look, say)
        begin(found, say)
        show = None if no_client else _client(read_needs(found.xml()), found.name, idd)
        try:
            client = _shown(found, show) if show else None
        except KeyboardInterrupt:
            if detach:
                raise
            return _until_the_end(found, None, interrupted=True)
        if detach:
            return DONE
        return _until_the_end(found, client)


def _check(name: str) -> None:
    """doctor's checks of this VM. Raises ``Refused`` for what would end its start; the rest is a warning."""
    from optimux.host.doctor.findings import ENDS_A_START, before_start
    from optimux.host.handover.kernel import Refused

    ends = []
    for result in before_start(name):
        line = " ".join(filter(None, (f"{result.subject or result.where}: {result.seen}.", result.remedy)))
        line += f" ({result.command})" if result.command else ""
        if result.key in ENDS_A_START:
            ends.append(f"  - {line}")
        else:
            say(line, "warning")
    if ends:
        raise Refused("\n".join((f"{name} cannot start:", *ends, "Nothing was changed.")))


def _cards() -> tuple[Card, ...]:
    from optimux.host.handover.cards import INSTALLED, cards_from

    return cards_from(INSTALLED) if Path(INSTALLED).exists() else ()


class Show(Record):
    """The client's command line, and the memory that the guest's picture comes through."""

    line: tuple[str, ...]
    memory: str


def _client(domain: Needs, name: str, idd: bool) -> Show | None:
    """How the client is called, where there is a picture to show and a desktop to show it on; else why not."""
    if domain.client.memory is None:
        say(f"{name} has no Looking Glass")
    elif not (os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")):
        say("no desktop here: no client is started")
    elif (program := shutil.which("looking-glass-client")) is None:
        say("looking-glass-client is not installed", "warning")
    else:
        own = f"/etc/optimux/looking-glass-client-{name}.ini"
        idd = idd or _release(program) == "idd"
        line = domain.client.command(own if Path(own).exists() else None, idd=idd)
        return Show((program, *line[1:]), domain.client.memory)
    return None


def _release(program: str) -> str | None:
    """The client's release, as the program itself shows it."""
    from optimux.host.looking_glass import MOST, release_of

    try:
        with Path(program).open("rb") as file:
            found = release_of(file.read(MOST))
    except OSError:
        return None
    return found[0] if found else None


def _shown(vm: Vm, show: Show) -> subprocess.Popen[bytes] | None:
    """The client, once the guest has a picture, or might have one that cannot be seen."""
    from optimux.host.handover.session import await_picture
    from optimux.host.looking_glass import Heartbeat

    if not await_picture(vm, Heartbeat(show.memory).beats, time.sleep, say) and not vm.runs:
        return None
    return subprocess.Popen(show.line, stdin=subprocess.DEVNULL, start_new_session=True)


def _until_the_end(vm: Vm, client: subprocess.Popen[bytes] | None, *, interrupted: bool = False) -> int:
    from optimux.host.handover.session import wait

    closed = False

    def pause(seconds: float) -> None:
        nonlocal closed, interrupted
        if interrupted:
            interrupted = False
            raise KeyboardInterrupt
        time.sleep(seconds)
        if client is not None and not closed and client.poll() is not None:
            closed = True
            say(f"the client has ended; {vm.name} runs on. Ctrl-C asks whether it shall shut down")

    ended = wait(vm, pause, lambda: _shall_shut_down(vm.name), say)
    if not ended:
        say(f"{vm.name} runs on")
        return INTERRUPTED
    if client is not None and client.poll() is None:
        client.terminate()
    say(f"{vm.name} has ended")
    return _card_is_back(vm.name)


def _shall_shut_down(name: str) -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        return click.confirm(f"\nShall {name} shut down?", default=False, err=True)
    except click.Abort:
        return False


def _card_is_back(name: str) -> int:
    """libvirt's hook has given it back; that is read, not assumed."""
    from optimux.host.handover.state import Store

    left = [card.name for card in _cards() if name in card.domains and Store().exists(card.name)]
    for card in left:
        say(f"{card} is not the host's again: sudo optimux gpu give --gpu {card}", "error")
    return FAILED if left else DONE


def _desktop_file(vm: str) -> str:
    """desktop-entry-spec: in Exec a quoted argument escapes its quotes, and % stands twice."""
    word = vm.replace("\\", "\\\\\\\\").replace('"', '\\\\"').replace("$", "\\\\$").replace("`", "\\\\`")
    lines = (
        "[Desktop Entry]",
        "Type=Application",
        f"Name={vm}",
        f"Comment=Start {vm} with its graphics card",
        f'Exec=optimux start "{word.replace("%", "%%")}"',
        "Icon=computer",
        "Terminal=true",
        "Categories=System;Emulator;",
    )
    return "\n".join(lines) + "\n"
