"""Arguments of QEMU's that say what other concerns would add, or that nobody can read."""

from __future__ import annotations

import pytest
from lxml import etree

from optimux.errors import InvalidInput
from tests.patch.passthrough import patch_domain
from tests.patch.plans import GPU, domain, patch, plan, said


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
            (("-object",), "input", "no value"),
            (("-set", "device.hostdev0"), "gpu", "group.id.key=value"),
            (("-cpu", ",x"), "cpu", "no CPU model"),
            (("-cpu", "host", "-cpu", "max"), "hyperv", "2 times -cpu"),
            (("-device", "usb-kbd,id=a", "-device", "usb-mouse,id=a"), "tpm", 'the id "a" for 2 devices'),
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

    def test_an_override_without_its_namespace(self) -> None:
        with pytest.raises(InvalidInput, match="<override> without a namespace"):
            patch_domain(domain(rest="<override/>").encode(), plan())
