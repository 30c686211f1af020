"""Editing a domain that exists: ``optimux patch`` against ``virt-xml``, in time and in lines that change."""

from __future__ import annotations

import difflib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.generate import EXAMPLE
from bench.measure import Run, in_turn, median, ratio
from lab.documents import BY_HAND, KEY_VALUE, STORED, VIRT_MANAGER
from optimux.files.documents import read_toml
from optimux.patch import patch_domain
from optimux.plan.resolve import plan_from

# Its test driver: no daemon, and no device of this machine.
TOOL = ("virt-xml", "--connect", "test:///default")
SHM_EXAMPLE = EXAMPLE.with_name("idd-shm.toml")
DOMAINS = {"virt-manager": VIRT_MANAGER, "stored": STORED, "by hand": BY_HAND, "key=value": KEY_VALUE}
CONCERNS = "memballoon,video,tpm,memory,hyperv,audio"
# The same six changes, one a call: it knows no other way.
VIRT_XML: tuple[tuple[str, ...], ...] = (
    ("--edit", "--memballoon", "model=none"),
    ("--edit", "--video", "model.type=vga,model.ram=,model.vram=,model.vgamem="),
    ("--add-device", "--tpm", "backend.type=emulator,backend.version=2.0,model=tpm-crb"),
    ("--add-device", "--shmem", "looking-glass,model.type=ivshmem-plain,size=128,size.unit=M"),
    ("--edit", "--features", "kvm.hidden.state=on,hyperv.synic.state=on"),
    ("--edit", "--sound", "model=ich9,codec0.type=duplex"),
)


def report(count: int) -> Iterator[str]:
    """Lines for a reader."""
    yield from _in_process()
    if shutil.which("virt-xml") is None:
        yield "patch against virt-xml: left out, virt-xml is missing (Debian: virtinst)"
        return
    with tempfile.TemporaryDirectory() as scratch:
        domain = Path(scratch, "domain.xml")
        domain.write_text(VIRT_MANAGER, encoding="utf-8")
        ours, theirs = in_turn(_optimux(domain), _virt_xml_six(domain), count)
    yield from _times(ours, theirs, count)
    yield from _lines()


def _in_process() -> Iterator[str]:
    """A thousand domains one after another, no process started in between."""
    plan = plan_from(read_toml(str(EXAMPLE))).domains[0]
    documents = [text.encode() for text in (VIRT_MANAGER, BY_HAND, KEY_VALUE)]
    times = []
    for number in range(1000):
        started = time.process_time()
        patch_domain(documents[number % len(documents)], plan)
        times.append(time.process_time() - started)
    each = sorted(time * 1000 for time in times)
    yield (
        f"patch, 1000 domains in one process: {sum(times):.2f} s of processor time, each "
        f"{statistics.median(each):.2f} ms in the median, {each[989]:.2f} ms or less for 99 of 100"
    )


def _times(ours: Sequence[Run], theirs: Sequence[Run], count: int) -> Iterator[str]:
    yield f"patch, six changes in one call, against six calls of virt-xml ({count} runs each, in turn)"
    for figure, unit in (("wall", "s"), ("cpu", "s"), ("peak", "MiB")):
        mine, other = median(ours, figure), median(theirs, figure)
        share = ratio(ours, theirs, figure)
        yield f"  {figure:5} {mine:8.3f} {unit:3} against {other:8.3f} {unit:3} ratio {share:.2f}"


def _optimux(domain: Path) -> list[str]:
    script = "from optimux.cli import main; main()"
    return [sys.executable, "-c", script, "patch", str(EXAMPLE), str(domain), "--only", CONCERNS]


def _virt_xml_six(domain: Path) -> list[str]:
    """A shell that takes the domain through the six calls."""
    steps = [f"cp '{domain}' '{domain}.0'"]
    for number, words in enumerate(VIRT_XML):
        call = " ".join(f"'{word}'" for word in words)
        steps.append(f"{' '.join(TOOL)} {call} <'{domain}.{number}' >'{domain}.{number + 1}'")
    return ["sh", "-c", " && ".join(steps)]


def _lines() -> Iterator[str]:
    """For one and the same edit, how many lines of the file differ after it."""
    yield "lines that differ after one edit (removed + added)"
    yield f"  {'edit':12} {'domain':14} {'optimux':>8} {'virt-xml':>9}"
    for concern, example, words in (("memballoon", EXAMPLE, VIRT_XML[0]), ("memory", SHM_EXAMPLE, VIRT_XML[3])):
        plan = plan_from(read_toml(str(example))).domains[0]
        for name, text in DOMAINS.items():
            ours = patch_domain(text.encode(), plan, only=[concern]).document.decode()
            done = subprocess.run([*TOOL, *words], input=text, capture_output=True, text=True, timeout=60, check=False)
            theirs = str(_differing(text, done.stdout)) if done.returncode == 0 else "fails"
            yield f"  {concern:12} {name:14} {_differing(text, ours):8} {theirs:>9}"


def _differing(before: str, after: str) -> int:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return sum(line[:1] in "+-" and line[:3] not in ("+++", "---") for line in lines)
