"""What the scenarios share: generated VMs, an accelerator, and a throwaway machine to put them on."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimux.facts import Facts
from optimux.options.load import read_config
from optimux.plan.resolve import plan_from
from optimux.record import Record
from optimux.vm.evidence.checks import Check, Subject, subject_of
from optimux.vm.linux.guest import await_report, guest_machine
from optimux.vm.linux.kernel import find_kernel
from optimux.vm.qemu.accel import accelerated, choose
from optimux.vm.qemu.programs import find_qemu
from optimux.vm.qemu.run import start
from optimux.vm.verify.firmware_level import firmware_level
from optimux.vm.verify.guest_level import seed
from optimux.vm.verify.supplies import expected_supplies
from optimux.vm.verify.throwaway import throwaway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.vm.linux.guest_report import GuestReport
    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.memory import SharedFile

CONFIGURATION = Path(__file__).parents[2] / "examples/omen-17.toml"
DISPLAYS = {"1080p": (1920, 1080), "1440p": (2560, 1440), "4k": (3840, 2160)}


def generated(variant: str = "full", release: str = "b7", display: str = "4k") -> Subject:
    """The example's VM with another battery, release of Looking Glass or display."""
    data: dict[str, Any] = read_config(str(CONFIGURATION))
    width, height = DISPLAYS[display]
    data["lookingGlass"] |= {"release": release, "displays": [{"width": width, "height": height}]}
    data["vms"]["Windows11"]["battery"] = {"variant": variant}
    return subject_of(plan_from(data, Facts()).domains[0])


def firmware_checks(subject: Subject, firmware: str, folder: Path | str) -> dict[str, Check]:
    """The findings of the firmware level, by name."""
    qemu = find_qemu()

    def attempt(accelerator: Accelerator) -> list[Check]:
        return list(firmware_level(subject, firmware, accelerator, qemu, Path(folder)))

    return {check.name: check for check in accelerated(qemu, attempt)}


def accelerator() -> str:
    """What guests run under here, in words."""
    return str(choose(find_qemu()))


def failed(checks: dict[str, Check]) -> dict[str, str]:
    """What failed, and how."""
    return {name: check.found for name, check in checks.items() if check.state == "failed"}


class Guest(Record):
    """A guest that has reported and still runs: the host's side of its memory, and what was put there for it."""

    report: GuestReport
    file: SharedFile
    seeded: dict[int, bytes]
    token: str


@contextmanager
def reported(subject: Subject, folder: Path | str, frame_mib: int = 0) -> Iterator[Guest]:
    """The throwaway Linux guest on the machine of ``subject``."""
    qemu, token, folder = find_qemu(), secrets.token_hex(8), Path(folder)
    with throwaway(subject, qemu, folder) as made:
        assert made.file is not None, "the scenario needs shared memory"
        seeded = seed(made.file)
        supplies = tuple(expected_supplies(subject.battery))
        machine = guest_machine(made.machine, find_kernel(), token, supplies, frame_mib)
        with start(machine, choose(qemu), qemu, folder, made.descriptors) as run:
            yield Guest(await_report(run, token), made.file, seeded, token)
