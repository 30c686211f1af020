"""What the words and values are declared as is what mypy holds every use of them against."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from lab.lint import linters

CHECKOUT = Path(__file__).parents[2]

HEAD = """\
from typing import Literal

from optimux.declare import Choice, Declared, Int, ListOf, MapOf, Text, option
from optimux.options.gpus import Bind, Gpu, Rom
from optimux.options.looking_glass import LookingGlass, Release
from optimux.options.model import Options
from optimux.options.vm.compute import Smbios
from optimux.host.handover.verdict import Verdict
from optimux.judge.finding import Finding, broken
from optimux.judge.gpus import Verdict as Card
from optimux.options.vm.devices import Disk, Input
from optimux.pci import Address
from optimux.facts import Facts
from optimux.plan import devices
from optimux.plan.battery import Battery
from optimux.plan.devices import Placement, settled
from optimux.plan.guest import Enlightenment
from optimux.plan.memory_size import frame_memory
from optimux.plan.model import GpuPlan, HostPlan, ImagePlan, NetworkPlan, SharedMemory
from optimux.vm.evidence.checks import Check

def uses(
    gpu: Gpu, options: Options, disk: Disk, smbios: Smbios, planned: GpuPlan, memory: SharedMemory, host: HostPlan,
    battery: Battery, looking_glass: LookingGlass, address: Address, network: NetworkPlan, image: ImagePlan,
    facts: Facts, finding: Finding, check: Check, place: Placement, input_: Input,
    card: Card, judged: Verdict,
) -> None:
"""

# One use a line, with the codes of what mypy says of it.
WRONG = {
    # A word that is none of the vocabulary, wherever it went since it was declared.
    'gpu.bind == "libvrt"': {"comparison-overlap"},
    'options.host.distribution == "debain"': {"comparison-overlap"},
    'options.gpus["a"].rom.bar == "yes"': {"comparison-overlap"},
    'smbios.system.get("vendor")': {"arg-type", "call-overload"},
    'planned.bind == "vfio"': {"comparison-overlap"},
    'memory.kind != "kvmfer"': {"comparison-overlap"},
    'host.platform.security_module == "AppArmor"': {"comparison-overlap"},
    'host.platform.boot_loader == "lilo"': {"comparison-overlap"},
    'battery.variant == "fuller"': {"comparison-overlap"},
    'frame_memory(looking_glass.displays[0], "b8")': {"arg-type"},
    'release: Release = "b8"': {"assignment"},
    'network.forward == "bridge"': {"comparison-overlap"},
    'image.format == "vdi"': {"comparison-overlap"},
    'host.guest_files[0][1] == "w"': {"comparison-overlap"},
    'Enlightenment("relax")': {"arg-type"},
    'Enlightenment("stimer", (), ("directly",))': {"arg-type"},
    'facts.boot.initramfs[0].name == "mkinitrd"': {"comparison-overlap"},
    'facts.boot.loaders[0].name == "lilo"': {"comparison-overlap"},
    'finding.outcome == "hold"': {"comparison-overlap"},
    'broken("key", "found", "wanted", "remedy", "grave")': {"arg-type"},
    'Check("name", "pass", "found")': {"arg-type"},
    'check.state == "skip"': {"comparison-overlap"},
    'card.role == "integrate"': {"comparison-overlap"},
    'card.passthrough == "after-change"': {"comparison-overlap"},
    'card.outputs.own.value == "attached"': {"comparison-overlap"},
    'card.outputs.panel.confidence == "sure"': {"comparison-overlap"},
    'judged.word == "close"': {"comparison-overlap"},
    # A field that is none, one that is missing, one of another type, one that would change.
    'Gpu(functions=(), bnd="id")': {"call-arg"},
    'Gpu(bind="id")': {"call-arg"},
    "Gpu(())": {"call-arg", "misc"},
    'Gpu(functions=(), bind="libvrt")': {"arg-type"},
    'Rom(file=Address.parse("0000:01:00.0"))': {"arg-type"},
    'gpu.bind = "id"': {"misc"},
    "gpu.bnd": {"attr-defined"},
    # The same of a copy with changes.
    'gpu.replace(binds="id")': {"call-arg"},
    'gpu.replace(bind="libvrt")': {"arg-type"},
    'options.host.replace(distribution="debain")': {"arg-type"},
    'battery.replace(variant="fuller")': {"arg-type"},
    "disk.replace(source=1)": {"arg-type"},
    "address.replace(func=1)": {"call-arg"},
    "[disk.replace(bus='sata')][0].bus.upcase": {"attr-defined", "union-attr"},
    # The same of a planned value that is made of a table, and what the table does not have as the value needs it.
    'settled(devices.Input, input_, placement=place, bus="ide")': {"arg-type"},
    "settled(devices.Input, input_, placment=None)": {"call-arg"},
    "settled(devices.Input, input_)": {"call-arg"},
    'settled(devices.Disk, disk, placement=None, index=0, bus="sata")': {"arg-type"},
    "settled(devices.Input, input_, placement=place).bus.upcase": {"union-attr"},
}
# The declaration itself: what is annotated is what the kind loads and what the default is.
WRONG_FIELDS = {
    'a: Bind = option("a", Choice(Release), doc="")': {"arg-type"},
    'b: Bind = option("b", Choice(Bind), default="b7", doc="")': {"arg-type"},
    'c: Bind = option("c", Choice(Bind), default=None, doc="")': {"assignment"},
    'd: str = option("d", Int(), doc="")': {"assignment"},
    'e: tuple[int, ...] = option("e", ListOf(Text()), doc="")': {"arg-type"},
}
RIGHT = (
    'gpu.bind == "on-demand"',
    'options.host.distribution == "debian"',
    'smbios.system.get("serial")',
    'frame_memory(looking_glass.displays[0], "b7")',
    'Gpu(functions=(), bind="id")',
    'gpu.replace(bind="on-demand")',
    "gpu.replace()",
    "address.replace(function=1)",
    'disk.replace(bus="sata").bus',
    "settled(devices.Input, input_, placement=place).placement",
    'settled(devices.Input, input_, placement=None, bus="usb").type',
    'Enlightenment("stimer", (), ("direct",))',
    'broken("key", "found", "wanted", "remedy", "blocks")',
)
RIGHT_FIELDS = (
    'a: Bind = option("a", Choice(Bind), default="id", doc="")',
    'c: Bind | None = option("c", Choice(Bind), default=None, doc="")',
)


def _refusals(folder: Path, uses: tuple[str, ...], fields: tuple[str, ...]) -> dict[str, set[str]]:
    """What mypy says, by the line that it says it of: the codes of its errors, with the project's own settings."""
    body = "".join(f"    {use}\n" for use in uses) + "\nclass Table(Declared):\n"
    lines = (HEAD + body + "".join(f"    {field}\n" for field in fields)).splitlines()
    file = folder / "uses.py"
    file.write_text("\n".join(lines) + "\n")
    command = (*linters()["mypy"], "--no-error-summary", "--show-error-codes", "--no-pretty", str(file))
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode in (0, 1), done.stderr
    said: dict[str, set[str]] = defaultdict(set)
    for line in done.stdout.splitlines():
        where, kind, message = line.split(": ", 2)
        if kind == "error":
            said[lines[int(where.rpartition(":")[2]) - 1].strip()].add(message.rpartition("[")[2].rstrip("]"))
    return said


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """One run for all wrong uses."""
    return _refusals(tmp_path_factory.mktemp("wrong"), tuple(WRONG), tuple(WRONG_FIELDS))


@pytest.mark.xdist_group("mypy")
@pytest.mark.parametrize(("use", "codes"), (WRONG | WRONG_FIELDS).items(), ids=(WRONG | WRONG_FIELDS))
def test_each_wrong_use_is_refused(use: str, codes: set[str], refused: dict[str, set[str]]) -> None:
    assert refused[use]
    assert refused[use] <= codes


@pytest.mark.xdist_group("mypy")
def test_nothing_else_is_refused(refused: dict[str, set[str]], tmp_path: Path) -> None:
    assert refused.keys() <= (WRONG | WRONG_FIELDS).keys()
    assert not _refusals(tmp_path, RIGHT, RIGHT_FIELDS)
