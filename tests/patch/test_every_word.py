"""Each word of the patch's tables, each number of them at its last and at its first that is too much."""

from __future__ import annotations

import pytest

from optimux.patch import patch_domain
from optimux.patch.cpu_argument import say_or_take_over
from optimux.patch.draft import Draft, describe
from optimux.patch.machine.aliases import aliases
from optimux.patch.machine.arguments import Argument, read_arguments
from optimux.patch.machine.device import of_element
from optimux.patch.machine.view import Machine
from optimux.patch.node import Node
from optimux.patch.order import place
from optimux.patch.placing import is_conventional
from optimux.patch.source import Source
from optimux.patch.tables import judge
from optimux.pci import Address
from tests.patch.corners import port
from tests.patch.plans import GPU, domain, plan


def read(text: str) -> Node:
    return Source(text.encode()).root


def _line(*words: str) -> Node:
    return read(domain("", words))


def _arguments(*words: str) -> list[Argument]:
    return list(read_arguments(_line(*words)))


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("-device", "x" * ((128 << 10) - 1), ""),
        ("-device", "x" * (128 << 10), "longer than Linux passes to a program"),
        ("-device", "pci-testdev,id=a.-_9", ""),
        ("-device", "pci-testdev,id=9", 'the id "9" is none: it begins with a letter, and has letters, digits, - . _'),
        ("-device", "pci-testdev,id=a b", 'the id "a b" is none'),
        ("-device", "pci-testdev,addr=-1", ""),
        ("-device", "pci-testdev,addr=1f.7", ""),
        ("-device", "pci-testdev,addr=20", '"20" is no slot and function'),
        ("-device", "pci-testdev,addr=1.8", '"1.8" is no slot and function'),
        ("-netdev", "user,id=n,addr=20", ""),
        ("-device", "pci-testdev,x='", "a quote without its other in x='"),
        ("-device", "pci-testdev,x='a'", ""),
        ("-device", 'pci-testdev,x=a"', 'a quote without its other in x=a"'),
        ("-device", 'pci-testdev,x="a', 'a quote without its other in x="a'),
        ("-readconfig", "x", "QEMU reads more options from this file, and what they say is not known here"),
        ("-nonsense", "'", ""),
    ],
    ids=range(16),
)
def test_what_is_wrong_with_an_argument(option: str, value: str, problem: str) -> None:
    (argument, *_) = _arguments(option, value)
    assert argument.problem.startswith(problem)
    assert bool(argument.problem) == bool(problem)


def test_an_argument_as_a_person_types_it() -> None:
    most = 300 - len("-device ")
    assert str(_arguments("-device", "x" * most)[0]) == "-device " + "x" * most
    assert str(_arguments("-device", "x" * (most + 1))[0]) == "-device " + "x" * most + "…"
    assert len(_arguments(*("-no-reboot",) * 4097)) == 4096
    assert _arguments("-device")[0].problem == "no value"


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        ("host,hv-spinlocks=4095", True),
        ("host,hv-spinlocks=4094", False),
        ("host,hv-spinlocks=0xffffffff", True),
        ("host,hv-spinlocks=0x100000000", False),
        ("host,hv-spinlocks=off", False),
        ("host,hv-spinlocks=x", False),
        ("host,hv-vendor-id=123456789012", True),
        ("host,hv-vendor-id=1234567890123", False),
        ("host,hv-time=on", True),
        ("host,hv-time=1", False),
        ("host,kvm=off", True),
        ("host,kvm=on", True),
        ("host,kvm=1", False),
        ("host,host-cache-info=on", True),
        ("host,host-cache-info=off", False),
        ("host,migratable=on", True),
        ("host,migratable=off", True),
        ("host,+svm,-vmx,avx2=on,avx=off", True),
        ("host,svm=1", False),
        ("host,SVM=on", False),
        ("EPYC", False),
        *((f"host,hv-{name}=on", True) for name in (
            "relaxed", "vapic", "vpindex", "runtime", "synic", "stimer", "reset", "frequencies", "reenlightenment",
            "tlbflush", "ipi", "evmcs", "avic", "emsr-bitmap", "xmm-input")),
        *((f"host,{name}=on", False) for name in (
            "hv-passthrough", "kvm-pv-eoi", "x-feature", "phys-bits", "host-phys-bits", "host-phys-bits-limit",
            "guest-phys-bits", "level", "xlevel", "min-level", "min-xlevel", "full-cpuid-auto-level", "family",
            "stepping",            "vendor", "model", "model-id", "check",
            "enforce", "pmu", "tsc-frequency", "l3-cache", "cache-info",
            "fill-mtrr-mask", "topoext-x", "apic-id", "core-id", "legacy-cache", "tcg-cpuid", "enforce-cpuid")),
    ],
)  # fmt: skip
def test_which_cpu_becomes_xml(words: str, taken: bool) -> None:
    draft = Draft(_line("-cpu", words), plan(), ("hyperv", "cpu"), lambda _path: None)
    say_or_take_over(draft)
    assert bool(draft.left) != taken
    assert bool(draft.changes) == taken


