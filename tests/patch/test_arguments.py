"""Arguments of QEMU's that say what other concerns would add, or that nobody can read."""

from __future__ import annotations

import pytest
from lxml import etree

from optimux.errors import InvalidInput
from tests.patch.passthrough import patch_domain
from tests.patch.plans import GPU, domain, patch, plan, said

KVMFR = "memory-backend-file,id=lg,mem-path=/dev/kvmfr0,size=32M,share=on"


class TestOtherConcerns:
    @pytest.mark.parametrize(
        "value",
        ["ich9-intel-hda,bus=pcie.0,addr=0x1b", "intel-hda", "{'driver':'AC97'}", "virtio-sound-pci,audiodev=a"],
    )
    def test_a_card_of_an_argument_is_the_card(self, value: str) -> None:
        text = domain(arguments=("-device", value))
        after, found = patch(text, plan(), "audio")
        assert after == text
        assert "it is a sound card already" in said(found)

    @pytest.mark.parametrize(
        "value",
        [
            "input-linux,id=k,evdev=/dev/input/k,grab_all=on",
            "{'qom-type':'input-linux','id':'k','evdev':'/dev/input/k'}",
        ],
    )
    def test_a_keyboard_of_an_argument_is_the_keyboard(self, value: str) -> None:
        after, found = patch(
            domain(arguments=("-object", value)), plan(vms={"evdev": [{"dev": "/dev/input/k"}]}), "input"
        )
        assert "<input type='evdev'" not in after
        assert "it shares /dev/input/k already" in said(found)

    def test_spice_that_listens_nowhere(self) -> None:
        text = domain(GPU + "<graphics type='spice'><listen type='none'/></graphics>")
        after, found = patch(text, plan(), "input")
        assert "<listen type='none'/>" in after
        assert "SPICE that listens nowhere" in said(found)
        after, _ = patch(text, plan(vms={"spice": {"listen": "address"}}), "input")
        assert "<listen type='none'/>" not in after
        assert "<listen type='address'/>" in after

    def test_what_only_looking_glass_needs_is_not_added_without_it(self) -> None:
        without = {"lookingGlass": {"enable": False}}
        text = domain(GPU + "<sound model='ac97'/><audio id='1' type='pulseaudio'/>")
        assert patch(text, plan(**without), "input", "audio")[0] == text
        stated = plan(**without, vms={"inputs": [{"type": "tablet", "bus": "usb"}], "sound": {"backend": "spice"}})
        after, found = patch(text, stated, "input", "audio")
        assert "<input type='tablet' bus='usb'/>" in after
        assert "<audio id='1' type='spice'/>" in after
        assert "Looking Glass" not in said(found)

    def test_no_device_on_a_usb_that_is_off(self) -> None:
        off = domain(GPU + "<controller type='usb' index='0' model='none'/>")
        stated = {"inputs": [{"type": "tablet", "bus": "usb"}], "sound": {"model": "usb"}}
        after, found = patch(off, plan(vms=stated), "input", "audio")
        assert "<input type='tablet'" not in after
        assert "<sound" not in after
        assert [change.what for change in found.unpatched] == ["inputs", "sound.model"]
        after, found = patch(off.replace("none", "qemu-xhci"), plan(vms=stated), "input", "audio")
        assert "<input type='tablet' bus='usb'/>" in after
        assert "<sound model='usb'>" in after
        assert found.unpatched == ()

    def test_a_spice_argument(self) -> None:
        after, _ = patch(domain(arguments=("-spice", "port=5900,addr=127.0.0.1")), plan(), "input")
        assert "<graphics" not in after

    def test_a_display_is_changed_for_looking_glass_or_by_wish_alone(self) -> None:
        none = domain(GPU + "<video><model type='none'/></video>")
        without = {"lookingGlass": {"enable": False}}
        assert patch(none, plan(**without), "video")[0] == none
        after, found = patch(none, plan(**without, vms={"video": {"model": "virtio"}}), "video")
        assert "type='virtio'" in after
        assert "Looking Glass" not in said(found)
        assert "Looking Glass works best beside it" in said(patch(none, plan(), "video")[1])
        argument = domain(arguments=("-device", "qxl-vga,id=v"))
        assert patch(argument, plan(), "video")[0] == argument

    def test_a_cpu_argument_becomes_xml(self) -> None:
        value = "host,-hypervisor,hv_relaxed,hv_spinlocks=0x1fff,kvm=off,topoext=on,hv_vendor_id=abc,migratable=off"
        after, found = patch(domain(arguments=("-cpu", value)), plan(), "hyperv", "cpu")
        root = etree.fromstring(after)
        assert "-cpu" not in after
        assert root.find("cpu[@mode='host-passthrough'][@migratable='off']") is not None
        assert root.find("cpu/feature[@name='hypervisor'][@policy='disable']") is not None
        assert root.find("cpu/feature[@name='topoext'][@policy='require']") is not None
        assert root.find("features/kvm/hidden[@state='on']") is not None
        assert root.find("features/hyperv/vendor_id[@value='abc']") is not None
        assert "would win over" in said(found)

    @pytest.mark.parametrize(
        "value", ["Haswell", "host,phys-bits=39", "host,hv_passthrough", "EPYC,-svm", "host,level=5"]
    )
    def test_a_cpu_argument_that_cannot_is_said(self, value: str) -> None:
        after, found = patch(domain(arguments=("-cpu", value)), plan(), "hyperv", "cpu")
        assert f"value='{value}'" in after
        assert f"the argument -cpu {value} (it comes after libvirt's and wins" in said(found)
        alone, found = patch(domain(arguments=("-cpu", "host,-hypervisor")), plan(), "cpu")
        assert "host,-hypervisor" in alone
        assert "wins" in said(found)


