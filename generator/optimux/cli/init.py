"""``optimux init``: a commented configuration from what the machine shows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimux.cli.report import FAILED, say
from optimux.cli.verb import Verb
from optimux.errors import InvalidInput, OptimuxError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.facts import Facts
    from optimux.judge.gpus import Verdict
    from optimux.judge.propose import Answers, Existing
    from optimux.sizes import Size

EXAMPLES = """\b
Examples:
  optimux init
  optimux init -o laptop.toml --yes
  optimux init --gpu 0000:01:00.0 --vm-from windows.xml
  optimux init --nix -o optimux.nix --yes
"""
# What the configuration itself brings about.
DONE = ("gpu.driver", "iommu.given", "gpu.subsystem", "qemu.spice")


@click.command("init", cls=Verb, epilog=EXAMPLES)
@click.option(
    "-o", "--output", metavar="FILE", help="The file to write, - for standard output; optimux.toml by default."
)
@click.option("--nix", is_flag=True, help="Write a NixOS module, optimux.nix by default.")
@click.option("--gpu", metavar="ADDRESS", help="The GPU to give, as `optimux detect` lists it.")
@click.option("--vm-from", metavar="DOMAIN.xml", help="Take name, disks and MAC address from a domain that exists.")
@click.option("--root", metavar="DIR", help="Read a recorded tree, a folder or a tar, and nothing of this machine.")
@click.option("--yes", is_flag=True, help="Ask nothing; take the defaults.")
@click.option("--anyway", is_flag=True, help="Write the file also where passing the card cannot work.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def command(
    output: str | None,
    nix: bool,
    gpu: str | None,
    vm_from: str | None,
    root: str | None,
    yes: bool,
    anyway: bool,
    force: bool,
) -> int:
    """Write a configuration with what was found, and with each guess marked as one.

    On a terminal it asks where more than one answer is sensible; Enter takes the default. Where the card cannot be
    passed it says every reason, and writes nothing.
    """
    from optimux.facts.detect import Root, detect
    from optimux.judge.gpus import verdicts

    target = output or ("optimux.nix" if nix else "optimux.toml")
    if target != "-" and Path(target).exists() and not force:
        raise OptimuxError(f"{target} is there already. Name another with --output, or add --force.")
    existing = _existing(vm_from) if vm_from else None
    facts = detect(Root.of_a_machine(root))
    judged = verdicts(facts)
    asks = not yes and sys.stdin is not None and sys.stdin.isatty()
    verdict = _chosen(judged, gpu, asks=asks)
    reasons = _reasons(verdict)
    if reasons and not anyway:
        _refuse(verdict, reasons)
        return FAILED
    given = verdict if verdict and verdict.role == "discrete" else None
    text = _text(facts, given, _answers(facts, existing, asks=asks), reasons, nix=nix)
    if target == "-":
        click.echo(text, nl=False)
    else:
        from optimux.files.replace import replace_file

        replace_file(Path(target), text.encode())
        say(f"wrote {target}; read the guesses in it, then: {_next(target, facts, nix=nix, here=root is None)}")
    return 0


def _next(target: str, facts: Facts, *, nix: bool, here: bool) -> str:
    """What is done with the file: another machine's, and NixOS, are given files to be brought there."""
    if nix:
        return "import it beside Optimux' module"
    if here and facts.distribution != "nixos":
        return f"optimux apply {target}"
    return f"optimux generate {target} -o out/{' --here' if here else ''}"


def _chosen(judged: Sequence[Verdict], address: str | None, *, asks: bool) -> Verdict | None:
    """The named GPU; else the one that is nearest to being passed, of equals the one that firmware does not use."""
    if address is not None:
        found = [verdict for verdict in judged if str(verdict.device.address) == address.lower()]
        if not found:
            allowed = ", ".join(str(verdict.device.address) for verdict in judged) or "none: there is no display device"
            raise InvalidInput([Problem("--gpu", f'"{address}"', allowed, "Compare with `optimux detect`.")])
        return found[0]
    from optimux.judge.gpus import nearest_first

    order = nearest_first(judged)
    sensible = [verdict for verdict in order if verdict.passthrough != "no"]
    if asks and len(sensible) > 1:
        for number, verdict in enumerate(sensible, 1):
            say(f"  {number}  {verdict.device.address}  {verdict.device.name or verdict.device.id}")
        number = click.prompt("Which GPU goes to the VM?", type=click.IntRange(1, len(sensible)), default=1, err=True)
        return sensible[number - 1]
    return order[0] if order else None


def _reasons(verdict: Verdict | None) -> list[tuple[str, str, str]]:
    from optimux.judge.finding import blocking

    if verdict is None:
        return [("no display device", "a discrete GPU", "There is no card that could be given away.")]
    return [(f.found, f.wanted, f.remedy) for f in blocking(verdict.findings)]


def _refuse(verdict: Verdict | None, reasons: Sequence[tuple[str, str, str]]) -> None:
    name = f"{verdict.device.address} ({verdict.device.name or verdict.device.id})" if verdict else "a GPU"
    say(f"error: {name} cannot be passed to a VM as this machine is; nothing was written")
    for found, wanted, remedy in reasons:
        say(f"  found {found}\n      wanted: {wanted}\n      {remedy}")
    say("With --anyway the file is written all the same.")


def _answers(facts: Facts, existing: Existing | None, *, asks: bool) -> Answers:
    from optimux.judge.propose import Answers, default_memory

    memory = default_memory(facts)
    if not asks:
        return Answers(memory, None, existing)
    memory = click.prompt("Memory for the VM?", default=str(memory), value_proc=_size, err=True)
    return Answers(memory, None if existing else _disk(facts), existing)


def _size(text: str) -> Size:
    from optimux.sizes import Size

    try:
        return Size.parse(text)
    except ValueError as reason:
        raise click.BadParameter(f"It is {reason}, such as 16GiB.") from None


def _disk(facts: Facts) -> str | None:
    """A disk that the host does not use, or an image."""
    spare = [disk for disk in facts.disks if disk.path and not disk.in_use and not disk.removable]
    if not spare:
        return None
    say("  0  an image in /var/lib/libvirt/images")
    for number, disk in enumerate(spare, 1):
        say(f"  {number}  the whole disk {disk.path} ({disk.model or disk.name}, {disk.size}), with what is on it")
    number = click.prompt("Which disk?", type=click.IntRange(0, len(spare)), default=0, err=True)
    return spare[number - 1].path if number else None


def _text(
    facts: Facts,
    verdict: Verdict | None,
    answers: Answers,
    reasons: Sequence[tuple[str, str, str]],
    *,
    nix: bool,
) -> str:
    from optimux.cli import init_text
    from optimux.judge.propose import proposed

    machine = " ".join(word for word in (facts.machine.vendor, facts.machine.model) if word) or "this machine"
    head = [f"Written by optimux init for {machine}: what was found, and guesses, which say so."]
    head += [f"CANNOT WORK YET: found {found}; wanted {wanted}. {remedy}" for found, wanted, remedy in reasons]
    if verdict:
        changes = [f for f in verdict.reasons if (f.found, f.wanted, f.remedy) not in reasons]
        head += [f"Before the first start: found {f.found}. {f.remedy}" for f in changes if f.key not in DONE]
    entries = proposed(facts, verdict, answers)
    return init_text.nix(entries, head) if nix else init_text.toml(entries, head)


def _existing(path: str) -> Existing:
    from optimux.cli.init_domain import read_existing

    return read_existing(path)
