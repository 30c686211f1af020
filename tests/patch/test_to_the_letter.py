"""What a patch makes of a domain and says of it, to the letter: each edit, word and remark that is kept in ``letters``.

The other tests ask whether the machine is right; a change of the wording, of the order, or of what is said beside it
shows here alone. ``--update-golden`` writes what comes of it now.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.documents import BY_HAND, KEY_VALUE, VIRT_MANAGER
from optimux.patch import patch_domain
from optimux.patch.concerns import CONCERNS
from optimux.plan.model import DomainPlan
from tests.golden_cases import case
from tests.patch.plans import GPU, domain, plan
from tests.patch.plans import letters as told

LETTERS = Path(__file__).parent / "letters"
CPU = "<cpu><model fallback='allow'>Skylake-Client</model><feature policy='require' name='hypervisor'/></cpu>"
HYPERV = (
    "<hyperv><relaxed state='on'/><vapic state='off'/><spinlocks state='on' retries='4096'/><evmcs state='on'/>"
    "<vendor_id state='on' value='whatever'/><avic state='on'/></hyperv>"
)
FEATURES = f"<features><acpi/>{HYPERV}<kvm><hidden state='off'/></kvm><vmport state='on'/><smm state='off'/></features>"
CLOCK = "<clock offset='utc'><timer name='hpet' present='yes'/><timer name='rtc' tickpolicy='catchup'/></clock>"
TOP = f"{FEATURES}{CPU}{CLOCK}<pm><suspend-to-mem enabled='yes'/></pm><on_crash>restart</on_crash>"
PORT = "<controller type='pci' index='{0}' model='pcie-root-port'><address type='pci' slot='{1}'/></controller>"
DISKS = """
    <controller type='scsi' index='0' model='lsilogic'/>
    <controller type='scsi' index='1' model='virtio-scsi'/>
    <disk type='nvme' device='disk'><source type='pci' namespace='1'><address domain='0x0000' bus='0x04' slot='0x00'
      function='0x0'/></source><target dev='vdz' bus='virtio'/></disk>
    <disk type='file' device='disk'><source file='/var/lib/libvirt/images/win.qcow2'/><target dev='sda' bus='sata'/>
      <address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>
    <disk type='file' device='cdrom'><target dev='sdb' bus='scsi'/>
      <address type='drive' controller='1' target='0' unit='1'/></disk>
    <disk type='block' device='disk'><source dev='/dev/sdb'/><target dev='sdc' bus='scsi'/>
      <address type='drive' controller='0' target='0' unit='0'/></disk>"""
DEVICES = f"""
    <controller type='pci' index='0' model='pcie-root'/>{PORT.format(1, "0x02")}{PORT.format(2, "0x03")}
    <controller type='pci' index='3' model='pcie-root-port'/>
    <controller type='usb' index='0' model='ich9-ehci1'/>
    <controller type='virtio-serial' index='0'/>{DISKS}
    <hostdev mode='subsystem' type='pci' managed='no'><driver name='vfio'/><source><address domain='0x0000' bus='0x01'
      slot='0x00' function='0x0'/></source><alias name='ua-card'/><rom bar='off'/>
      <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0' multifunction='on'/></hostdev>
    <hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x07' slot='0x00'
      function='0x0'/></source></hostdev>
    <hostdev mode='subsystem' type='usb'><source><vendor id='0x046d'/><product id='0xc52b'/></source></hostdev>
    <interface type='hostdev'><source><address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x1'/>
      </source><mac address='52:54:00:11:22:33'/></interface>
    <interface type='network'><source network='default'/><model type='e1000'/></interface>
    <channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <serial type='pty'><target port='0'/></serial>
    <input type='tablet' bus='usb'/><input type='keyboard' bus='ps2'/><input type='mouse' bus='virtio'/>
    <tpm model='tpm-tis'><backend type='emulator' version='1.2'/></tpm>
    <graphics type='vnc' port='-1' autoport='yes' listen='0.0.0.0'/>
    <sound model='ich9'><audio id='1'/></sound><audio id='1' type='spice'/><audio id='2' type='pulseaudio'/>
    <video><model type='qxl' heads='2'/><alias name='ua-screen'/></video>
    <redirdev bus='usb' type='spicevmc'/><redirdev bus='usb' type='spicevmc'><address type='usb' bus='0' port='1'/>
    </redirdev>
    <shmem name='looking-glass'><model type='ivshmem-plain'/><size unit='M'>16</size></shmem>
    <shmem name='scream-ivshmem'><model type='ivshmem-plain'/><size unit='M'>2</size></shmem>
    <memballoon model='virtio' autodeflate='on'/><watchdog model='itco' action='reset'/>"""
LINE = (
    *("-cpu", "host,hv-time=on,hv-vpindex,hv-spinlocks=0x1fff,kvm=off,host-cache-info=on,migratable=off"),
    *("-acpitable", "file=/root/ssdt1.dat", "-acpitable", "file=/root/dsdt.aml"),
    *("-device", "ivshmem-plain,id=lg,memdev=lgmem,bus=pcie.0,addr=0x1b"),
    *("-object", "memory-backend-file,id=lgmem,mem-path=/dev/kvmfr0,size=16M,share=on"),
    *("-set", "device.ua-card.x-vga=on", "-set", "device.ua-screen.vgamem=1", "-global", "vfio-pci.x-no-kvm-intx=on"),
    *("-device", "vfio-pci,host=01:00.1,id=sound", "-device", "pci-testdev,addr=0x1c.0", "-device", "usb-kbd"),
    *("-object", "input-linux,id=kbd,evdev=/dev/input/event0,grab_all=on,repeat=on", "-global", "kvm-pit.x=1"),
)
OVERRIDE = (
    "<qemu:override><qemu:device alias='hostdev7'><qemu:frontend><qemu:property name='x-vga' type='bool' value='true'/>"
    "</qemu:frontend></qemu:device><qemu:device alias='ua-card'><qemu:frontend><qemu:property name='addr' "
    "type='string' value='0x1d'/></qemu:frontend></qemu:device></qemu:override>"
)
# As little said of each device as libvirt takes.
SPARSE = """
    <interface type='user'/><interface type='user'><model type='rtl8139'/></interface>
    <disk type='file'><source file='/var/lib/libvirt/images/win.qcow2'/><target dev='vda'/></disk>
    <controller type='usb' model='none'/><video/><sound model='ac97'/><graphics type='spice'/><memballoon/>"""
SPARSE_TOP = "<features/><cpu mode='host-passthrough'><cache level='3' mode='emulate'/></cpu><clock offset='utc'/>"
BRIDGES = (
    *(
        "-device",
        "pcie-root-port,id=rp1,chassis=9,addr=0x1a",
        "-device",
        "pci-bridge,id=b1,chassis_nr=3,bus=rp1",
    ),
    *("-device", "usb-host,vendorid=0x046d", "-device", "vfio-pci,host=01:00.0,bus=rp1,addr=0x0"),
)
MORE: dict[str, Any] = {
    "uuid": "5d5b00d8-475a-4b6c-8053-9dda30cd2f95",
    "cpu": {
        "mode": "host-passthrough",
        "check": "none",
        "migratable": False,
        "require": ["invtsc"],
        "cache": "passthrough",
    },
    "clock": {"offset": "localtime", "timers": {"rtcTickpolicy": "delay", "pitTickpolicy": "discard", "hpet": True}},
    "vcpus": 8,
    "cpuTune": {"vcpuPin": {"0": "2", "1": "3"}, "emulatorPin": "0-1", "iothreads": 2},
    "hyperv": {"avic": False, "evmcs": False},
    "memoryBacking": {"hugepages": True, "locked": True},
    "firmware": {"secureBoot": "on"},
    "disks": [
        {"source": "/var/lib/libvirt/images/win.qcow2", "bus": "scsi", "bootOrder": 1},
        {"source": "/dev/sdb", "bus": "virtio", "iothread": 2},
    ],
    "networks": [{"type": "network", "source": "default", "model": "virtio", "mac": "52:54:00:11:22:34"}],
    "sound": {"model": "ich9", "backend": "pipewire"},
    "inputs": [{"type": "keyboard", "bus": "virtio"}, {"type": "mouse", "bus": "usb"}],
    "usb": {"model": "qemu-xhci", "ports": 15, "redirectionPorts": [2], "hostDevices": [{"id": "046d:c52b"}]},
    "video": {"model": "none"},
    "spice": {"listen": "none"},
    "memballoon": True,
    "tpm": {"model": "tpm-crb", "version": "2.0"},
    "evdev": [{"dev": "/dev/input/by-id/usb-a-event-kbd"}],
}
DOMAINS = {
    "bare": domain(),
    "empty": domain("").replace("<devices>\n  </devices>", "<devices/>"),
    "virt-manager": VIRT_MANAGER,
    "by-hand": BY_HAND,
    "key-value": KEY_VALUE,
    "sparse": domain(GPU + SPARSE, (), SPARSE_TOP),
    "bridges": domain(SPARSE.replace("<video/>", ""), BRIDGES, SPARSE_TOP).replace("'", '"'),
    "everything": domain(DEVICES, LINE, TOP + OVERRIDE),
    "arguments": domain("", ("-device", "vfio-pci,host=0000:01:00.0,multifunction=on,x-vga=on", *LINE[:8])),
    "odd-places": domain(GPU + PORT.format(1, "0x10") + PORT.format(2, "0x1e") + DISKS, ("-device", LINE[13])),
}
PLANS: dict[str, DomainPlan] = {
    "least": plan(),
    "shm": plan(lookingGlass={"memory": "shm", "size": "64MiB"}),
    "more": plan(vms=MORE),
    "none": plan(
        vms={
            "hyperv": {"enable": False},
            "tpm": {"backend": "none"},
            "spice": {"enable": False},
            "channels": [],
            "sound": {"model": "none"},
        }
    ),
    "article": case("omen-17-2023").plan().domains[0],
    "every-device": case("every-device").plan().domains[0],
}


def letters(text: str, planned: DomainPlan, **options: Any) -> str:
    """What one patch comes to."""
    return told(text, patch_domain(text.encode(), planned, **options))


def _all(name: str) -> str:
    text, is_full = DOMAINS[name], name == "everything"
    plans = PLANS if is_full else {key: PLANS[key] for key in ("least", "more")}
    parts = [f"==== {key}\n{letters(text, planned)}" for key, planned in plans.items()]
    if is_full:
        parts += [f"==== only {concern}\n{letters(text, PLANS['more'], only=[concern])}" for concern in CONCERNS]
    return "\n".join(parts)


@pytest.mark.parametrize("name", DOMAINS)
def test_it_is_as_it_was_read(name: str, update_golden: bool) -> None:
    file, found = LETTERS / f"{name}.txt", _all(name)
    if update_golden:
        file.write_text(found, encoding="utf-8")
    assert file.exists(), "no letters: --update-golden"
    assert found.splitlines() == file.read_text(encoding="utf-8").splitlines()


def test_no_letters_of_nothing() -> None:
    assert {file.stem for file in LETTERS.iterdir()} == set(DOMAINS)


def test_the_twin_another_word_is_another_letter() -> None:
    assert letters(DOMAINS["bare"], PLANS["least"]) != letters(DOMAINS["bare"], PLANS["shm"])
    assert "did memballoon: " in letters(DOMAINS["virt-manager"], PLANS["least"])