CONVENTIONAL = """
    <shmem name='a'/>|<pstore/>|<watchdog model='i6300esb'/>|<sound model='ac97'/>|<sound model='es1370'/>
    |<sound model='ich6'/>|<video><model type='vga'/></video>|<video><model type='qxl'/></video>
    |<video><model type='cirrus'/></video>|<video><model type='bochs'/></video>|<video><model type='vmvga'/></video>
    |<interface><model type='e1000'/></interface>|<interface><model type='rtl8139'/></interface>|<interface/>
    |<interface><model type='pcnet'/></interface>|<interface><model type='ne2k_pci'/></interface>
    |<interface><model type='virtio-transitional'/></interface>|<rng model='virtio-transitional'/>
    |<controller type='scsi' model='lsilogic'/>|<controller type='scsi'/>|<controller type='usb'/>
    |<controller type='usb' model='piix3-uhci'/>|<controller type='usb' model='piix4-uhci'/>
    |<controller type='usb' model='vt82c686b-uhci'/>|<controller type='usb' model='pci-ohci'/>
    |<controller type='usb' model='ehci'/>|<controller type='usb' model='ich9-ehci1'/>|<crypto model='virtio'/>
    |<interface><model type='vmxnet3'/></interface>|<controller type='sata' index='1'/>"""
NOT = """
    <watchdog model='itco'/>|<sound model='ich9'/>|<sound/>|<video><model type='virtio'/></video>|<video/>
    |<interface><model type='virtio'/></interface>|<interface><model type='e1000e'/></interface>
    |<interface type='hostdev'/>|<rng model='virtio'/>|<controller type='scsi' model='virtio-scsi'/>
    |<controller type='usb' model='qemu-xhci'/>|<controller type='sata'/>|<controller model='ehci'/>|<disk/>
    |<controller type='usb' model='ich9-uhci1'/>|<controller type='usb' model='none'/>"""
EXPRESS = """
    <disk><target bus='virtio'/></disk>|<controller type='virtio-serial'/>|<controller type='usb' model='nec-xhci'/>
    |<controller type='scsi' model='virtio-scsi'/>|<hostdev type='pci'/>|<hostdev type='mdev'/>
    |<hostdev type='scsi_host'/>
    |<input type='mouse' bus='virtio'/>|<interface type='hostdev'/>|<interface><model type='e1000e'/></interface>
    |<interface><model type='virtio'/></interface>|<rng model='virtio'/>|<rng/>|<vsock/>|<filesystem/>
    |<sound model='virtio'/>|<memory model='virtio-mem'/>|<iommu model='virtio'/>
    |<channel><target type='virtio'/></channel>
    |<console><target type='virtio'/></console>|<disk><target bus='scsi'/></disk>"""
NOWHERE = """
    <disk><target bus='sata'/></disk>|<controller type='sata'/>|<hostdev type='usb'/>|<input type='mouse' bus='usb'/>
    |<memory model='dimm'/>|<channel><target type='xen'/></channel>|<serial><target type='isa-serial'/></serial>|<tpm/>
    |<controller type='fdc'/>"""


def _each(words: str) -> list[str]:
    return [word.strip() for word in words.split("|")]


