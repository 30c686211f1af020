"""Domains judged as the machines that they make: one device of each, no place twice, nothing lost in silence."""

from __future__ import annotations

import itertools

import pytest
from lxml import etree

from optimux.acpi.battery import battery_table
from optimux.patch.machine.aliases import aliases
from optimux.patch.source import Source
from optimux.pci import guest_buses
from optimux.plan.battery import BATTERY_ONLY, FULL, Battery
from tests.patch.checker import guest_numbers
from tests.patch.plans import GPU, domain, patch, plan, said

KVMFR = "memory-backend-file,id=lg,mem-path=/dev/kvmfr0,size={},share=on"
SINGLE = "{'qom-type':'memory-backend-file','id':'lg','mem-path':'/dev/kvmfr0','size':33554432,'share':true}"


def port(index: int, slot: int, function: int = 0) -> str:
    more = " multifunction='on'" if function == 0 else ""
    place = f"<address type='pci' domain='0' bus='0' slot='{slot}' function='{function}'{more}/>"
    return f"\n    <controller type='pci' index='{index}' model='pcie-root-port'>{place}</controller>"


def passed(host: str, guest: str = "") -> str:
    bus, slot, function = host.replace(".", ":").split(":")
    place = ""
    if guest:
        at = guest.replace(".", ":").split(":")
        place = f"<address type='pci' domain='0' bus='0x{at[0]}' slot='0x{at[1]}' function='{at[2]}'/>"
    source = f"<source><address domain='0' bus='0x{bus}' slot='0x{slot}' function='{function}'/></source>"
    return f"\n    <hostdev mode='subsystem' type='pci' managed='yes'>{source}{place}</hostdev>"


