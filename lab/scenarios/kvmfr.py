"""Scenario 7: the real kvmfr module under the generated files, and what users get wrong."""

from __future__ import annotations

import grp
import pwd
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.scenarios import device, l2, libvirt
from lab.scenarios.given import given
from optimux.vm.evidence.checks import FAILED
from optimux.vm.verify.host_device import host_device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.scenarios.given import Given
    from lab.scenarios.l2 import Seen

_SECONDS = 60
# What NixOS sets: there QEMU may create files in /dev, and does. And nothing is asked of QEMU about its processor, for
# which an emulated machine takes as long as for the rest of the start.
_AS_ROOT_IN_DEV = """
user = "root"
group = "root"
namespaces = []
capability_filters = ["cpu-unavailable-features"]
"""


def proven(options: str, xml: str) -> str:
    """On this machine: the device is as generated, guest and host see each other's bytes; its size, in words."""
    device_is_as_generated(options)
    seen = l2.seen(l2.once(options, xml))
    guest_reads_what_the_host_wrote(seen)
    host_reads_what_the_guest_wrote(seen)
    memory = given(options).memory
    return f"{memory.path}, {memory.size}"


def device_is_as_generated(options: str) -> None:
    """Kind, mode, owner, group; its user, in that group, maps the planned size and not more, another user nothing."""
    memory = given(options).memory
    user = memory.user or "root"
    state, size = Path(memory.path).stat(), memory.size.bytes
    found = {
        "character device": Path(memory.path).is_char_device(),
        "mode": f"{state.st_mode & 0o777:04o}",
        "owner": pwd.getpwuid(state.st_uid).pw_name,
        "group": grp.getgrgid(state.st_gid).gr_name,
        "its size can be mapped": device.can_map(user, memory.path, size),
        "twice its size can be mapped": device.can_map(user, memory.path, 2 * size),
        "others can map it": device.can_map("nobody", memory.path, size),
    }
    assert found == {
        "character device": True,
        "mode": "0660",
        "owner": "root",
        "group": memory.group,
        "its size can be mapped": True,
        "twice its size can be mapped": False,
        "others can map it": False,
    }, found


def guest_reads_what_the_host_wrote(seen: Seen) -> None:
    """The words on the first and the last page."""
    seeds = _pages(seen.values["seeds"])
    assert len(seeds) == 2, seeds
    assert seen.report.pages == seeds, (seen.report.pages, seeds)


def host_reads_what_the_guest_wrote(seen: Seen) -> None:
    """The guest's words beside them, with the token of this very run."""
    written = _pages(seen.values["written"])
    assert len(written) == 2, written
    for page, data in written.items():
        assert data.startswith(f"guest {seen.values['token']} {page}\n".encode()), (page, data)


def another_size(xml: str) -> None:
    """Twin: a domain that asks for more than the device has."""
    _assert_refused(_read(xml), "unable to map backing store")


def refused_without_acl_entry(options: str, xml: str) -> None:
    """Twin: on a machine whose cgroup_device_acl lacks the device."""
    _assert_refused(_read(xml), f"can't open backing store {given(options).memory.path}")


def acl_entry_removed(options: str, xml: str) -> None:
    """The same twin, made here: everything else in qemu.conf stays."""
    text = libvirt.QEMU_CONF.read_text()
    without = re.sub(rf',?\s*"{given(options).memory.path}"', "", text)
    assert without != text, text
    with _reconfigured(without, text):
        refused_without_acl_entry(options, xml)


def module_absent(options: str, xml: str) -> None:
    """Twin: without the module, under Debian's settings of libvirt and under those of NixOS."""
    plan, text = given(options, xml), libvirt.QEMU_CONF.read_text()
    with _unloaded(plan):
        _assert_refused(plan.subject.xml, f"can't open backing store {plan.memory.path}")
        assert not Path(plan.memory.path).exists(), "a file was left"
        with _reconfigured(text + _AS_ROOT_IN_DEV, text):
            _assert_file_is_left_and_named(plan)


def module_absent_as_root(options: str, xml: str) -> None:
    """Twin: without the module, where QEMU runs as root in the machine's own /dev, as on NixOS."""
    plan = given(options, xml)
    with _unloaded(plan):
        _assert_file_is_left_and_named(plan)


def _assert_file_is_left_and_named(plan: Given) -> None:
    """QEMU starts, on a file that nobody else will ever map; the health check names the case."""
    words = libvirt.refusal(libvirt.bare(plan.subject.xml))
    assert words == "", words
    assert Path(plan.memory.path).is_file(), "QEMU made no file where the device should be"
    (check,) = host_device(plan.memory)
    assert check.state == FAILED, check
    assert f"{plan.memory.path} is a regular file" in check.found, check
    assert f"remove {plan.memory.path}" in check.remedy, check


def _assert_refused(xml: str, words: str) -> None:
    found = libvirt.refusal(libvirt.bare(xml))
    assert words in found, found or "libvirt started it"


@contextmanager
def _unloaded(plan: Given) -> Iterator[None]:
    path = Path(plan.memory.path)
    _run("modprobe", "-r", "kvmfr")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        _run("modprobe", "kvmfr")
        _run("udevadm", "settle")
    assert path.is_char_device(), f"{path} did not come back"


@contextmanager
def _reconfigured(text: str, before: str) -> Iterator[None]:
    try:
        libvirt.reconfigure(text)
        yield
    finally:
        libvirt.reconfigure(before)


def _pages(pages: dict[Any, str]) -> dict[int, bytes]:
    return {int(page): bytes.fromhex(data) for page, data in pages.items()}


def _read(xml: str) -> str:
    return Path(xml).read_text(encoding="utf-8")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=_SECONDS)