@pytest.mark.parametrize("element", _each(CONVENTIONAL))
def test_what_is_conventional(element: str) -> None:
    assert is_conventional(read(element))


@pytest.mark.parametrize("element", _each(NOT))
def test_what_is_not(element: str) -> None:
    assert not is_conventional(read(element))


# What libvirt would make ports for in any case is there: the element alone makes the difference.
_EXPOSED = domain(
    GPU
    + port(1, 4)
    + "<controller type='usb' index='0' model='none'/><memballoon model='none'/>{}"
)  # fmt: skip


def _ports(element: str) -> int:
    found = patch_domain(_EXPOSED.format(element).encode(), plan(), only=("gpu", "pci"))
    return found.document.count(b"model='pcie-root-port'")


@pytest.mark.parametrize("element", _each(EXPRESS))
def test_what_libvirt_would_look_for_a_port_for(element: str) -> None:
    assert _ports(element) == _ports("") + 1


@pytest.mark.parametrize("element", _each(NOWHERE))
def test_what_it_would_not(element: str) -> None:
    assert _ports(element) == _ports("")


@pytest.mark.parametrize(
    "there",
    [
        "<controller type='virtio-serial'/>|<channel><target type='virtio'/></channel>",
        "<controller type='scsi' model='virtio-scsi'/>|<disk><target bus='scsi'/></disk>",
    ],
)
def test_a_controller_that_is_there_needs_no_other(there: str) -> None:
    controller, user = there.split("|")
    assert _ports(controller + user) == _ports(controller) == _ports(user)


def test_what_libvirt_adds_where_none_is_named_wants_a_port() -> None:
    for name in ("<controller type='usb' index='0' model='none'/>", "<memballoon model='none'/>"):
        text = _EXPOSED.format("").replace(name, "")
        found = patch_domain(text.encode(), plan(), only=("gpu", "pci"))
        assert found.document.count(b"model='pcie-root-port'") == _ports("") + 1


def test_slots_that_are_q35s_own_are_no_room_for_libvirt() -> None:
    """Everything below the card's port is taken but for those: no port comes in front of it. With one free, some do."""
    for free, are_added in ((0, False), (5, True), (0x1C, True)):
        taken = "".join(
            f"<rng model='virtio'><address type='pci' slot='{slot:#x}'/></rng>"
            for slot in range(1, 0x1E)
            if slot not in (free, 0x1A, 0x1B, 0x1D)
        )
        text = domain(port(1, 0x1E) + GPU.replace("</source>", "</source><address type='pci' bus='1'/>") + taken)
        found = patch_domain(text.encode(), plan(), only=("pci",))
        assert bool(found.changes) == are_added, (free, [str(change) for change in found.changes])


BRIDGES = (
    "pcie-root-port pcie-switch-upstream-port pcie-switch-downstream-port pcie-to-pci-bridge dmi-to-pci-bridge "
    "pci-bridge"
)
ARGUMENTS = "pcie-root-port ioh3420 x3130-upstream xio3130-downstream pcie-pci-bridge pci-bridge i82801b11-bridge"


@pytest.mark.parametrize("model", BRIDGES.split())
def test_each_bridge_opens_a_bus(model: str) -> None:
    place = "<address type='pci' bus='0' slot='9'/>"
    text = "<controller type='{}' index='5' model='{}'>" + place + "</controller>"
    assert Machine(read(domain(text.format("pci", model)))).guest_buses == {0: 0, 5: 1}
    assert Machine(read(domain(text.format("pci", "pcie-root")))).guest_buses == {0: 0}
    assert Machine(read(domain(text.format("usb", model)))).guest_buses == {0: 0}


@pytest.mark.parametrize("driver", ARGUMENTS.split())
def test_each_bridge_of_an_argument_opens_one(driver: str) -> None:
    assert Machine(_line("-device", f"{driver},id=b,addr=9")).guest_buses == {0: 0, "b": 1}
    assert Machine(_line("-device", f"{driver},addr=9")).guest_buses == {0: 0}
    assert Machine(_line("-device", "pci-testdev,id=b,addr=9")).guest_buses == {0: 0}


