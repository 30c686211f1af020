"""A cold ``generate`` of the whole bundle against ``virt-install --print-xml`` of a comparable domain."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import in_turn, median, ratio

EXAMPLE = Path(__file__).parent.parent / "examples" / "omen-17.toml"

# libvirt's test driver with the card, so that virt-install finds a device to pass.
NODE = """\
<node>
  <network><name>default</name><bridge name='virbr0'/></network>
  <pool type='dir'><name>images</name><target><path>/var/lib/libvirt/images</path></target></pool>
  <device>
    <name>pci_0000_01_00_0</name><parent>computer</parent>
    <capability type='pci'>
      <class>0x030000</class><domain>0</domain><bus>1</bus><slot>0</slot><function>0</function>
      <product id='0x249d'/><vendor id='0x10de'/>
    </capability>
  </device>
</node>
"""


def report(count: int) -> Iterator[str]:
    """Lines for a reader: seconds, peak memory and ratios."""
    if shutil.which("virt-install") is None:
        yield "generate against virt-install: left out, virt-install is missing (Debian: virtinst)"
        return
    with tempfile.TemporaryDirectory() as scratch:
        node = Path(scratch, "node.xml")
        node.write_text(NODE, encoding="utf-8")
        ours, theirs = in_turn(_optimux(Path(scratch, "out")), _virt_install(node), count)
    yield f"generate, the whole bundle of {EXAMPLE.name}, against virt-install --print-xml ({count} runs each, in turn)"
    for figure, unit in (("wall", "s"), ("cpu", "s"), ("peak", "MiB")):
        mine, other = median(ours, figure), median(theirs, figure)
        yield f"  {figure:5} {mine:8.3f} {unit:3} against {other:8.3f} {unit:3} ratio {ratio(ours, theirs, figure):.2f}"


def _optimux(folder: Path) -> list[str]:
    """Every run writes the folder anew."""
    script = "import shutil, sys; shutil.rmtree(sys.argv[1], True); from optimux.cli import main; main(sys.argv[2:])"
    return [sys.executable, "-c", script, str(folder), "generate", str(EXAMPLE), "-o", str(folder)]


def _virt_install(node: Path) -> list[str]:
    return [
        "virt-install", "--connect", f"test://{node}", "--print-xml", "--import", "--name", "Windows11",
        "--memory", "16384", "--vcpus", "16,sockets=1,cores=8,threads=2", "--os-variant", "win11",
        "--disk", "/var/lib/libvirt/images/Windows11.qcow2,size=64", "--network", "network=default",
        "--hostdev", "pci_0000_01_00_0",
    ]  # fmt: skip
