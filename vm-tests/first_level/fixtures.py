"""The booted first levels that tests share: one with the files of each way to bind, one without any."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.consumers import roots
from tests.consumers.errors import Unavailable

from first_level.configs import LOGS, PLAIN, by_address_config, by_id_config
from first_level.image import build_image
from first_level.kvmfr import kvmfr_module
from first_level.machine import AUDIO, GPU, NETWORK, first_level
from first_level.qemu import qemu_of
from optimux.emit.host import host_entries
from optimux.patch import patch_domain
from optimux.plan.resolve import plan_from
from optimux.record import Record
from optimux.vm.accel import accelerated
from optimux.vm.checks import subject_of
from optimux.vm.guest import guest_parameters
from optimux.vm.guest_report import parse_report
from optimux.vm.initramfs import initramfs
from optimux.vm.kernel import installed
from optimux.vm.supplies import expected_supplies
from scenarios.passthrough import GUEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.consumers.roots import Root

    from first_level.machine import Level
    from optimux.emit.artifact import HostEntry
    from optimux.plan.model import SharedMemory
    from optimux.vm.checks import Subject
    from optimux.vm.guest_report import GuestReport

# Tests that share a machine run in one worker, so that it is booted once.
_MACHINES = ("by_id", "by_address", "without_files")
_GUEST_SECONDS = 450


def group_by_machine(items: Iterable[pytest.Item]) -> None:
    """For pytest_collection_modifyitems, before xdist looks."""
    for item in items:
        for name in _MACHINES:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))


class Module(Record):
    """The files of the kvmfr module for an image, or the ``reason`` why there are none."""

    files: dict[str, str | bytes]
    reason: str

    @property
    def memory(self) -> str:
        """The kind of shared memory that the VM can have."""
        return "shm" if self.reason else "kvmfr"


class Seen(Record):
    """What ``scenarios.passthrough.run`` returned, and its guest's report."""

    values: dict[str, Any]
    report: GuestReport
    token: str


def described(memory: SharedMemory) -> dict[str, Any]:
    """The shared memory for code in the machine: its size in bytes, its user the one who looks at the screen."""
    keys = ("gpu", "kind", "release", "name", "path", "group")
    return {key: getattr(memory, key) for key in keys} | {"size": memory.size.bytes, "user": memory.user}


def _root() -> Root:
    return roots.trixie_root()


def _guest() -> dict[str, str | bytes]:
    """The second level's guest, made of the root's own kernel and busybox."""
    path = _root().path
    (release,) = (entry.name for entry in (path / "lib/modules").iterdir())
    kernel = installed(path, release)
    assert kernel is not None, f"the root's kernel {release} has no battery driver"
    image = initramfs(kernel, path / "usr/bin/busybox")
    return {f"{GUEST}/vmlinuz": kernel.image.read_bytes(), f"{GUEST}/initrd": image.read_bytes()}


@contextmanager
def booted(
    factory: pytest.TempPathFactory, entries: Iterable[HostEntry], files: Mapping[str, str | bytes] | None = None
) -> Iterator[Level]:
    """A machine with ``entries`` installed; skips where this machine lacks what it takes to build or boot it."""
    folder = factory.mktemp("first-level")
    try:
        root = _root()
    except Unavailable as reason:
        pytest.skip(f"no first level: {reason}")
    qemu = qemu_of(root, folder)
    image = build_image(root, folder, entries, files)
    with ExitStack() as stack:
        stack.callback(image.disk.unlink)
        yield accelerated(qemu, lambda which: stack.enter_context(first_level(image, which, qemu, folder / which.name)))


@pytest.fixture(scope="session")
def module(tmp_path_factory: pytest.TempPathFactory) -> Module:
    """The kvmfr module, or why there is none."""
    try:
        return Module(kvmfr_module(_root(), tmp_path_factory.mktemp("kvmfr")), "")
    except (Unavailable, RuntimeError) as reason:
        return Module({}, f"no module kvmfr: {reason}")


@pytest.fixture(scope="session")
def kvmfr(module: Module) -> None:
    """For tests that are about the module."""
    if module.reason:
        pytest.skip(module.reason)


@pytest.fixture(scope="session")
def domain(module: Module) -> Subject:
    """The VM of the machine ``by_id``, on kvmfr where the module is to be had."""
    return subject_of(plan_from(by_id_config(module.memory)).domains[0])


@pytest.fixture(scope="session")
def by_id(tmp_path_factory: pytest.TempPathFactory, module: Module) -> Iterator[Level]:
    """A machine whose card is bound by its ids, with libvirt, kvmfr, and the small guest."""
    entries = host_entries(plan_from(by_id_config(module.memory)))
    with booted(tmp_path_factory, entries, {**module.files, **_guest()}) as level:
        yield level


@pytest.fixture(scope="session")
def second_level(by_id: Level, domain: Subject) -> Seen:
    """The generated domain, run on the machine ``by_id`` until its guest has reported, and stopped."""
    return _run(by_id, domain, domain.xml)


@pytest.fixture(scope="session")
def patched_level(by_id: Level, domain: Subject, module: Module) -> Seen:
    """A domain as virt-manager makes one, patched for the same plan, run the same way."""
    plan = plan_from(by_id_config(module.memory))
    return _run(by_id, domain, patch_domain(PLAIN.encode(), plan.domains[0]).document.decode())


def _run(by_id: Level, domain: Subject, xml: str) -> Seen:
    assert domain.memory is not None
    token = secrets.token_hex(8)
    seen = by_id.call(
        "passthrough.run",
        _GUEST_SECONDS + 120,
        xml=xml,
        command_line=guest_parameters(token, tuple(expected_supplies(domain.battery))),
        token=token,
        logs=LOGS,
        memory=described(domain.memory),
        functions=[GPU, AUDIO, NETWORK],
        limit=_GUEST_SECONDS,
    )
    report = parse_report(seen["report"], token)
    assert report is not None
    return Seen(seen, report, token)


@pytest.fixture(scope="session")
def by_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Level]:
    """A machine whose card is bound by its address."""
    with booted(tmp_path_factory, host_entries(plan_from(by_address_config()))) as level:
        yield level


@pytest.fixture(scope="session")
def without_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Level]:
    """A machine that has nothing of ours."""
    with booted(tmp_path_factory, ()) as level:
        yield level
