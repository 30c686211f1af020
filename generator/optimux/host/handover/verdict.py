"""Can the card be given: every precondition as a finding, and what follows from all of them. A pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from optimux.host.handover.modules import VFIO
from optimux.judge.finding import ADVICE, BLOCKS, CHANGE, HOLDS, UNSEEN, Finding, broken, holds, unseen
from optimux.record import Record
from optimux.rules import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.host.handover.holder import Holder
    from optimux.host.handover.picture import Picture
    from optimux.pci import Id

Word = Literal["can", "close-first", "cannot", "incomplete", "given", "in-use"]
CAN: Final = "can"
CLOSE_FIRST: Final = "close-first"
CANNOT: Final = "cannot"
INCOMPLETE: Final = "incomplete"
GIVEN: Final = "given"
IN_USE: Final = "in-use"
_SAID: dict[Word, str] = {
    CAN: "can be given now",
    CLOSE_FIRST: "can be given once this is done:",
    CANNOT: "cannot be given:",
    INCOMPLETE: "perhaps, but not everything could be seen:",
    GIVEN: "is given: vfio-pci has it",
    IN_USE: "is given: a VM runs with it",
}


class Verdict(Record):
    """What is to be said of a card; ``findings`` has every precondition."""

    word: Word
    findings: tuple[Finding, ...]

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return _SAID[self.word]

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """What does not hold: what blocks first, then what must close, then what could not be seen."""
        order = {BLOCKS: 0, CHANGE: 1}
        found = [finding for finding in self.findings if finding.outcome != HOLDS]
        return tuple(sorted(found, key=lambda f: 3 if f.outcome == UNSEEN else order.get(f.weight, 2)))


def verdict(picture: Picture) -> Verdict:
    """The verdict on one look."""
    if picture.machine:
        return Verdict(IN_USE, tuple(_leaving(picture)))
    if picture.devices and {device.driver for device in picture.devices} == {VFIO}:
        return Verdict(GIVEN, ())
    findings = tuple(_findings(picture))
    return Verdict(_word(findings), findings)


def _word(findings: tuple[Finding, ...]) -> Word:
    wrong = {finding.weight for finding in findings if finding.is_broken}
    if BLOCKS in wrong:
        return CANNOT
    if CHANGE in wrong:
        return CLOSE_FIRST
    return INCOMPLETE if any(finding.outcome == UNSEEN for finding in findings) else CAN


def _leaving(picture: Picture) -> Iterator[Finding]:
    """Functions pulled out below a VM: the kernel takes the driver off first, then waits for the VM, without a limit.

    Source: drivers/base/dd.c (__device_release_driver), drivers/vfio/vfio_main.c (vfio_unregister_group_dev).
    """
    for function in picture.functions:
        if function.device is None or function.device.driver is None:
            what = "is gone" if function.device is None else "has no driver any more"
            found = f"{function.address} {what}, though a VM has the card: it was unplugged, or unbound"
            remedy = "Shut the VM down: the kernel waits for it."
            yield broken("function.leaving", found, f"{function.address} with {VFIO}", remedy)


def _findings(picture: Picture) -> Iterator[Finding]:
    yield from _present(picture)
    if not picture.devices:
        return
    yield from _display(picture)
    yield from _groups(picture)
    yield from _storage(picture)
    yield from _network(picture)
    yield from _keyboard(picture)
    yield from _modules(picture)
    yield from _holders(picture)
    yield from _power(picture)
    yield from _family(picture)
    for reason in picture.incomplete:
        yield unseen("scan.complete", reason, "every process, looked into", "Run it as root.")


def _present(picture: Picture) -> Iterator[Finding]:
    for function in picture.functions:
        wanted = f"{function.expected} at {function.address}"
        if function.device is None:
            remedy = "Plug it in, or correct the configuration (optimux detect)."
            yield broken("function.present", f"nothing at {function.address}", wanted, remedy, BLOCKS)
        elif str(function.device.id) != function.expected:
            found = f"{function.device.id} at {function.address}"
            yield broken("function.present", found, wanted, "Correct the configuration (optimux detect).", BLOCKS)
        else:
            yield holds("function.present", wanted, wanted)


def _display(picture: Picture) -> Iterator[Finding]:
    wanted = "another card for the host's picture"
    boot = [d for d in picture.devices if (d.boot_vga if d.boot_display is None else d.boot_display)]
    if boot:
        remedy = "Let firmware use the other GPU, or bind this one at boot (gpus.<name>.bind)."
        yield broken("display.boot", f"{boot[0].address} is the boot display", wanted, remedy, BLOCKS)
    else:
        yield holds("display.boot", "not the boot display", wanted)
    if picture.firmware_framebuffer:
        remedy = "Set releaseFramebuffer = true, apply and reboot."
        found = f"firmware's framebuffer ({picture.firmware_framebuffer})"
        yield broken("display.firmware", found, "no framebuffer of firmware on it", remedy, BLOCKS)
    if picture.console:
        remedy = "Boot with fbcon=map:1, or show the console on the other card."
        yield broken("display.console", f"the text console on {picture.console}", "no console on it", remedy)
    lit = [connector for connector in picture.connectors if connector.enabled]
    masters = [holder for holder in picture.holders if any("/dri/card" in name for name in holder.nodes)]
    for connector in lit:
        name = f"{connector.name}{f' ({connector.monitor})' if connector.monitor else ''}"
        if masters:
            remedy = "Turn that screen off in the desktop's settings."
            yield broken("display.connector", f"a picture on {name}", "no picture on its outputs", remedy)
        else:  # the kernel's own framebuffer lights what is plugged in, and lets go by itself
            found = f"{name} lit by the kernel alone"
            yield broken("display.connector", found, "no picture on its outputs", "It will go dark.", ADVICE)
    if not lit:
        yield holds("display.connector", "no picture on its outputs", "no picture on its outputs")


def _groups(picture: Picture) -> Iterator[Finding]:
    """VFIO counts a member with a host driver against the group, one without any driver not."""
    wanted = "IOMMU groups with nothing else that the host drives"
    without = [device for device in picture.devices if device.iommu_group is None]
    if without:
        remedy = "Turn the IOMMU on (optimux doctor)."
        yield broken("group.viable", f"{without[0].address} in no IOMMU group", wanted, remedy, BLOCKS)
    for mate in picture.mates:
        if mate.driver not in (None, VFIO, "pci-stub"):
            remedy = f'Add {{ address = "{mate.address}", id = "{mate.id}" }} to otherDevices, or unbind its driver.'
            found = f"{mate.address}, which {mate.driver} drives, in group {mate.iommu_group}"
            yield broken("group.viable", found, wanted, remedy, BLOCKS)


def _storage(picture: Picture) -> Iterator[Finding]:
    wanted = "no storage in use behind it"
    for mount in picture.mounts:
        if not mount.where:
            yield broken("storage.swap", f"swap on {mount.node}", wanted, f"swapoff {mount.node}")
            continue
        seen = f" (as process {mount.pid} sees it)" if mount.pid else ""
        remedy = f"umount {mount.where}{f', in the namespace of process {mount.pid}' if mount.pid else ''}"
        yield broken("storage.mount", f"{mount.node} mounted at {mount.where}{seen}", wanted, remedy)
    for node in picture.stacked:
        remedy = f"Close {node.name} (cryptsetup close, vgchange -an, mdadm --stop)."
        yield broken("storage.stacked", f"{node.name} on one of its disks", wanted, remedy)


def _network(picture: Picture) -> Iterator[Finding]:
    for link in picture.links:
        if link.up:
            yield broken(
                "network.link", f"{link.name} is up", "no network link in use", f"ip link set {link.name} down"
            )


def _keyboard(picture: Picture) -> Iterator[Finding]:
    if picture.keyboards and not picture.other_keyboards:
        found = f"the only keyboard, {picture.keyboards[0]}, hangs on it"
        yield broken("input.keyboard", found, "a keyboard elsewhere", "Plug it into another port.", BLOCKS)


def _modules(picture: Picture) -> Iterator[Finding]:
    mine = {device.address for device in picture.devices}
    only_unloaded = rules()["handover"]["onlyUnloaded"]
    for module in picture.modules:
        other = [address for address in module.addresses if address not in mine]
        if module.name in only_unloaded and other:
            found = f"{module.name} also drives {other[0]}"
            remedy = "Bind the card at boot: this driver can only be unloaded whole."
            yield broken("module.shared", found, "a driver for this card alone", remedy, BLOCKS)
    for name, count in picture.hidden:
        if name in only_unloaded:
            continue  # unloading it is a refusal without harm, and knows best
        holding = f", perhaps by processes {', '.join(map(str, picture.exporting[:5]))}" if picture.exporting else ""
        found = f"{name} is held {count} times by what no descriptor shows{holding}"
        remedy = "Close what shares a buffer of it, or has it queued in a socket."
        yield broken("module.references", found, "nobody holds it", remedy)


def _holders(picture: Picture) -> Iterator[Finding]:
    for holder in picture.holders:
        yield broken("card.holder", str(holder), "nobody holds it", let_go(holder))
    if not picture.holders:
        yield holds("card.holder", "nobody holds it", "nobody holds it")


def let_go(holder: Holder) -> str:
    """How this program is brought to let go, with the unit where it is one."""
    table = rules()["handover"]["letGo"]
    advice = str(table.get(holder.program, table["*"]))
    if holder.program in table or not holder.unit or not holder.unit.endswith(".service"):
        return f"{holder.program}: {advice}"
    manager = "systemctl --user" if holder.user_unit else "systemctl"
    return f"{holder.program}: {manager} stop {holder.unit}"


def _power(picture: Picture) -> Iterator[Finding]:
    wanted = "a card that wakes and can be reset"
    for device in picture.devices:
        if device.runtime_status == "error" or device.power_state == "error":
            remedy = "Reboot; if it returns, set d3coldAllowed = false."
            yield broken("power.awake", f"{device.address} failed to wake", wanted, remedy, BLOCKS)
    if not any(device.reset_methods for device in picture.devices) and picture.beside:
        found = f"no reset method, and {picture.beside[0].address} on its bus"
        yield broken("power.reset", found, wanted, "Give the whole bus, or use another slot.", BLOCKS)


def _family(picture: Picture) -> Iterator[Finding]:
    for device in picture.devices:
        if device.is_display and (why := family(device.id)):
            yield broken(
                "card.comes-back", why, "a card that comes back", "Bind it at boot where that happens.", ADVICE
            )


def family(card: Id) -> str | None:
    """Why a card of this id may not come back, as users report it."""
    families = rules()["handover"]["families"]
    return next((str(why) for prefix, why in families.items() if str(card).startswith(prefix)), None)
