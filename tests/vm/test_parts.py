"""The engine's parts that need no machine."""

from __future__ import annotations

import base64
import io
import lzma
import tarfile
import zlib
from struct import pack
from typing import TYPE_CHECKING, Any

import pytest

from optimux.acpi.battery import battery_table
from optimux.acpi.table import CHECKSUM_OFFSET, checksum
from optimux.pci import Address, Id
from optimux.plan.battery import BATTERY_ONLY, Battery
from optimux.sizes import Size
from optimux.vm.evidence.acpi_memory import find_tables
from optimux.vm.evidence.faults import size_fault, slot_fault, table_fault
from optimux.vm.evidence.ivshmem import SharedDevice, find_devices
from optimux.vm.linux import cpio
from optimux.vm.linux.archive import extract
from optimux.vm.linux.busybox import find_busybox, is_static
from optimux.vm.linux.guest_report import parse_report
from optimux.vm.linux.kernel import find_kernel, installed
from optimux.vm.qemu.accel import choose, tcg
from optimux.vm.qemu.console import Console
from optimux.vm.qemu.machine import AcpiTable, Ivshmem, Kernel, Machine, Port, Share, command_line
from optimux.vm.qemu.snapshot import Snapshot
from optimux.vm.verify.generated import read_generated
from optimux.vm.verify.supplies import expected_supplies, supply_faults

if TYPE_CHECKING:
    from pathlib import Path

TABLE = battery_table(Battery())
_MEMORY = 32 << 20


def _table(signature: bytes, content: bytes) -> bytes:
    table = bytearray(signature + pack("<IBB6s8sI4sI", 36 + len(content), 1, 0, b"OEM", b"TABLE", 1, b"TEST", 1))
    table += content
    table[CHECKSUM_OFFSET] = checksum(bytes(table))
    return bytes(table)


