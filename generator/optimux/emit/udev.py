"""udev(7) rules: who may open a kvmfr device, cards that desktops leave alone, and how far idle cards may sleep."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.emit.artifact import HostCommand, HostEntry, HostFile
from optimux.emit.text import commented
from optimux.plan.model import GpuPlan, Plan, SharedMemory

# Before 73-seat-late.rules, which acts on the tag "uaccess".
KVMFR = "/etc/udev/rules.d/70-kvmfr.rules"
# What QEMU's domain svirt_t may read, write and map (Fedora's policy); libvirt copies the label into its own /dev.
_LABEL = ', SECLABEL{selinux}="system_u:object_r:svirt_image_t:s0"'
# After 71-seat.rules, which makes every graphics card a seat's master, and before logind is told by 73-seat-late.rules.
SEAT = "/etc/udev/rules.d/72-optimux-seat.rules"
IDLE_POWER = "/etc/udev/rules.d/72-optimux-idle-power.rules"


def udev_entries(plan: Plan) -> list[HostEntry]:
    """The rules that the plan needs, and udev's notice of them."""
    files = [*_kvmfr_file(plan), *_seat_file(plan), *_idle_power_file(plan)]
    paths = tuple(entry.path for entry in files)
    reload = HostCommand("udevadm control --reload", "has udev read the new rules", after=paths)
    return [*files, reload] if files else []


def _kvmfr_file(plan: Plan) -> list[HostFile]:
    label = _LABEL if plan.host.platform.security_module == "selinux" else ""
    rules = [_kvmfr_rule(memory) + label for memory in plan.kvmfr]
    text = commented("who may open the shared memory of Looking Glass.", rules)
    return [HostFile(KVMFR, text, "access to the kvmfr devices")] if plan.kvmfr else []


def _kvmfr_rule(memory: SharedMemory) -> str:
    # No OWNER: systemd 258 and 259 pass over a whole line that names a user who is no system user, later ones warn.
    access = f'GROUP="{_literal(memory.group)}", MODE="0660", TAG+="uaccess"'
    return f'SUBSYSTEM=="kvmfr", KERNEL=="{memory.path.rsplit("/", 1)[-1]}", {access}'


def _literal(text: str) -> str:
    """Text that udev substitutes nothing in."""
    return text.replace("$", "$$").replace("%", "%%")


def _seat_file(plan: Plan) -> list[HostFile]:
    rules = [_seat_rule(gpu) for gpu in plan.gpus if gpu.keep_free and not gpu.binds_early]
    purpose = "cards that no desktop opens. Their render nodes keep their access."
    return [HostFile(SEAT, commented(purpose, rules), "cards that are kept free")] if rules else []


def _seat_rule(gpu: GpuPlan) -> str:
    """A seat without a master, or a greeter would be started there; mutter asks for a tag of its own besides."""
    match = f'SUBSYSTEM=="drm", KERNEL=="card[0-9]*", KERNELS=="{gpu.functions[0].address}"'
    return f'{match}, ENV{{ID_SEAT}}="seat-optimux", TAG-="master-of-seat", TAG+="mutter-device-ignore"'


def _idle_power_file(plan: Plan) -> list[HostFile]:
    rules = [rule for gpu in plan.gpus for rule in _idle_power_rules(gpu)]
    purpose = "how far idle cards may sleep. The parent is the root port, which sleeps last and wakes first."
    return [HostFile(IDLE_POWER, commented(purpose, rules), "power management of idle cards")] if rules else []


def _idle_power_rules(gpu: GpuPlan) -> Iterator[str]:
    """One rule a function, for the moment when vfio-pci has it: at boot (add) or at the start of a VM (bind)."""
    for function in gpu.functions:
        match = f'ACTION=="add|bind", SUBSYSTEM=="pci", KERNEL=="{function.address}", DRIVER=="vfio-pci"'
        yield f"{match}, {', '.join(_settings(gpu, has_port=function.address.bus != 0))}"


def _settings(gpu: GpuPlan, *, has_port: bool) -> list[str]:
    """sysfs attributes (Linux, Documentation/ABI/testing/sysfs-bus-pci and sysfs-devices-power).

    What sits on bus 0 has no port: its parent is the host bridge, which is not to sleep.
    """
    control = "on" if gpu.disable_idle_d3 else "auto"
    own = [f'ATTR{{d3cold_allowed}}="{int(gpu.d3cold_allowed)}"', f'ATTR{{power/control}}="{control}"']
    parent = ['ATTR{../d3cold_allowed}="1"', 'ATTR{../power/control}="auto"']
    return own + parent if gpu.d3cold_allowed and has_port else own
