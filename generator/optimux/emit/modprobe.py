"""modprobe.d(5): which driver gets the card, and the size of the shared memory."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.emit.artifact import HostEntry, HostFile
from optimux.emit.text import commented
from optimux.notation.kernel import ids_parameter
from optimux.plan.model import Plan

PATH = "/etc/modprobe.d/optimux.conf"


def modprobe_entries(plan: Plan) -> list[HostEntry]:
    """The module options, if there is anything to say."""
    lines = list(_lines(plan))
    purpose = "what vfio-pci takes, which drivers wait for it, how large the kvmfr devices are."
    return [HostFile(PATH, commented(purpose, lines), "module options and load order", step="modules")] if lines else []


def _lines(plan: Plan) -> Iterator[str]:
    host = plan.host
    if options := vfio_options(plan):
        yield f"options vfio-pci {' '.join(options)}"
    yield from (f"softdep {driver} pre: vfio-pci" for driver in host.softdeps)
    yield from (f"blacklist {driver}" for driver in host.blacklist)
    yield from kvmfr_options(plan)


def vfio_options(plan: Plan) -> tuple[str, ...]:
    """The parameters of vfio-pci as modprobe writes them, such as ``ids=10de:249d,10de:228b``."""
    vfio = plan.host.vfio
    written = {
        ids_parameter(vfio.ids): bool(vfio.ids),
        "disable_idle_d3=1": vfio.disable_idle_d3,
        "disable_vga=1": vfio.disable_vga,
    }
    return tuple(option for option, is_set in written.items() if is_set)


def kvmfr_options(plan: Plan) -> tuple[str, ...]:
    """The sizes of the kvmfr devices, in the order of their numbers."""
    sizes = ",".join(str(memory.size.mib) for memory in plan.kvmfr)
    return (f"options kvmfr static_size_mb={sizes}",) if sizes else ()