def _summed(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([-sum(data) & 0xFF]) + data[place + 1 :]


class Memory:
    """A guest's memory with a chain in it: RSDP, XSDT, then ``tables``."""

    def __init__(self, tables: list[bytes], uefi: bool = False) -> None:
        self.data = bytearray(_MEMORY)
        addresses = [_MEMORY - 0x10000 + 0x1000 * number for number in range(len(tables))]
        for address, table in zip(addresses, tables, strict=True):
            self.put(address, table)
        self.put(_MEMORY - 0x20000, _table(b"XSDT", pack(f"<{len(addresses)}Q", *addresses)))
        rsdp = b"RSD PTR \0OEM   \2" + pack("<IIQ", 0, 36, _MEMORY - 0x20000) + bytes(4)
        self.rsdp = _MEMORY - 0x30000 if uefi else 0xF0010
        self.put(self.rsdp, _summed(_summed(rsdp[:20], 8) + rsdp[20:], 32))
        if uefi:
            self._system_table()

    def put(self, address: int, data: bytes) -> None:
        self.data[address : address + len(data)] = data

    def _system_table(self) -> None:
        guid = bytes.fromhex("71e86888f1e4d311bc220080c73c8881")
        self.put(_MEMORY - 0x40000, guid + pack("<Q", self.rsdp))
        table = pack("<8sIIII", b"IBI SYST", 0x20046, 120, 0, 0) + bytes(80) + pack("<QQ", 1, _MEMORY - 0x40000)
        self.put(_MEMORY - 0x50000, table[:16] + pack("<I", zlib.crc32(table)) + table[20:])

    def find(self, uefi: bool = False) -> Any:
        return find_tables(Snapshot(lambda address, size: bytes(self.data[address : address + size])), _MEMORY, uefi)


@pytest.mark.parametrize("uefi", [False, True], ids=["bios", "uefi"])
def test_the_chain_is_walked(uefi: bool) -> None:
    dsdt = _MEMORY - 0x8000
    memory = Memory([_table(b"FACP", bytes(104) + pack("<Q", dsdt) + bytes(20)), TABLE], uefi)
    memory.put(dsdt, _table(b"DSDT", b"code"))
    tables = memory.find(uefi)
    assert [table.signature for table in tables.found] == ["XSDT", "FACP", "DSDT", "SSDT"]
    assert tables.named("SSDT")[0].data == TABLE
    assert tables.faults == ()
    assert tables.rsdp == memory.rsdp


@pytest.mark.parametrize("uefi", [False, True], ids=["bios", "uefi"])
def test_no_chain_without_a_valid_root(uefi: bool) -> None:
    memory = Memory([TABLE], uefi)
    memory.data[(_MEMORY - 0x50000 + 8) if uefi else memory.rsdp + 8] ^= 1
    assert memory.find(uefi) is None


def test_every_checksum_is_judged() -> None:
    memory = Memory([_table(b"APIC", b"content"), TABLE])
    memory.data[_MEMORY - 0x10000 + 40] ^= 1
    (fault,) = memory.find().faults
    assert fault.startswith(f"APIC at {_MEMORY - 0x10000:#x} has the checksum")


def test_an_impossible_length_is_named() -> None:
    memory = Memory([_table(b"APIC", b"")])
    memory.put(_MEMORY - 0x10000 + 4, pack("<I", 3))
    (fault,) = memory.find().faults
    assert "the impossible length 3" in fault


def test_tables_are_compared() -> None:
    other = _table(b"SSDT", b"other")
    assert table_fault(TABLE, [other, TABLE]) == ""
    assert table_fault(TABLE, [other]) == "SSDT OPTMUX/BATTERY is not among the guest's tables: SSDT OEM/TABLE"
    assert table_fault(TABLE, []).endswith("tables: none")
    flipped = TABLE[:50] + bytes([TABLE[50] ^ 0xFF]) + TABLE[51:]
    assert "differs in 1 of 313 bytes: at offset 0x32" in table_fault(TABLE, [flipped])
    assert "has 312 bytes in the guest, 313 were generated" in table_fault(
        TABLE, [TABLE[:4] + pack("<I", 312) + TABLE[8:312]]
    )
    assert "its header was replaced" in table_fault(TABLE, [b"SLIC" + TABLE[4:]])


def test_sizes_and_slots_are_compared() -> None:
    place = Address(0, 0, 16, 0)
    right = SharedDevice(place, 64 << 20, 0x1000)
    assert size_fault(Size.mib_of(64), [right]) == ""
    assert slot_fault(place, right) == slot_fault(None, right) == ""
    assert "BAR 2 has 64MiB, planned is 128MiB" in size_fault(Size.mib_of(128), [right])
    assert "no ivshmem device" in size_fault(Size.mib_of(64), [])
    assert "2 ivshmem devices" in size_fault(Size.mib_of(64), [right, right])
    assert "BAR 2 has no size" in size_fault(Size.mib_of(64), [right.replace(size=0)])
    assert "planned is 0000:00:11.0" in slot_fault(Address(0, 0, 17, 0), right)


def test_devices_behind_bridges_are_found() -> None:
    entry = {"bus": 1, "slot": 2, "function": 0, "id": {"vendor": 0x1AF4, "device": 0x1110}}
    entry["regions"] = [{"bar": 2, "size": 1 << 20, "address": -1}]
    bridge = {"bus": 0, "slot": 1, "function": 0, "id": {"vendor": 1, "device": 2}, "regions": []}
    answer = [{"bus": 0, "devices": [bridge | {"pci_bridge": {"devices": [entry]}}]}]
    assert find_devices(answer) == (SharedDevice(Address(0, 1, 2, 0), 1 << 20, None),)
    entry["regions"] = [{"bar": 2, "size": 1 << 20, "address": 0xF0000000}]
    assert find_devices(answer)[0].base == 0xF0000000


_XML = """<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <os><type machine='pc-q35-9.2'>hvm</type><acpi><table type='slic'>/a</table></acpi></os>
  <devices>
    <controller type='pci' index='1' model='pcie-root-port'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x2' multifunction='on'/>
    </controller>
    <shmem name='l'><model type='ivshmem-doorbell'/><size unit='M'>32</size></shmem>
    <shmem name='k'><model type='ivshmem-plain'/><size unit='furlong'>32</size></shmem>
    <shmem name='m'>
      <model type='ivshmem-plain'/><size unit='M'>32</size><address type='pci' bus='0x01' slot='0x10' function='0x0'/>
    </shmem>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-acpitable'/><qemu:arg value='oem_id=FOO,file=/b'/>
    <qemu:arg value='-object'/><qemu:arg value='{"qom-type":"rng-random"}'/>
    <qemu:arg value='-object'/><qemu:arg value='{no JSON'/>
    <qemu:arg value='-object'/>
    <qemu:arg value='{"qom-type":"memory-backend-file","id":"n","mem-path":"/dev/kvmfr0","size":4096}'/>
    <qemu:arg value='-device'/><qemu:arg value='{"driver":"ivshmem-plain","memdev":"n","addr":"0x11"}'/>
    <qemu:arg value='-device'/><qemu:arg value='e1000,id=mine'/>
  </qemu:commandline>
</domain>"""


def test_a_domain_is_read() -> None:
    domain = read_generated(_XML)
    assert domain.machine == "pc-q35-9.2"
    assert [(table.path, table.options) for table in domain.tables] == [("/a", ("sig=SLIC",)), ("/b", ("oem_id=FOO",))]
    assert domain.ports == (Port(1, "0x1.0x2", True),)
    assert domain.shared == (
        Ivshmem.plain("m", "/dev/shm/m", 32 << 20, "pci.1", "0x10"),
        Ivshmem(
            {"qom-type": "memory-backend-file", "id": "n", "mem-path": "/dev/kvmfr0", "size": 4096},
            {"driver": "ivshmem-plain", "memdev": "n", "addr": "0x11"},
        ),
    )


def test_a_machine_becomes_arguments() -> None:
    machine = Machine(
        tables=(AcpiTable("/a,b"), AcpiTable("/c", ("sig=SLIC",))),
        ports=(Port(1, "0x1", True),),
        shared=(Ivshmem.plain("m", "/x", 4096, address="0x10"),),
        kernel=Kernel("/k", None, "quiet"),
        shares=(Share("root", "/r"),),
        arguments=("-device", "e1000"),
    )
    line = " ".join(command_line(machine, tcg("")))
    assert "-accel tcg -cpu max," in line
    assert "-acpitable file=/a,,b -acpitable sig=SLIC,file=/c" in line
    assert '"driver":"pcie-root-port","id":"pci.1","bus":"pcie.0","addr":"0x1","chassis":1' in line
    assert '"mem-path":"/x","size":4096,"share":true}' in line
    assert '"memdev":"m","bus":"pcie.0","addr":"0x10"}' in line
    assert "-kernel /k -append quiet -virtfs local,path=/r,mount_tag=root" in line
    assert "-initrd" not in line
    assert line.endswith("-device e1000")


def test_a_report_is_read() -> None:
    text = "noise\nbegin t\n" + (
        f"table SSDT {base64.b64encode(TABLE).decode()}\n"
        "supply BAT0 POWER_SUPPLY_STATUS=Not charging\n"
        "pci 0000:00:10.0 0x1af4:0x1110 0x050000\n"
        "bar 0000:00:10.0 0x00000000f0000000 0x00000000f7ffffff\n"
        f"read 0 {base64.b64encode(b'words').decode()}\nwrote 1\nframe 32 1.50 2.00\nend t\n"
    )
    report = parse_report(text, "t")
    assert report is not None
    assert report.tables == {"SSDT": TABLE}
    assert report.supplies == {"BAT0": {"STATUS": "Not charging"}}
    assert report.pci == {Address(0, 0, 16, 0): Id(0x1AF4, 0x1110)}
    assert list(report.bars.values()) == [128 << 20]
    assert (report.pages, report.written, report.frame) == ({0: b"words"}, (1,), (32, 0.5))


@pytest.mark.parametrize("text", ["begin t\nend u\n", "begin u\nend t\n", "begin t\nsupply", ""])
def test_only_a_whole_report_of_this_guest_counts(text: str) -> None:
    assert parse_report(text, "t") is None


def test_supplies_are_compared() -> None:
    full = expected_supplies(Battery())
    assert full["BAT0"]["ENERGY_FULL"] == "88800000"
    assert full["ADP1"] == {"TYPE": "Mains", "ONLINE": "1"}
    assert expected_supplies(BATTERY_ONLY)["BAT0"]["CHARGE_NOW"] == "6000000"
    assert "ADP1" not in expected_supplies(BATTERY_ONLY)
    assert supply_faults(full["ADP1"], {"TYPE": "Mains", "ONLINE": "1", "NAME": "ADP1"}) == []
    assert supply_faults(full["ADP1"], {"TYPE": "Mains", "ONLINE": "0"}) == ["ONLINE is 0, planned is 1"]
    assert supply_faults(full["ADP1"], {})[0] == "TYPE is missing, planned is Mains"


def test_a_console_gives_the_last_words_of_a_guest_that_ended(tmp_path: Path) -> None:
    def dead() -> None:
        (tmp_path / "log").write_text("the token\r\n")
        raise RuntimeError("it ended")

    assert Console(tmp_path / "log", dead).wait_for("^the token$", 1)
    with pytest.raises(RuntimeError, match="it ended"):
        Console(tmp_path / "log", dead).wait_for("^another$", 1)


def _kernel(root: Path, battery: bool = True) -> None:
    modules = root / "lib/modules/6.12.0/kernel/drivers/acpi"
    modules.mkdir(parents=True)
    (root / "boot").mkdir()
    (root / "boot/vmlinuz-6.12.0").write_bytes(b"kernel")
    (modules / "ac.ko.xz").write_bytes(lzma.compress(b"ac module"))
    if battery:
        (modules / "battery.ko").write_bytes(b"battery module")


def test_an_installed_kernel_is_found(tmp_path: Path) -> None:
    _kernel(tmp_path)
    kernel = find_kernel(tmp_path)
    assert kernel.image == tmp_path / "boot/vmlinuz-6.12.0"
    assert (kernel.module("ac"), kernel.module("battery")) == (b"ac module", b"battery module")
    assert [name for name, _ in kernel.modules] == ["ac", "battery"]


def test_a_cloud_kernel_is_passed_over(tmp_path: Path) -> None:
    _kernel(tmp_path, battery=False)
    assert installed(tmp_path, "6.12.0") is None
    (tmp_path / "lib/modules/6.12.0/modules.builtin").write_text("kernel/drivers/acpi/battery.ko\n")
    assert installed(tmp_path, "6.12.0") is not None


def test_a_kernel_that_is_being_fetched_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another process unpacks one, or did until it was killed; its folder's name sorts after the whole one's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    whole = tmp_path / "optimux/packages/linux-image-6.12.0"
    _kernel(whole)
    (whole.parent / "linux-image-6.12.0.building").mkdir()
    (whole.parent / "linux-image-6.12.0.lock").touch()
    assert find_kernel(tmp_path).image == whole / "boot/vmlinuz-6.12.0"


def _archive(path: Path, *names: str) -> Path:
    with tarfile.open(path, "w") as members:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            members.addfile(member, io.BytesIO(name.encode()))
    return path


def test_wanted_files_come_out_of_an_archive(tmp_path: Path) -> None:
    with tarfile.open(_archive(tmp_path / "a.tar", "./boot/kernel", "./usr/other")) as members:
        extract(members, tmp_path / "out", lambda path: path.startswith("boot/"))
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["kernel"]
    assert (tmp_path / "out/boot/kernel").read_bytes() == b"./boot/kernel"


def test_an_archive_cannot_write_elsewhere(tmp_path: Path) -> None:
    with (
        tarfile.open(_archive(tmp_path / "a.tar", "../outside")) as members,
        pytest.raises(ValueError, match="leads out"),
    ):
        extract(members, tmp_path / "out", lambda path: True)
    assert not (tmp_path / "outside").exists()


def test_an_archive_is_what_cpio_reads(tmp_path: Path) -> None:
    import shutil
    import subprocess

    if not (program := shutil.which("cpio") or shutil.which("busybox")):
        pytest.skip("neither cpio nor busybox is installed")
    content = cpio.archive([cpio.folder("bin"), cpio.file("bin/a", b"four+"), cpio.link("bin/b", "a")])
    words = [program, *(["cpio"] if program.endswith("busybox") else []), "-id"]
    subprocess.run(words, input=content, cwd=tmp_path, check=True, timeout=30, capture_output=True)
    assert (tmp_path / "bin/b").read_bytes() == b"four+"
    assert (tmp_path / "bin/b").is_symlink()


def test_busybox_out_of_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Which holds another file of that name, a hook."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    package = tmp_path / "optimux/packages/busybox-static"
    for name in ("bin/busybox", "usr/share/initramfs-tools/conf-hooks.d/busybox"):
        (package / name).parent.mkdir(parents=True)
        (package / name).write_text(name)
    assert find_busybox() == package / "bin/busybox"


def test_texts_that_linux_cuts_off_are_right() -> None:
    wanted = {"MODEL_NAME": "M" * 32, "STATUS": "Full"}
    assert supply_faults(wanted, {"MODEL_NAME": "M" * 31, "STATUS": "Full"}) == []
    assert supply_faults(wanted, {"MODEL_NAME": "M" * 30, "STATUS": "Full"}) != []
    assert supply_faults({"STATUS": "F" * 32}, {"STATUS": "F" * 31}) != []


def test_static_programs_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "static").write_bytes(b"\x7fELF" + bytes(100))
    (tmp_path / "dynamic").write_bytes(b"\x7fELF" + bytes(100) + b"/lib64/ld-linux-x86-64.so.2")
    (tmp_path / "script").write_bytes(b"#!/bin/sh")
    assert [is_static(tmp_path / name) for name in ("static", "dynamic", "script")] == [True, False, False]


def test_no_kvm_is_said_with_its_reason(tmp_path: Path) -> None:
    missing = choose("qemu", str(tmp_path / "kvm"))
    assert (missing.name, missing.reason) == ("tcg", f"{tmp_path}/kvm: No such file or directory")
    (tmp_path / "file").write_text("")
    assert "does not answer" in choose("qemu", str(tmp_path / "file")).reason
