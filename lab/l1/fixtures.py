"""The booted L1 machines that tests share: one with the files of each way to bind, one without any."""

from __future__ import annotations

import json
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.consumers import roots
from lab.errors import Unavailable
from lab.l1.configs import VM, by_address_config, by_id_config, domains, on_demand_config
from lab.l1.debian import debian_machine
from lab.l1.guest import initramfs_of, kernel_of
from lab.l1.image import GIVEN, PLACES, RESIDENT
from lab.l1.kvmfr import kvmfr_module
from lab.l1.machine import HARDWARE
from lab.l1.saved import l1_of
from lab.l1.waits import waiting_module
from lab.scenarios.given import given
from lab.scenarios.l2 import INITRD, KERNEL, RUN_SECONDS, seen
from optimux.emit.host import host_entries
from optimux.plan.resolve import plan_from
from optimux.record import Record
from optimux.vm.evidence.checks import subject_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lab.consumers.roots import Root
    from lab.l1.machine import L1
    from lab.l1.saved import Making
    from lab.scenarios.given import Given
    from lab.scenarios.l2 import Seen
    from optimux.emit.artifact import HostEntry

# Tests that share a machine run in one worker, so that it is booted once.
_MACHINES = ("by_id", "by_address", "on_demand", "without_files")
_RUNNING: dict[str, L1] = {}
OPTIONS = f"{GIVEN}/options.json"
_BARE = "/usr/local/sbin/bare"


def group_by_machine(items: Iterable[pytest.Item]) -> None:
    """For pytest_collection_modifyitems, before xdist looks."""
    for item in items:
        for name in _MACHINES:
            if name in _fixtures_of(item):
                item.add_marker(pytest.mark.xdist_group(name))


def rest_after(item: pytest.Item, following: pytest.Item | None) -> None:
    """For pytest_runtest_teardown: a machine that the next test does not use is not run meanwhile."""
    for name in _fixtures_of(item) - _fixtures_of(following):
        if name in _RUNNING:
            _RUNNING[name].rest()


def _fixtures_of(item: pytest.Item | None) -> set[str]:
    return {*getattr(item, "fixturenames", ())}


@contextmanager
def _shared(making: Making, folders: pytest.TempPathFactory) -> Iterator[L1]:
    """A machine that tests share until the last of them, under the name of its fixture."""
    with l1_of(making, folders.mktemp("l1")) as l1:
        _RUNNING[making.name] = l1
        try:
            yield l1
        finally:
            del _RUNNING[making.name]


class Module(Record):
    """The files of the kvmfr module for an image, or the ``reason`` why there are none."""

    files: dict[str, str | bytes]
    reason: str

    @property
    def memory(self) -> str:
        """The kind of shared memory that the VM can have."""
        return "shm" if self.reason else "kvmfr"


def _root() -> Root:
    return roots.trixie_root()


def _guest() -> dict[str, str | bytes]:
    """L2's guest for domains that are started many times and run once: a fifth of what QEMU reads of the whole one."""
    return {str(KERNEL): kernel_of(_root()).image.read_bytes(), str(INITRD): initramfs_of(_root())}


def _bare(name: str, entries: Iterable[HostEntry]) -> Making:
    """A machine up to the drivers of its devices: kernel, initramfs and udev, but no daemon."""
    init = Path(__file__).with_name("bare.sh").read_text(encoding="utf-8")
    init = init.replace("@places@", PLACES).replace("@resident@", RESIDENT)
    return debian_machine(name, _root(), entries, {_BARE: init}, parameters=(f"init={_BARE}",))


@pytest.fixture(scope="session")
def module() -> Module:
    """The kvmfr module, or why there is none."""
    try:
        return Module(kvmfr_module(_root()), "")
    except (Unavailable, RuntimeError) as reason:
        return Module({}, f"no module kvmfr: {reason}")


@pytest.fixture(scope="session")
def kvmfr(module: Module) -> None:
    """For tests that are about the module."""
    if module.reason:
        pytest.skip(module.reason)


@pytest.fixture(scope="session")
def plan(module: Module, tmp_path_factory: pytest.TempPathFactory) -> Given:
    """What the machine ``by_id`` was configured with: kvmfr where the module is to be had."""
    path = tmp_path_factory.mktemp("given") / "options.json"
    path.write_text(json.dumps(by_id_config(module.memory)), encoding="utf-8")
    return given(str(path))


@pytest.fixture(scope="session")
def by_id(tmp_path_factory: pytest.TempPathFactory, module: Module) -> Iterator[L1]:
    """A machine whose card is bound by its ids, with libvirt, kvmfr, the small guest, its options and domains."""
    options = by_id_config(module.memory)
    files: dict[str, str | bytes] = {OPTIONS: json.dumps(options)}
    files |= {domain_file(name): xml for name, xml in domains(module.memory).items()}
    files |= module.files
    machine = debian_machine("by_id", _root(), host_entries(plan_from(options)), files, guest=True)
    with _shared(machine, tmp_path_factory) as l1:
        yield l1