class TestDoubts:
    @pytest.mark.parametrize(
        ("line", "concern", "words"),
        [
            (("-device", "{'driver':'ivshmem-plain'"), "memory", "JSON that does not parse"),
            (("-device", "{'driver':'a','driver':'b'}"), "gpu", 'the key "driver" twice'),
            (("-object", "memory-backend-file,id"), "memory", '"id" without a value'),
            (("-object",), "input", "at the end"),
            (("-global",), "tpm", "would take what is added behind it"),
            (("-set", "device.hostdev0"), "gpu", "group.id.key=value"),
            (("-cpu", ",x"), "cpu", "no CPU model"),
            (("-cpu", "host", "-cpu", "max"), "hyperv", "2 times -cpu"),
            (("-device", "usb-kbd,id=a", "-device", "usb-mouse,id=a"), "tpm", 'the id "a" for 2 devices'),
            (("-netdev", "user,id=n", "-netdev", "user,id=n"), "tpm", 'the id "n" for 2 network back ends'),
            (("-device", "usb-kbd,id=hostdev0"), "tpm", "with the id of <hostdev"),
            (("-device", 'usb-kbd,id="a'), "gpu", "begins with a letter"),
            (("-object", 'memory-backend-file,id=a,mem-path="/dev/kvmfr0'), "memory", "a quote without its other"),
            (("-device", "ivshmem-plain,memdev=a,addr=zz"), "pci", "no slot and function"),
            (("-device", "pci-testdev,addr=5", "-device", "{'driver':'pci-testdev','addr':40}"), "tpm", "at one place"),
            (("-readconfig", "/etc/qemu/gpu.cfg"), "gpu", "QEMU reads more options from this file"),
            (("-machine", "pc"), "tpm", "wins over the domain's own machine"),
            (("-device qxl-vga", "-vga", "none"), "tpm", "each word of an option is an argument of its own"),
            (("-frobnicate", "x"), "tpm", "an option of QEMU's"),
            (("-device", "x") * 5000, "tpm", "10000 arguments"),
            (("-device", "x") * 3000, "tpm", "6000 arguments"),
            (("-device", "x" * (128 << 10)), "memory", "longer than Linux passes"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, line: tuple[str, ...], concern: str, words: str) -> None:
        with pytest.raises(InvalidInput, match=words) as refusal:
            patch_domain(domain(arguments=line).encode(), plan(), only=[concern])
        assert len(str(refusal.value)) < 2000

    def test_another_concern_is_not_held_up(self) -> None:
        text = domain(arguments=("-device", "{'driver':'ivshmem-plain'"))
        with pytest.raises(InvalidInput, match=r"--except memory,gpu,pci,video,input,audio"):
            patch_domain(text.encode(), plan())
        patch_domain(text.encode(), plan(), except_=["memory", "gpu", "pci", "video", "input", "audio"])

    def test_what_is_no_doubt(self) -> None:
        """Options of every QEMU, the machine's settings, a quote that is meant, ids of different kinds."""
        line = ("-M", "q35,kernel-irqchip=split", "--enable-kvm", "-m", "4G", "-object", "rng-random,id=a", "-device",
                "virtio-rng-pci,rng=a,id=a,addr=5.0,multifunction=on", "-device", "pci-testdev,addr=5.1", "-smbios",
                "type=11,value=it's", "disk.img")  # fmt: skip
        after = patch_domain(domain(arguments=line).encode(), plan()).document.decode()
        root = etree.fromstring(after)
        assert [arg.get("value") for arg in root.iter("{*}arg")][: len(line)] == list(line)

    def test_an_alias_twice(self) -> None:
        alias = "<alias name='ua-x'/>"
        twice = GPU.replace("</hostdev>", f"{alias}</hostdev>") + f"<memballoon model='none'>{alias}</memballoon>"
        with pytest.raises(InvalidInput, match='the alias "ua-x" for 2 devices'):
            patch_domain(domain(twice).encode(), plan())

    def test_every_doubt_at_once(self) -> None:
        line = ("-cpu", "host", "-cpu", "max", "-device", "a,id=1", "-frobnicate", "-readconfig", "x")
        with pytest.raises(InvalidInput) as refusal:
            patch_domain(domain(arguments=line).encode(), plan())
        assert refusal.value.count == 4

    def test_an_override_without_its_namespace(self) -> None:
        with pytest.raises(InvalidInput, match="<override> without a namespace"):
            patch_domain(domain(rest="<override/>").encode(), plan())


class TestPlacesOfOtherWords:
    """``qemu:override`` and ``-global`` place devices as well."""

    OVERRIDE = (
        "<qemu:override><qemu:device alias='{}'><qemu:frontend>"
        "<qemu:property name='addr' type='{}' value='{}'/></qemu:frontend></qemu:device></qemu:override>"
    )

    @pytest.mark.parametrize(("kind", "value"), [("string", "0x10"), ("unsigned", "128")])
    def test_an_override_takes_a_place(self, kind: str, value: str) -> None:
        text = domain(GPU + "<sound model='ich9'/>", rest=self.OVERRIDE.format("sound0", kind, value))
        after, found = patch(text, plan(), "memory", "pci")
        assert '"addr":"0x11"' in after
        assert f"value='{value}'" in after
        assert "ivshmem-plain shmem0 at 0000:00:11.0" in found.machine.added

    def test_an_override_of_the_cards_place_goes(self) -> None:
        after, found = patch(domain(rest=self.OVERRIDE.format("hostdev0", "string", "0x10")), plan(), "pci")
        assert "qemu:override" not in after
        assert "it wins over the device's <address>" in said(found)
        assert "host device 0000:01:00.0: 0000:00:10.0 -> 0000:01:00.0" in map(str, found.machine.moved)

    def test_a_global_places_the_arguments_of_its_driver(self) -> None:
        line = ("-global", "pci-testdev.addr=0x10", "-device", "pci-testdev", "-device", "pci-testdev,addr=0x11")
        after, _ = patch(domain(arguments=line), plan(), "memory")
        assert '"addr":"0x12"' in after
        other = ("-global", "driver=edu,property=addr,value=0x10", "-device", "pci-testdev")
        assert '"addr":"0x10"' in patch(domain(arguments=other), plan(), "memory")[0]


class TestIdsOfLibvirts:
    def test_a_new_device_does_not_take_an_arguments_id(self) -> None:
        line = ("-device", "usb-kbd,id=sound0", "-device", "virtio-rng-pci,id=video0")
        after, found = patch(domain(GPU, line), plan(), "video", "audio")
        root = etree.fromstring(after)
        assert root.find("devices/sound/alias[@name='ua-sound0']") is not None
        assert root.find("devices/video/alias[@name='ua-video0']") is not None
        assert "an argument has the id that libvirt would give the device" in said(found)

    def test_the_memorys_device_does_not_take_libvirts(self) -> None:
        line = ("-device", "ivshmem-plain,id=shmem0,memdev=lg,addr=0x10", "-object", KVMFR)
        after, found = patch(domain(GPU + "<shmem name='scream'/>", line), plan(), "memory")
        assert "id=looking-glass-device,memdev=lg" in after
        assert "libvirt gives the id to a device of its own" in said(found)


class TestFirmwareAndDrives:
    @pytest.mark.parametrize("value", [("-drive", "if=pflash,format=raw,readonly=on,file=/x/OVMF.fd"), ("-bios", "/x")])
    def test_firmware_of_an_argument_is_the_firmware(self, value: tuple[str, ...]) -> None:
        after, found = patch(domain(arguments=value), plan(vms={"firmware": {"secureBoot": True}}), "firmware")
        assert after == domain(arguments=value)
        assert [change.what for change in found.unpatched] == ["firmware.secureBoot"]
        assert "gives the firmware" in str(found.unpatched[0])

    @pytest.mark.parametrize(
        "value",
        [
            ("-drive", "file=/var/lib/libvirt/images/win.qcow2,if=virtio"),
            ("-blockdev", "{'driver':'file','node-name':'a','filename':'/var/lib/libvirt/images/win.qcow2'}"),
            ("-hda", "/var/lib/libvirt/images/win.qcow2"),
        ],
    )
    def test_a_disk_of_an_argument_is_not_given_twice(self, value: tuple[str, ...]) -> None:
        after, found = patch(domain(arguments=value), plan(), "disks")
        assert after == domain(arguments=value)
        assert "gives the guest the same already" in str(found.unpatched[0])
