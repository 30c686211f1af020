"""What ``detect`` draws for people: the verdict and the next step first, then the cards, the groups, the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from optimux.cli.drawing import show
from optimux.judge.gpus import nearest_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from optimux.facts import Facts, PciDevice
    from optimux.judge.gpus import Verdict

COLOURS = {"ready": "green", "after-changes": "yellow", "no": "red"}
WORDS = {
    "ready": "can be passed now",
    "after-changes": "can be passed after changes",
    "no": "cannot be passed",
}
MOST_UNSEEN = 5


def draw(facts: Facts, judged: tuple[Verdict, ...], file: object = None) -> None:
    """Print the picture."""
    show(picture(facts, judged), file)


def picture(facts: Facts, judged: tuple[Verdict, ...]) -> RenderableType:
    """Everything, in the order in which a person asks."""
    parts: list[RenderableType] = [_headline(facts, judged)]
    parts += [_card(facts, verdict) for verdict in judged]
    parts.append(_host(facts))
    if facts.unseen:
        parts.append(_unseen(facts))
    return Group(*parts)


def _headline(facts: Facts, judged: tuple[Verdict, ...]) -> RenderableType:
    machine = " ".join(word for word in (facts.machine.vendor, facts.machine.model) if word) or "This machine"
    text = Text(machine, style="bold")
    best = _best(judged)
    if best is None:
        text.append("\nNo display device: there is nothing to pass.", style="red")
        return text
    word = best.passthrough
    text.append(f"\n{_name(best.device)} {WORDS[word]}.", style=COLOURS[word])
    text.append(f"\nNext: {_next(best)}")
    return text


def _best(judged: tuple[Verdict, ...]) -> Verdict | None:
    """The card that is nearest to being passed."""
    return next(iter(nearest_first(judged)), None)


def _next(verdict: Verdict) -> str:
    steps = [finding.remedy for finding in verdict.reasons]
    return steps[0] if steps else "optimux init writes a configuration for it."


def _name(device: PciDevice) -> str:
    return f"{device.name or device.id}"


def _card(facts: Facts, verdict: Verdict) -> RenderableType:
    title = Text(f"\n{verdict.device.address}  {_name(verdict.device)}", style="bold")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    word = verdict.passthrough
    table.add_row(verdict.role, Text(WORDS[word], style=COLOURS[word]))
    for key, value in _rows(facts, verdict):
        table.add_row(key, escape(value))
    return Group(title, Padding(table, (0, 0, 0, 2)))


def _rows(facts: Facts, verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Outputs, driver and power, the group, and what stands in the way."""
    device, outputs = verdict.device, verdict.outputs
    own, panel = outputs.own, outputs.panel
    listed = ", ".join(f"{c.name} {_shown(c.status, c.monitor)}" for c in facts.connectors_of(device.address))
    yield "own outputs", f"{own.value}{_sure(own.confidence)}" + (f": {listed}" if listed else "")
    yield "panel", f"{panel.value}{_sure(panel.confidence)}"
    state = ", ".join(word for word in (device.power_state, device.runtime_status) if word)
    yield "driver", f"{device.driver or 'none'}" + (f" ({state})" if state else "")
    if verdict.role == "discrete":
        yield from _members(facts, verdict)
    for finding in verdict.reasons:
        yield "found", finding.found
        yield "remedy", finding.remedy


def _members(facts: Facts, verdict: Verdict) -> Iterator[tuple[str, str]]:
    from optimux.judge.roles import functions_of

    groups = dict.fromkeys(f.iommu_group for f in functions_of(facts, verdict.device))
    for number in groups:
        if number is not None:
            members = [f"{d.address} {_kind(d)}" for d in facts.group(number)]
            yield f"group {number}", "; ".join(members)


def _kind(device: PciDevice) -> str:
    words = {"03": "display", "04": "sound", "0c03": "USB", "06": "bridge", "02": "network", "01": "disk"}
    return words.get(device.pci_class) or words.get(device.pci_class[:2]) or f"class {device.pci_class}"


def _shown(status: str, monitor: str | None) -> str:
    return f"connected ({monitor})" if status == "connected" and monitor else status


def _sure(confidence: str | None) -> str:
    return f" ({confidence})" if confidence else ""


def _host(facts: Facts) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for key, value in _host_rows(facts):
        table.add_row(key, escape(value))
    return Group(Text("\nHost", style="bold"), Padding(table, (0, 0, 0, 2)))


def _host_rows(facts: Facts) -> Iterator[tuple[str, str]]:
    cores = facts.cpu.cores
    slow = sum(core.kind == "E" for core in cores)
    count = f"{len(cores)} cores" + (f", {slow} of them efficient" if slow else "")
    yield "processor", ", ".join(word for word in (facts.cpu.model, count if cores else None) if word) or "unknown"
    yield "memory", f"{facts.memory.bytes / (1 << 30):.1f} GiB" if facts.memory else "unknown"
    words = {"on": f"on, {facts.iommu.groups} groups", "off-in-kernel": "off in the kernel"}
    width = f", {facts.cpu.iommu_bits} bits" if facts.cpu.iommu_bits else ""
    yield "IOMMU", words.get(facts.iommu.state or "", "off in the firmware, or absent") + width
    versions = (("Linux", facts.kernel_version), ("libvirt", facts.libvirt_version), ("QEMU", facts.qemu_version))
    said = [f"{name} {version}" if version else f"no {name} seen" for name, version in versions]
    yield "system", ", ".join([facts.os.name or "unknown distribution", *said])
    if facts.boot.initramfs or facts.boot.loaders:
        found = [*(tool.name for tool in facts.boot.initramfs), *(loader.name for loader in facts.boot.loaders)]
        yield "boot", ", ".join(found)
    yield from _usb_rows(facts)
    if facts.kvmfr.state:
        yield "kvmfr", facts.kvmfr.state
    if facts.other_tools:
        yield "also here", ", ".join(f"{tool.name} ({tool.evidence})" for tool in facts.other_tools)


def _usb_rows(facts: Facts) -> Iterator[tuple[str, str]]:
    from optimux.judge.usb import usb_verdicts

    for verdict in usb_verdicts(facts):
        names = [device.name or str(device.id) for device in verdict.attached]
        word = {True: "can be given whole", False: "cannot be given whole", None: "not known whether as a whole"}
        why = f" ({verdict.findings[0].found})" if verdict.whole is False else ""
        on_it = f": {', '.join(names)}" if names else ""
        yield "USB", f"{verdict.device.address} {word[verdict.whole]}{why}{on_it}"


def _unseen(facts: Facts) -> RenderableType:
    shown = [f"{item.path} ({item.reason})" for item in facts.unseen[:MOST_UNSEEN]]
    rest = len(facts.unseen) - len(shown)
    more = f", and {rest} more" if rest > 0 else ""
    return Text(f"\nCould not be read: {', '.join(shown)}{more}", style="dim")