def test_what_is_named_anew_has_the_first_name_that_is_free() -> None:
    """QEMU's prefix, the memory and its device, and the alias of each function."""
    qemu = "http://libvirt.org/schemas/domain/qemu/1.0"
    for declared, prefix in (("xmlns:qemu='urn:x'", "qemu1"), ("xmlns:qemu='urn:x' xmlns:qemu1='urn:y'", "qemu2"),
                             (f"xmlns:q='{qemu}'", "q"), ("", "qemu")):  # fmt: skip
        text = domain().replace(f"xmlns:qemu='{qemu}'", declared)
        assert f"<{prefix}:commandline>" in patch_domain(text.encode(), plan()).document.decode()
    taken: tuple[str, ...] = ()
    for name in ("looking-glass", "looking-glass-2", "looking-glass-3"):
        text = domain(GPU, taken)
        assert f'"id":"{name}"' in patch_domain(text.encode(), plan(), only=["memory"]).document.decode()
        taken += ("-object", f"memory-backend-ram,id={name},size=1M")
    taken = ()
    for name in ("shmem0", "looking-glass-device", "looking-glass-device-2", "looking-glass-device-3"):
        text = domain(GPU, taken)
        assert f'"id":"{name}"' in patch_domain(text.encode(), plan(), only=["memory"]).document.decode()
        taken += ("-device", f"usb-kbd,id={name}")
    both = [{"address": f"0000:01:00.{number}", "id": "10de:1c8d"} for number in range(3)]
    text = domain("", tuple(word for number in range(3) for word in (
        "-device", f"vfio-pci,host=01:00.{number},id=g{number},x-vga=on",
        "-set", f"device.g{number}.x-pci-device-id=7")))  # fmt: skip
    found = patch_domain(text.encode(), plan(gpus={"functions": both}), only=["gpu"]).document.decode()
    assert [f"<alias name='ua-gpu{more}'/>" in found for more in ("", "-1", "-2", "-3")] == [True, True, True, False]


def test_a_domain_without_kvm_gets_it_where_the_cpu_needs_it() -> None:
    for mode, kind in (("host-passthrough", "kvm"), ("host-model", "kvm"), ("maximum", "qemu")):
        text = domain().replace("type='kvm'", "type='qemu'")
        found = patch_domain(text.encode(), plan(vms={"cpu": {"mode": mode}}), only=["cpu"])
        assert found.document.startswith(f"<domain type='{kind}'".encode())
        assert any(f"{mode} needs KVM" in str(change) for change in found.changes) == (kind == "kvm")


def test_an_alias_of_libvirts_becomes_ours_and_is_no_second() -> None:
    """As virsh dumpxml prints the domain of a VM that runs."""
    ids = {"subsystemIds": {"vendor": 0x1028, "device": 0x0926}}
    for alias in ("<alias name='hostdev0'/>", "<alias name='ua-mine'/>", ""):
        text = domain(GPU.replace("</source>", f"</source>{alias}"))
        after = patch_domain(text.encode(), plan(gpus=ids), only=["gpu"]).document.decode()
        assert after.count("<alias ") == 1
        assert f"<alias name='{'ua-mine' if 'mine' in alias else 'ua-gpu'}'/>" in after


@pytest.mark.parametrize("driver", ["vfio-pci", "vfio-pci-nohotplug", "vfio-ap"])
def test_which_arguments_pass_a_function(driver: str) -> None:
    found = Machine(_line("-device", f"{driver},host=01:00.0")).hosts
    assert found == ([] if driver == "vfio-ap" else [Address(0, 1, 0, 0)])


SOURCE = "<source><address domain='0' bus='1' slot='0' function='0'/></source>"


@pytest.mark.parametrize(
    ("element", "passes"),
    [
        (f"<hostdev type='pci'>{SOURCE}</hostdev>", True),
        (f"<hostdev type='usb'>{SOURCE}</hostdev>", False),
        (f"<interface type='hostdev'>{SOURCE}</interface>", True),
        (f"<interface type='user'>{SOURCE}</interface>", False),
        (f"<disk type='nvme'>{SOURCE}</disk>", True),
        (f"<disk type='file'>{SOURCE}</disk>", False),
        ("<hostdev type='pci'/>", False),
        ("<hostdev type='pci'>" + SOURCE.replace("<address", "<address type='usb'") + "</hostdev>", False),
    ],
    ids=range(8),
)  # fmt: skip
def test_which_elements_pass_one(element: str, passes: bool) -> None:
    assert of_element(read(element)).host == (Address(0, 1, 0, 0) if passes else None)