@pytest.fixture(scope="session")
def l2(by_id: L1) -> Seen:
    """The generated domain, run on the machine ``by_id`` until its guest has reported, and stopped."""
    return _run(by_id, VM, confined=True)


@pytest.fixture(scope="session")
def patched_l2(by_id: L1) -> Seen:
    """A domain as virt-manager makes one, patched for the same plan, run the same way, but under no profile of
    AppArmor's: it asks for the same files as the generated one.
    """
    return _run(by_id, "patched", confined=False)


def domain_file(name: str) -> str:
    """Where the machine ``by_id`` has a domain of ``configs.domains``."""
    return f"{GIVEN}/{name}.xml"


def _run(by_id: L1, name: str, *, confined: bool) -> Seen:
    values = by_id.call("l2.run", RUN_SECONDS, options=OPTIONS, xml=domain_file(name), confined=confined)
    if values["attempts"] > 1:
        warnings.warn(f"{name}: its guest said nothing at the first start", stacklevel=2)
    return seen(values)


def by_address_machine() -> Making:
    """How the machine ``by_address`` comes to be."""
    return _bare("by_address", host_entries(plan_from(by_address_config())))


@pytest.fixture(scope="session")
def by_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[L1]:
    """A machine whose card is bound by its address."""
    with _shared(by_address_machine(), tmp_path_factory) as l1:
        yield l1


# The host's own display, which has its console; the card's USB controller, and a stick of 16 MiB on it; what plays.
_MORE = (
    {"driver": "VGA", "id": "primary", "bus": "pcie.0", "addr": "0x2"},
    {"driver": "qemu-xhci", "id": "usb", "bus": "port1", "addr": "0x0.0x2"},
    {"driver": "usb-storage", "bus": "usb.0", "drive": "stick"},
    {"driver": "hda-output", "bus": "audio.0", "audiodev": "nowhere"},
)
# The card once more, after it was pulled out: its first function is what the slot waits for.
CARD_AGAIN = tuple(
    device for device in (*_MORE[1:], *reversed(HARDWARE["devices"])) if device.get("id") in ("usb", "audio", "gpu")
)
_STICK = (
    *("-blockdev", "driver=null-co,node-name=stick,size=16777216,read-zeroes=on", "-audiodev", "none,id=nowhere"),
    *(word for device in _MORE for word in ("-device", json.dumps(device))),
)
# A stick is looked into at once; what the card shows may be read while its driver has it.
_WORDS = ("usb_storage.delay_use=0", "iomem=relaxed")
# A start takes an emulated machine half as long where libvirt reads the guest's processor at once, as it does from a
# QEMU that does not tell what it cannot give, instead of one property after the other.
# A libvirtd that is killed stays away, as a test looks at what happens meanwhile.
_LIBVIRT = {
    "/etc/libvirt/qemu.conf": 'capability_filters = ["cpu-unavailable-features"]\n',
    "/etc/systemd/system/libvirtd.service.d/light.conf": "[Service]\nRestart=no\n",
}
# No names and properties by udev for which nobody here asks, at each coming and going of the card's devices.
_UNNAMED = ("60-persistent-alsa", "60-persistent-input", "60-persistent-storage", "60-sensor", "64-btrfs", "70-camera")
_UDEV = {f"/etc/udev/rules.d/{name}.rules": "" for name in (*_UNNAMED, "70-mouse", "78-sound-card")}
# The program as a system has it.
_COMMAND = f'#!/bin/sh\nPYTHONPATH={PLACES} exec python3 -m optimux "$@"\n'


@pytest.fixture(scope="session")
def waiting() -> Module:
    """The driver whose removal waits, or why there is none."""
    try:
        return Module(waiting_module(_root()), "")
    except (Unavailable, RuntimeError) as reason:
        return Module({}, f"no module of our own: {reason}")


@pytest.fixture(scope="session")
def on_demand(tmp_path_factory: pytest.TempPathFactory, waiting: Module) -> Iterator[L1]:
    """A machine whose card is the host's while no VM runs, with the hook, the program and the small guest."""
    options = on_demand_config()
    planned = plan_from(options)
    files: dict[str, str | bytes] = {OPTIONS: json.dumps(options), "/usr/local/bin/optimux": _COMMAND, **_LIBVIRT}
    files |= {domain_file(d.name): subject_of(d).xml for d in planned.domains if d.host_devices}
    files |= {**_guest(), **waiting.files, **_UDEV}
    machine = debian_machine("on_demand", _root(), host_entries(planned), files, parameters=_WORDS, more=_STICK)
    with _shared(machine, tmp_path_factory) as l1:
        yield l1


@pytest.fixture(scope="session")
def without_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[L1]:
    """A machine that has nothing of ours."""
    with _shared(_bare("without_files", ()), tmp_path_factory) as l1:
        yield l1
