"""Scenario 7, kvmfr: the real module under the generated files, and the users' most frequent trouble with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from first_level.configs import USER, by_id_config
from first_level.fixtures import described
from optimux.plan.resolve import plan_from
from optimux.vm.checks import FAILED, subject_of

if TYPE_CHECKING:
    from first_level.fixtures import Seen
    from first_level.machine import Level
    from optimux.plan.model import SharedMemory
    from optimux.vm.checks import Subject

pytestmark = pytest.mark.usefixtures("kvmfr")
_SECONDS = 180


@pytest.fixture
def memory(domain: Subject) -> SharedMemory:
    assert domain.memory is not None
    assert domain.memory.kind == "kvmfr"
    return domain.memory


def test_device_is_as_generated(by_id: Level, memory: SharedMemory) -> None:
    seen = by_id.call("kvmfr.observe", _SECONDS, path=memory.path, size=memory.size.bytes, user=USER)
    assert (seen["character_device"], seen["mode"]) == (True, "0660")
    assert (seen["owner"], seen["group"]) == (USER, "kvm")
    assert (seen["maps"], seen["maps_more"], seen["others_map"]) == (True, False, False)


def test_guest_reads_what_the_host_wrote(second_level: Seen) -> None:
    seeds = {int(page): bytes.fromhex(data) for page, data in second_level.values["seeds"].items()}
    assert len(seeds) == 2
    assert second_level.report.pages == seeds


def test_host_reads_what_the_guest_wrote(second_level: Seen) -> None:
    written = {int(page): bytes.fromhex(data) for page, data in second_level.values["written"].items()}
    assert len(written) == 2
    for page, data in written.items():
        assert data.startswith(f"guest {second_level.token} {page}\n".encode())


def test_twin_another_size(by_id: Level, memory: SharedMemory) -> None:
    config = by_id_config()
    config["lookingGlass"]["size"] = f"{2 * memory.size.mib}MiB"
    xml = subject_of(plan_from(config).domains[0]).xml
    assert "unable to map backing store" in by_id.call("kvmfr.refusal", _SECONDS, xml=xml)


def test_twin_no_acl_entry(by_id: Level, domain: Subject, memory: SharedMemory) -> None:
    words = by_id.call("kvmfr.refusal_without_acl", _SECONDS, xml=domain.xml, path=memory.path)
    assert f"can't open backing store {memory.path}" in words


def test_twin_module_absent(by_id: Level, domain: Subject, memory: SharedMemory) -> None:
    seen = by_id.call("kvmfr.without_module", 2 * _SECONDS, xml=domain.xml, memory=described(memory))
    assert f"can't open backing store {memory.path}" in seen["words"]
    assert not seen["left"]
    # QEMU as root, with the machine's own /dev: it starts on a file that nobody else will ever map.
    assert seen["words_as_root"] == ""
    assert seen["regular_file"]
    ((state, found, remedy),) = seen["verdict"]
    assert state == FAILED
    assert f"{memory.path} is a regular file" in found
    assert f"remove {memory.path}" in remedy
    assert seen["again"]