def test_what_libvirt_counts() -> None:
    """By its own names, passed network cards first; what has a user's alias takes no number."""
    names = "hostdev video sound shmem input interface channel serial redirdev rng watchdog memballoon disk"
    devices = "".join(f"<{name}/>" for name in names.split())
    more = "<interface type='hostdev'/>" + "".join(
        f"<interface><alias name='{name}'/></interface>" for name in ("ua-n", "net9")
    )
    found = [(node.local, alias) for node, alias in aliases(read(domain(devices + more))).items()]
    assert found == [
        ("interface", "net0"), ("interface", "hostdev0"), ("interface", "ua-n"), ("interface", "net1"),
        ("hostdev", "hostdev1"), ("video", "video0"), ("sound", "sound0"), ("shmem", "shmem0"), ("input", "input0"),
        ("channel", "channel0"), ("serial", "serial0"), ("redirdev", "redir0"), ("rng", "rng0"),
        ("watchdog", "watchdog0"), ("memballoon", "balloon0"),
    ]  # fmt: skip


ORDERS = {
    "domain": "name memory vcpu os features cpu clock pm devices commandline override",
    "devices": "emulator disk controller interface serial channel input tpm graphics sound audio video hostdev "
    "memballoon",
    "os": "type firmware loader nvram acpi smbios",
    "features": "acpi apic hyperv kvm pmu vmport smm ioapic",
    "hyperv": "relaxed vapic spinlocks vpindex runtime vendor_id frequencies evmcs xmm_input",
    "cpu": "model vendor topology cache maxphysaddr feature numa",
    "hostdev": "driver source boot alias rom address",
}


@pytest.mark.parametrize("parent", ORDERS)
def test_each_element_goes_where_libvirt_writes_it(parent: str) -> None:
    names = ORDERS[parent].split()
    for left_out in names:
        root = read(f"<{parent}>" + "".join(f"<{name}/>" for name in names if name != left_out) + f"</{parent}>")
        place(root, Node(left_out, left_out, "", {}))
        assert [child.name for child in root.children] == names
    root = read(f"<{parent}><{names[1]}/><foreign/></{parent}>")
    for name in (names[0], names[1], "other"):
        place(root, Node(name, name, "", {}))
    assert [child.name for child in root.children] == [names[0], names[1], names[1], "foreign", "other"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ssdt1.dat", "battery"), ("SSDT1.aml", "battery"), ("ssdt2.dat", "unknown"), ("ssdt1.bin", "unknown"),
        ("optimux-win.aml", "battery"), ("optimux-win.bin", "unknown"), ("battery", "battery"),
        ("my-batteries.x", "battery"),
        ("bat", "battery"), ("x-bat0.aml", "battery"), ("combat.aml", "unknown"), ("bath.aml", "unknown"),
        ("fake_battery_2", "battery"),
    ],
)  # fmt: skip
def test_what_a_table_is_by_its_name(name: str, kind: str) -> None:
    draft = Draft(read(domain()), plan(), (), lambda _path: None)
    assert judge(draft, f"/bat/{name}").kind == kind
    assert judge(draft, plan().battery_path).how == "it is the planned one"


@pytest.mark.parametrize(
    ("element", "words"),
    [
        ("<a/>", "<a>"),
        ("<a file='1' bar='2' alias='3' value='4' mode='5' index='6' name='7' model='8' type='9' other='0'/>",
         "<a type='9' model='8' name='7' index='6' mode='5' value='4' alias='3' bar='2' file='1'>"),
        ("<a><model type='x'/></a>", "<a model='x'>"),
        ("<a><model name='x'/></a>", "<a>"),
    ],
)  # fmt: skip
def test_an_element_in_a_few_words(element: str, words: str) -> None:
    assert describe(read(element)) == words