class TestLookingGlassMemory:
    @pytest.mark.parametrize(
        ("device", "backend"),
        [
            ("{'driver':'ivshmem-plain','id':'shmem0','memdev':'lg'}", SINGLE),
            ('{"driver":"ivshmem-plain","memdev":"lg"}', KVMFR.format("32M")),
            ("ivshmem-plain,id=shmem0,memdev=lg", "qom-type=" + KVMFR.format("0x2000000")),
            ("id=s,memdev=lg,driver=ivshmem-plain,addr=8", "memory-backend-file,share=yes,"
             "size=32768K,mem-path=/dev/kvmfr0,id=lg"),
            ("ivshmem-plain,memdev=lg,bus=pcie.0,addr=0x8.0x0", KVMFR.format("032M")),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("device_first", [True, False])
    def test_one_pair_in_every_spelling(self, device: str, backend: str, device_first: bool) -> None:
        words = ["-device", device, "--object", backend]
        line = tuple(words if device_first else words[2:] + words[:2])
        after, found = patch(domain(arguments=line), plan(), "memory")
        assert after.count("ivshmem-plain") == 1
        assert after.count("/dev/kvmfr0") == 1
        assert backend in after
        assert "added" not in said(found)

    def test_the_place_of_an_argument_without_a_bus_is_taken(self) -> None:
        for place in ("0x10", "10", "10.0", "0x10.0x0"):
            after, _ = patch(domain(arguments=("-device", f"ich9-intel-hda,addr={place}")), plan(), "memory")
            assert '"addr":"0x11"' in after, place
        after, _ = patch(domain(arguments=("-device", "{'driver':'pci-testdev','addr':128}")), plan(), "memory")
        assert '"addr":"0x11"' in after
        moved = ("-device", "pci-testdev,id=t", "-set", "device.t.addr=0x10")
        assert '"addr":"0x11"' in patch(domain(arguments=moved), plan(), "memory")[0]

    @pytest.mark.parametrize(("unit", "count"), [("M", 256), ("MiB", 64), ("G", 1), ("TiB", 1), ("bytes", 1 << 28)])
    def test_a_larger_memory_stays(self, unit: str, count: int) -> None:
        shm = f"<shmem name='looking-glass'><model type='ivshmem-plain'/><size unit='{unit}'>{count}</size></shmem>"
        after, found = patch(domain(GPU + shm), plan(lookingGlass={"memory": "shm"}), "memory")
        assert f"<size unit='{unit}'>{count}</size>" in after
        assert "left" not in after
        assert "the displays need 32MiB" in said(found)

    def test_a_stated_size_and_a_smaller_memory(self) -> None:
        shm = "<shmem name='looking-glass'><model type='ivshmem-plain'/><size unit='M'>{}</size></shmem>"
        stated = plan(lookingGlass={"memory": "shm", "size": "32MiB"})
        after, found = patch(domain(GPU + shm.format(256)), stated, "memory")
        assert "<size unit='M'>32</size>" in after
        assert "the configuration states it" in said(found)
        for small in (16, 48):
            after, found = patch(domain(GPU + shm.format(small)), plan(lookingGlass={"memory": "shm"}), "memory")
            assert "<size unit='M'>32</size>" in after
            assert "the planned displays need it" in said(found)

    def test_kvmfr_is_asked_for_what_the_module_has(self) -> None:
        line = ("-device", "ivshmem-plain,memdev=lg", "-object", KVMFR.format("256M"))
        after, found = patch(domain(arguments=line), plan(), "memory")
        assert "size=33554432" in after
        assert "the module is loaded with 32MiB" in said(found)

    def test_memory_of_another_use_is_left_and_said(self) -> None:
        line = ("-object", "memory-backend-file,id=s,mem-path=/dev/shm/scream,size=2M,share=on",
                "-device", "ivshmem-plain,id=shmem0,memdev=s", "-device", "ivshmem-doorbell,chardev=c")  # fmt: skip
        after, found = patch(domain(arguments=line), plan(), "memory")
        assert all(word in after for word in line)
        assert '"id":"looking-glass-device"' in after
        element = GPU + "<shmem name='scream'><model type='ivshmem-plain'/></shmem>"
        assert '"id":"looking-glass-device"' in patch(domain(element), plan(), "memory")[0]  # libvirt's own is shmem0
        assert "its memory is not Looking Glass's" in said(found)

    def test_another_name_of_looking_glass_is_no_second_device(self) -> None:
        shm = "<shmem name='looking-glass-old'><model type='ivshmem-plain'/><size unit='M'>32</size></shmem>"
        after, _ = patch(domain(GPU + shm), plan(lookingGlass={"memory": "shm"}), "memory")
        assert after.count("<shmem") == 1
        assert "<shmem name='looking-glass'>" in after

    def test_a_device_that_waits_for_its_memory(self) -> None:
        line = ("-device", "ivshmem-plain,id=shmem0,memdev=looking-glass")
        after, _ = patch(domain(arguments=line), plan(), "memory")
        assert after.count("ivshmem-plain") == 1
        assert after.count('"id":"looking-glass"') == 1
        unknown, found = patch(domain(arguments=("-device", "ivshmem-plain,id=shmem0,memdev=gone")), plan(), "memory")
        assert '"id":"looking-glass-device"' in unknown
        assert "memdev=gone" in said(found)

    def test_an_emptied_bridge_goes_and_the_gpu_gets_its_place(self) -> None:
        bridge = ("\n    <controller type='pci' index='2' model='pcie-to-pci-bridge'>"
                  "<address type='pci' bus='1' slot='0'/></controller>")  # fmt: skip
        shm = "<shmem name='looking-glass'><address type='pci' bus='2' slot='1'/></shmem>"
        after, found = patch(domain(port(1, 1) + bridge + GPU + shm), plan(), "gpu", "pci", "memory")
        assert "pcie-to-pci-bridge" not in after
        assert "put the host's 0000:01:00.0 at 0000:01:00.0 in the guest (the GPU's driver" in said(found)
        kept = domain(
            port(1, 1) + bridge + GPU + shm + "<sound model='ac97'><address type='pci' bus='2' slot='2'/></sound>"
        )
        after, found = patch(kept, plan(), "gpu", "pci", "memory")
        assert "pcie-to-pci-bridge" in after
        assert "the guest's 0000:01:00.0" in said(found)
        assert "expects it there" not in said(found)


class TestBattery:
    @pytest.mark.parametrize(
        "name", ["fake_battery.aml", "ssdt1.dat", "BAT0.aml", "SSDT1.AML", "my-batteries.bin", "optimux-Old.aml"]
    )
    @pytest.mark.parametrize("form", ["file={}", "sig=SSDT,file={}", "{}"])
    def test_one_battery_by_name(self, name: str, form: str) -> None:
        path = f"/home/alice/{name}"
        after, found = patch(domain(arguments=("-acpitable", form.format(path))), plan(), "battery")
        assert "acpitable" not in after
        assert after.count("<table") == 1
        assert path in said(found)
        assert ("file= is missing" in said(found)) == (form == "{}")
        assert "is not the battery" not in said(found)

    @pytest.mark.parametrize("table", [BATTERY_ONLY, FULL])
    def test_one_battery_by_what_the_file_holds(self, table: Battery) -> None:
        data = battery_table(table)
        text = domain(arguments=("-acpitable", "file=/srv/x.bin", "-acpitable", "file=/srv/a.bin:/srv/x.bin"))
        after, found = patch(text, plan(), "battery", read_table={"/srv/x.bin": data}.get)
        assert "/srv/x.bin" not in after
        assert "file=/srv/a.bin'" in after
        assert "/srv/a.bin (the file cannot be read here, and it may be a battery" in said(found)

    def test_what_is_read_and_is_none_stays(self) -> None:
        other = bytearray(battery_table(BATTERY_ONLY))
        other[other.index(b"BAT0") : other.index(b"BAT0") + 4] = b"EC0_"
        place = other.index(bytes.fromhex("41d00c0a"))
        other[place : place + 4] = bytes.fromhex("41d00c09")  # PNP0C09, an embedded controller
        text = domain(arguments=("-acpitable", "file=/srv/battery.aml"))
        after, found = patch(text, plan(), "battery", read_table=lambda path: bytes(other))
        assert "file=/srv/battery.aml" in after
        assert "it is read, and holds no battery" in said(found)

    def test_a_table_that_holds_more_is_not_doubled(self) -> None:
        both = _with_second_device(battery_table(BATTERY_ONLY))
        text = domain(arguments=("-acpitable", "file=/srv/laptop.aml"))
        after, found = patch(text, plan(), "battery", read_table=lambda path: both)
        assert "<table" not in after
        assert "it holds a battery and more" in said(found)


def _with_second_device(table: bytes) -> bytes:
    """The table with a keyboard's device behind the battery's, in the same scope."""
    name = b"KBD0\x08_HID\x0c" + bytes.fromhex("41d00303")
    device = b"\x5b\x82" + bytes([len(name) + 1]) + name
    body = bytearray(table[36:])
    # Scope (\_SB.PCI0) has a package length of two bytes: it grows by the device.
    scope = body.index(b"\x10")
    size = (body[scope + 1] & 0x0F | body[scope + 2] << 4) + len(device)
    body[scope + 1], body[scope + 2] = 0x40 | size & 0x0F, size >> 4
    whole = bytearray(table[:36]) + body + device
    whole[4:8] = len(whole).to_bytes(4, "little")
    whole[9] = 0
    whole[9] = -sum(whole) & 0xFF
    return bytes(whole)


OVERRIDE = """  <qemu:override>
    <qemu:device alias='{}'>
      <qemu:frontend>
        <qemu:property name='x-pci-device-id' type='unsigned' value='7316'/>
      </qemu:frontend>
    </qemu:device>
  </qemu:override>
"""
SUBSYSTEM = {"subsystemIds": {"vendor": 0x1028, "device": 0x0926}}


class TestWhatBelongsToTheGpu:
    def test_an_override_follows_its_alias(self) -> None:
        after, found = patch(domain(rest=OVERRIDE.format("hostdev0")), plan(gpus=SUBSYSTEM), "gpu")
        assert "<alias name='ua-gpu'/>" in after
        assert "alias='hostdev0'" not in after
        assert after.count("<qemu:device") == 1
        assert after.count("<qemu:property") == 3
        assert "the override follows its device" in said(found)

    def test_the_overrides_of_others_follow_when_libvirt_counts_anew(self) -> None:
        devices = GPU + passed("05:00.0") + passed("06:00.0")
        rest = OVERRIDE.format("hostdev1").replace("</qemu:override>", "").rstrip() + "\n" + (
            "    <qemu:device alias='hostdev2'/>\n  </qemu:override>\n"
        )  # fmt: skip
        after, _ = patch(domain(devices, rest=rest), plan(gpus=SUBSYSTEM), "gpu")
        found = aliases(Source(after.encode()).root)
        assert sorted(found.values()) == ["hostdev0", "hostdev1", "ua-gpu"]
        assert "<qemu:device alias='hostdev0'>" in after
        assert "<qemu:device alias='hostdev1'/>" in after

    def test_set_becomes_an_override(self) -> None:
        line = ("-set", "device.hostdev0.x-pci-sub-vendor-id=0x1028", "-set", "device.hostdev0.x-no-mmap=on")
        for stated in (SUBSYSTEM, {}):
            after, found = patch(domain(arguments=line), plan(gpus=stated), "gpu")
            assert "-set" not in after
            assert "name='x-pci-sub-vendor-id' type='unsigned' value='4136'" in after
            assert "name='x-no-mmap' type='bool' value='true'" in after
            assert "for libvirt writes it as JSON" in said(found)

    def test_set_of_another_device_is_said(self) -> None:
        line = ("-set", "device.video0.vgamem_mb=64", "-device", "usb-kbd,id=k", "-set", "device.k.serial=1")
        _, found = patch(domain(GPU + "<video><model type='vga'/></video>", line), plan(), "gpu")
        assert "the argument -set device.video0.vgamem_mb=64 (libvirt writes the device as JSON" in said(found)
        assert "device.k.serial" not in said(found)

    @pytest.mark.parametrize(
        "value",
        [
            "vfio-pci,host=01:00.0,bus=pcie.0,addr=0x8,multifunction=on",
            "vfio-pci,host=0000:01:00.0",
            "{'driver':'vfio-pci','host':'0000:01:00.0','id':'g'}",
            "vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:01:00.0",
            "id=g,host=1:0.0,driver=vfio-pci",
        ],
    )
    @pytest.mark.parametrize("devices", ["", GPU])
    def test_the_card_is_passed_once(self, value: str, devices: str) -> None:
        after, found = patch(domain(devices, ("-device", value)), plan(), "gpu")
        assert "vfio-pci" not in after
        assert after.count("<hostdev") == 1
        assert "twice starts no machine" in said(found)

    def test_what_the_argument_says_beside_goes_with_the_device(self) -> None:
        line = ("-device", "vfio-pci,host=01:00.0,id=g,romfile=/r.rom,x-vga=on", "-set", "device.g.x-igd-gms=2")
        after, _ = patch(domain("", line), plan(), "gpu")
        assert "<rom file='/r.rom'/>" in after
        assert "name='x-vga' type='bool' value='true'" in after
        assert "name='x-igd-gms' type='unsigned' value='2'" in after
        assert "commandline" not in after

    def test_two_elements_of_one_function(self) -> None:
        after, found = patch(domain(GPU + GPU), plan(), "gpu")
        assert after.count("<hostdev") == 1
        assert "is passed already" in said(found)


class TestPlaces:
    def test_the_guests_bus_is_not_libvirts_index(self) -> None:
        """The port of index 3 comes first: its bus is the guest's first."""
        devices = port(1, 2) + port(3, 1) + passed("01:00.0", "03:00.0")
        after, _ = patch(domain(devices), plan(lookingGlass={"memory": "shm"}), "pci")
        assert after == domain(devices)
        moved = port(1, 2) + port(3, 1) + passed("01:00.0", "01:00.0")
        after, found = patch(domain(moved), plan(lookingGlass={"memory": "shm"}), "pci")
        assert "at 0000:03:00.0 in the guest, which is 0000:01:00.0 there" in said(found)
        assert guest_numbers(etree.fromstring(after))[3] == 1

    def test_a_new_port_leaves_the_others_their_numbers(self) -> None:
        devices = port(1, 3) + passed("01:00.0", "01:00.0") + (
            "<interface type='user'><address type='pci' bus='2' slot='0'/></interface>"
        ) + port(2, 4)  # fmt: skip
        after, _ = patch(domain(devices), plan(vms={"inputs": [
            {"type": "keyboard", "bus": "virtio", "address": "0000:03:00.0"}]}), "pci", "input")  # fmt: skip
        assert guest_numbers(etree.fromstring(after))[1] == 1

    def test_what_is_in_nobodys_way_stays(self) -> None:
        drive = {"address": "0000:05:00.0", "id": "144d:a80a"}
        other = {"otherDevices": [drive], "softdeps": ["nouveau", "nvme"]}
        devices = port(1, 1) + port(7, 1, 1) + passed("05:00.0", "07:00.0") + passed("01:00.0", "01:00.0")
        after, _ = patch(domain(devices), plan(gpus=other), "gpu", "pci")
        assert after == domain(devices)
        stated = {**other, "otherDevices": [{**drive, "guestAddress": "0000:02:00.0"}]}
        after, _ = patch(domain(devices), plan(gpus=stated), "pci")
        assert guest_numbers(etree.fromstring(after))[7] == 2

    def test_a_bridge_of_libvirts_own_takes_no_bus_before_the_gpus(self) -> None:
        devices = GPU + "<shmem name='scream'/><sound model='ac97'/><video><model type='vga'/></video>"
        planned = plan(vms={"pci": {"gpu": "0000:05:00.0"}})
        root = etree.fromstring(patch(domain(devices), planned, "gpu", "pci")[0])
        for path in ("shmem", "sound", "video"):
            assert root.find(f"devices/{path}/address[@bus='0x00']") is not None, path
        near = etree.fromstring(patch(domain(devices), plan(), "gpu", "pci")[0])
        assert near.find("devices/sound/address") is None

    def test_a_switch_gets_a_port_of_a_lower_index(self) -> None:
        switch = "\n    <controller type='pci' index='{}' model='pcie-switch-upstream-port'/>"
        after, found = patch(domain(port(1, 1) + switch.format(2) + GPU), plan(), "pci")
        root = etree.fromstring(after)
        place = root.find("devices/controller[@model='pcie-switch-upstream-port']/address")
        assert place is not None
        assert place.get("bus") == "0x01"
        assert "comes too late for QEMU" in said(found)
        assert "the guest's 0000:01:00.0" in said(found)

    def test_a_place_on_a_bus_that_is_not_known_stays(self) -> None:
        value = "ivshmem-plain,memdev=lg,bus=mine.0,addr=5"
        line = ("-device", value, "-object", KVMFR.format("32M"))
        assert value in patch(domain(arguments=line), plan(), "memory", "pci")[0]

    def test_depth_first(self) -> None:
        bridges = {7: (0, 1, 0), 3: (0, 1, 1), 9: (7, 0, 0), 4: (0, 3, 0), 8: (5, 0, 0)}
        assert guest_buses(bridges, 0) == {0: 0, 7: 1, 9: 2, 3: 3, 4: 4}
        assert guest_buses({1: (1, 0, 0), 2: (3, 0, 0), 3: (2, 0, 0)}, 0) == {0: 0}

    def test_new_devices_keep_clear_of_places_that_libvirt_does_not_see(self) -> None:
        line = ("-device", "pci-testdev,bus=pcie.0,addr=0x1b", "-device", "pci-testdev,addr=0x1")
        after, _ = patch(domain(arguments=line), plan(), "audio", "input")
        root = etree.fromstring(after)
        for path in ("sound", "input[@bus='virtio']", "controller[@type='virtio-serial']"):
            found = root.findall(f"devices/{path}")
            assert found
            assert all(node.find("address[@type='pci']") is not None for node in found), path
        slots = [node.get("slot") for node in root.iterfind("devices/*/address[@bus='0x00']")]
        assert not {"0x1b", "0x01"} & set(slots)


def test_places_of_one_machine_never_meet() -> None:
    """Arguments at every slot in turn, all concerns: what is new is elsewhere."""
    for slot, spelling in itertools.product(range(1, 0x1B, 5), ("0x{:x}", "{:x}", "{:x}.0")):
        line = ("-device", f"pci-testdev,addr={spelling.format(slot)}")
        root = etree.fromstring(patch(domain(arguments=line), plan())[0])
        slots = [int(node.get("slot") or "0", 0) for node in root.iterfind("devices/*/address[@bus='0x00']")]
        assert slot not in slots
