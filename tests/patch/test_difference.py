"""What a patch says of the machine: the devices, not the text."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.documents import BY_HAND, VIRT_MANAGER
from tests.cli.command import EXAMPLE, optimux_process
from tests.patch.plans import GPU, domain, patch, plan
from tests.patch.test_machines import KVMFR, passed, port

NET = "<interface type='user'><model type='virtio'/><address type='pci' bus='{}' slot='0'/></interface>"


def test_what_comes_and_what_goes() -> None:
    _, found = patch(domain("<input type='tablet' bus='usb'/>"), plan(lookingGlass={"memory": "shm"}), "gpu", "input",
                     "memballoon")  # fmt: skip
    assert "host device 0000:01:00.0 at 0000:01:00.0" in found.machine.added
    assert "input keyboard virtio" in found.machine.added
    assert found.machine.removed == (
        "input tablet usb",
        "memballoon virtio, which libvirt adds where none is named",
    )
    assert found.machine.lines()[0].startswith(f"The machine: {len(found.machine.added)} added, 2 removed")


def test_a_device_that_gives_way() -> None:
    devices = port(1, 1) + NET.format(1) + GPU
    _, found = patch(domain(devices), plan(), "pci")
    moved = [str(move) for move in found.machine.moved]
    assert "interface user virtio: 0000:01:00.0 -> 0000:02:00.0" in moved
    assert "host device 0000:01:00.0: where libvirt puts it -> 0000:01:00.0" in moved


def test_buses_are_the_guests() -> None:
    """A port before another moves what sits behind that one, though its address in the text stays."""
    from optimux.patch.machine.difference import difference, seen
    from optimux.patch.machine.view import Machine
    from optimux.patch.source import Source

    root = Source(domain(port(3, 2) + NET.format(3)).encode()).root
    machine = Machine(root)
    before = seen(machine)
    devices = root.child("devices")
    assert devices is not None
    node = next(iter(Source(f"<x>{port(4, 1)}</x>".encode()).root.children))
    devices.add(node)
    machine.refresh(node)
    found = difference(before, seen(machine))
    assert [str(move) for move in found.moved] == ["interface user virtio: 0000:01:00.0 -> 0000:02:00.0"]
    assert [each.startswith("controller pci pcie-root-port 4") for each in found.added] == [True]


def test_a_card_of_an_argument_is_the_same_card() -> None:
    line = ("-device", "vfio-pci,host=01:00.0,bus=pcie.0,addr=0x15")
    _, found = patch(domain("", line), plan(), "gpu")
    assert [str(move) for move in found.machine.moved] == ["host device 0000:01:00.0: 0000:00:15.0 -> 0000:01:00.0"]
    assert not [each for each in (*found.machine.added, *found.machine.removed) if "host device" in each]
    _, found = patch(domain(passed("01:00.0", "01:00.0") + port(1, 1), line), plan(), "gpu")
    assert found.machine.removed == ("host device 0000:01:00.0 at 0000:00:15.0",)


def test_another_model_and_another_table() -> None:
    text = domain(GPU + "<video><model type='qxl'/></video>", ("-acpitable", "file=/etc/ssdt1.dat"))
    _, found = patch(text, plan(), "video", "battery")
    assert found.machine.changed == ("video qxl -> video vga",)
    assert "ACPI table /etc/ssdt1.dat" in found.machine.removed
    assert any(each.startswith("ACPI table /var/lib") for each in found.machine.added)


def test_settings_are_no_devices() -> None:
    """A larger memory, a name that follows: the text differs, the devices do not."""
    line = ("-device", "ivshmem-plain,memdev=lg,bus=pcie.0,addr=0x10", "-object", KVMFR.format("16M"))
    after, found = patch(domain(GPU, line), plan(), "memory")
    assert after != domain(GPU, line)
    assert found.machine.lines() == ["The machine: the same devices at the same places"]


@pytest.mark.parametrize("text", [VIRT_MANAGER, BY_HAND.rstrip("\n")])
@pytest.mark.parametrize("tool", [("patch", "--binary", "-s"), ("git", "apply", "-p0")])
def test_it_ends_the_difference_that_tools_apply(tool: tuple[str, ...], text: str, tmp_path: Path) -> None:
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not installed")
    (tmp_path / "domain.xml").write_bytes(text.encode())
    done = optimux_process("patch", EXAMPLE, "--diff", given=text.encode())
    head, _, tail = done.stdout.partition(b"# The machine: ")
    assert head.endswith(b"\n")
    assert b"\n#   added    ACPI table " in tail
    words = [*tool, "domain.xml"] if tool[0] == "patch" else list(tool)
    subprocess.run(words, input=done.stdout, cwd=tmp_path, capture_output=True, timeout=30, check=True)
    assert (tmp_path / "domain.xml").read_bytes() == optimux_process("patch", EXAMPLE, given=text.encode()).stdout


class TestJson:
    def test_both_differences_and_the_reasons(self) -> None:
        given = VIRT_MANAGER.encode()
        done = optimux_process("patch", EXAMPLE, "--json", given=given)
        assert done.returncode == 0
        found = json.loads(done.stdout)
        assert list(found) == ["difference", "machine", "changes", "left", "notPatched"]
        plain = optimux_process("patch", EXAMPLE, "--diff", given=given).stdout.decode()
        assert plain.startswith(found["difference"])
        assert "host device 0000:01:00.0 at 0000:01:00.0" in found["machine"]["added"]
        assert {
            "concern": "memballoon",
            "what": "set model of <memballoon> from 'virtio' to 'none'",
            "why": "VFIO pins all memory",
        } in found["changes"]

    def test_nothing_to_change(self) -> None:
        result = optimux_process("patch", EXAMPLE, given=VIRT_MANAGER.encode()).stdout
        done = optimux_process("patch", EXAMPLE, "--json", given=result)
        found = json.loads(done.stdout)
        assert (found["difference"], found["changes"]) == ("", [])
        assert found["machine"] == {"added": [], "removed": [], "changed": [], "moved": []}
        assert optimux_process("patch", EXAMPLE, "--diff", given=result).stdout == b""

    def test_with_an_output_the_file_is_written(self, tmp_path: Path) -> None:
        out = tmp_path / "out.xml"
        done = optimux_process("patch", EXAMPLE, "--json", "-o", str(out), given=VIRT_MANAGER.encode())
        assert json.loads(done.stdout)["machine"]["added"]
        assert b"<hostdev" in out.read_bytes()

    def test_not_together_with_diff(self) -> None:
        done = optimux_process("patch", EXAMPLE, "--json", "--diff", given=VIRT_MANAGER.encode())
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"exclude each other" in done.stderr
