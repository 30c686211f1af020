"""Small domains that one concern each has much to do with, and a configuration that states all of what they say."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.patch.plans import GPU, domain


class Corner(NamedTuple):
    """A domain, and what a configuration says of its VM, its card and Looking Glass, table by table."""

    text: str
    tables: dict[str, dict[str, Any]]


def port(index: int, slot: int, function: int = 0, more: str = "") -> str:
    """A root port of bus 0; ``more`` are attributes of its address."""
    place = f"<address type='pci' slot='{slot:#04x}' function='{function}'{more}/>"
    return (
        f"<controller type='pci' index='{index}' model='pcie-root-port'><target chassis='{index}'/>{place}</controller>"
    )


def passed(host: str, guest: str = "", inside: str = "") -> str:
    """A passed function by its bus, slot and function on the host, with its place in the guest."""
    (bus, slot, function), place = host.split(" "), ""
    if guest:
        at = dict(zip(("bus", "slot", "function"), guest.split(" "), strict=True))
        place = "<address type='pci'" + "".join(f" {key}='{value}'" for key, value in at.items()) + "/>"
    source = f"<source><address domain='0' bus='{bus}' slot='{slot}' function='{function}'/></source>"
    return f"<hostdev mode='subsystem' type='pci' managed='yes'>{source}{inside}{place}</hostdev>"


def _in_domain(text: str, was: str, now: str) -> str:
    assert was in text
    return text.replace(was, now)


_MEMORY = "<memory unit='GiB'>8</memory>"
_HVM = "<type arch='x86_64' machine='pc-q35-8.2'>hvm</type>"
_QCOW2 = "/var/lib/libvirt/images/win.qcow2"
_NUMA = "<numa><cell id='0' cpus='0-3' memory='8' unit='GiB'/></numa>"
_TOPOLOGY = "<topology sockets='1' dies='1' clusters='2' cores='2' threads='1'/>"
_CPU = {"topology": {"sockets": 1, "cores": 3, "threads": 2}, "cache": "passthrough", "require": ["invtsc"]}
_BACKING = {"hugepages": True, "hugepageSize": "1GiB", "locked": True, "source": "memfd", "access": "shared"}
_CARD = [
    {"address": "0000:01:00.0", "id": "10de:1c8d"},
    {"address": "0000:01:00.1", "id": "10de:10f1"},
]
_DRIVE = {"address": "0000:05:00.0", "id": "144d:a80a"}
_LG = "memory-backend-file,id=lg,mem-path=/dev/kvmfr0,size=32M,share=on"

CORNERS: dict[str, Corner] = {
    "numa": Corner(
        domain(rest=f"<cpu mode='host-model' check='partial'>{_TOPOLOGY}{_NUMA}</cpu>"
                    "<memoryBacking><hugepages><page size='2048' unit='KiB' nodeset='0'/></hugepages></memoryBacking>"),
        {"vms": {"memory": "16GiB", "vcpus": 6, "cpu": _CPU, "memoryBacking": _BACKING}},
    ),
    "memory": Corner(
        _in_domain(
            domain(rest="<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages><nosharepages/>"
                        "<source type='file'/></memoryBacking><currentMemory unit='MiB'>4096</currentMemory>"
                        f"<cpu mode='host-passthrough'>{_TOPOLOGY}<cache level='3' mode='emulate'/>"
                        "<maxphysaddr mode='emulate' bits='40'/><feature policy='disable' name='invtsc'/></cpu>"
                        "<cputune><vcpupin vcpu='1' cpuset='1'/><emulatorpin cpuset='7'/></cputune>"
                        "<iothreads>1</iothreads>"),
            "<vcpu>4</vcpu>", "<vcpu placement='static' current='4'>8</vcpu>",
        ),
        {"vms": {
            "memory": "2GiB", "vcpus": 3, "memoryBacking": {**_BACKING, "nosharepages": False},
            "cpu": {"cache": "passthrough", "require": ["invtsc"], "disable": ["svm"],
                    "maxPhysAddr": {"mode": "passthrough", "limit": 39}},
            "cpuTune": {"vcpuPin": {"0": "2", "1": "3"}, "emulatorPin": "0-1", "iothreads": 2,
                        "iothreadPin": {"1": "4"}},
            "pci": {"hole64": "64GiB"},
        }},
    ),
    "pins": Corner(
        domain(GPU + "<controller type='pci' index='0'><pcihole64 unit='GiB'>16</pcihole64></controller>",
               rest="<cpu mode='custom' match='exact' check='full'><model>EPYC</model><vendor>AMD</vendor></cpu>"
                    "<cputune><vcpupin vcpu='3' cpuset='1'/><vcpusched vcpus='0-1' scheduler='fifo'/></cputune>"),
        {"vms": {"vcpus": 4, "cpu": {"mode": "host-model", "check": "full"}, "pci": {"hole64": "32GiB"}}},
    ),
    "firmware": Corner(
        _in_domain(
            domain(rest="<uuid>5D5B00D8-475A-4B6C-8053-9DDA30CD2F95</uuid><features><smm state='off'/></features>"
                        "<sysinfo type='smbios'><system><entry name='manufacturer'>QEMU</entry>"
                        "<entry name='family'>x</entry></system></sysinfo>"),
            f"<os>\n    {_HVM}",
            f"<os firmware='efi'>{_HVM}<firmware><feature enabled='no' name='secure-boot'/></firmware>"
            "<loader readonly='yes' type='pflash'>/a.fd</loader><smbios mode='host'/>"
            "<nvram template='/b.fd' templateFormat='raw'>/c.fd</nvram>",
        ),
        {"vms": {
            "uuid": "5d5b00d8-475a-4b6c-8053-9dda30cd2f95",
            "firmware": {"secureBoot": "on", "nvram": "/new.fd"},
            "smbios": {"mode": "sysinfo", "bios": {"vendor": "AMI"}, "baseBoard": {"product": "B1"},
                       "system": {"manufacturer": "HP", "uuid": "5d5b00d8-475a-4b6c-8053-9dda30cd2f95"}},
        }},
    ),
    "image": Corner(
        _in_domain(domain(), _HVM, f"{_HVM}<loader readonly='yes' type='pflash'>/a.fd</loader><nvram>/c.fd</nvram>"),
        {"vms": {"firmware": {"secureBoot": "off", "loader": "/new.fd", "nvramTemplate": "/b.fd", "nvram": "/n.fd"}}},
    ),
    "cards": Corner(
        domain(
            GPU
            + port(1, 2) + port(2, 3)
            + "<interface type='bridge'><mac address='52:54:00:AA:bb:01'/><source bridge='br0'/><target dev='vnet7'/>"
            "<model type='rtl8139'/><boot order='2'/><address type='pci' slot='0x09'/></interface>"
            "<interface type='network'><mac address='52:54:00:aa:bb:02'/><source network='default' portgroup='x'/>"
            "<virtualport/><model type='virtio'/><address type='pci' bus='2' slot='0'/></interface>"
            "<interface type='user'><source dev='x'/><portForward proto='tcp'/></interface>"
            "<interface type='direct'><source dev='enp5s0' mode='bridge'/><model type='e1000e'/></interface>"
        ),
        {"vms": {"networks": [
            {"mac": "52:54:00:aa:bb:01", "type": "network", "source": "default", "model": "virtio", "bootOrder": 3},
            {"type": "direct", "source": "enp5s0", "model": "rtl8139"},
            {"type": "bridge", "source": "br1"},
            {"mac": "52:54:00:aa:bb:09", "type": "user", "model": "e1000e", "bootOrder": 2,
             "address": "0000:03:00.0"},
            {"mac": "52:54:00:aa:bb:02", "type": "user", "model": "e1000e"},
        ]}},
    ),
    "disks": Corner(
        domain(
            "<controller type='scsi' index='0' model='virtio-scsi'/>"
            f"<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='{_QCOW2}'/>"
            "<target dev='vda' bus='virtio'/><serial>OLD</serial><boot order='1'/></disk>"
            "<disk type='block' device='disk'><driver name='qemu' type='raw' discard='unmap'/><source dev='/dev/vg/a'/>"
            "<target dev='sda' bus='scsi'/><address type='drive' controller='0' bus='0' target='3' unit='0'/></disk>"
            "<disk type='file' device='cdrom'><target dev='sdb' bus='sata'/></disk>"
            "<disk type='volume' device='disk'><source pool='p' volume='/v'/><target dev='nvme0n1' bus='nvme'/></disk>"
            "<disk type='file' device='floppy'><target dev='fda'/></disk>"
        ),
        {"vms": {
            "cpuTune": {"iothreads": 2},
            "windows": {"iso": "/win.iso", "virtioWin": "/virtio.iso"},
            "disks": [
                {"source": _QCOW2, "cache": "writeback", "io": "threads", "iothread": 1, "serial": "NEW",
                 "bootOrder": 2, "bus": "virtio"},
                {"source": "/dev/vg/a", "type": "block", "format": "raw", "bus": "sata", "discard": "ignore",
                 "bootOrder": 1},
                {"source": "/b.raw", "format": "raw", "bus": "scsi", "driveAddress": "0:0:3:0"},
                {"source": "/c.qcow2", "bus": "virtio", "address": "0000:05:00.0"},
                {"source": "/d.qcow2", "bus": "usb"},
                {"device": "cdrom"},
            ],
        }},
    ),
    "usb": Corner(
        domain(
            GPU + port(1, 2)
            + "<controller type='usb' index='0' model='nec-xhci' ports='4'><address type='pci' bus='1' slot='0'/>"
            "</controller><controller type='usb' index='1' model='ich9-ehci1'/>"
            "<hostdev mode='subsystem' type='usb'><source><vendor id='0x046d'/><product id='0xc52b'/></source>"
            "<address type='usb' bus='0' port='3'/></hostdev>"
            "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source></hostdev>"
            "<redirdev bus='usb' type='spicevmc'><address type='usb' bus='0' port='2'/></redirdev>"
        ),
        {"vms": {
            "usb": {"model": "qemu-xhci", "ports": 15, "redirectionPorts": [2, 4, 6],
                    "hostDevices": [{"id": "046d:c52b", "port": 5}, {"id": "045e:028e", "port": 3}]},
            "inputs": [{"type": "tablet", "bus": "usb"}, {"type": "mouse", "bus": "virtio"}],
            "sound": {"model": "usb"},
        }},
    ),
    "uhci": Corner(
        domain(GPU + "<controller type='usb' index='0' model='ich9-ehci1'>"
        "<address type='pci' slot='0x1d' function='7'/>"
               "</controller><controller type='usb' index='0' model='ich9-uhci1'><master startport='0'/></controller>"),
        {"vms": {"usb": {"model": "qemu-xhci", "ports": 4}}},
    ),
    "no-usb": Corner(
        domain(GPU + "<controller type='usb' index='0' model='none'/>"),
        {"vms": {
            "usb": {"redirectionPorts": [1], "hostDevices": [{"id": "046d:c52b"}]},
            "inputs": [{"type": "keyboard", "bus": "usb"}],
            "sound": {"model": "usb"},
        }},
    ),
    "clock": Corner(
        domain(rest="<clock offset='timezone' timezone='Europe/Paris' adjustment='1' basis='utc' start='7'>"
                    "<timer name='rtc' tickpolicy='catchup' track='guest'/><timer name='pit' tickpolicy='delay'/>"
                    "<timer name='tsc' present='yes' mode='native'/><timer name='kvmclock' present='yes'/>"
                    "<timer name='hypervclock' present='no'/></clock>"
                    "<features><ioapic driver='kvm'/><ioapic driver='qemu'/><pmu state='on'/><kvm><hidden state='on'/>"
                    "</kvm><vmport state='off'/><hyperv mode='passthrough'><relaxed state='off'/></hyperv></features>"
                    "<on_poweroff>preserve</on_poweroff><pm><suspend-to-disk enabled='yes'/></pm>"),
        {"vms": {
            "clock": {"offset": "utc", "timers": {"rtcTickpolicy": "none", "pitTickpolicy": "discard", "hpet": True,
                                                  "kvmclock": False, "hypervclock": True, "tscNative": False}},
            "features": {"ioapic": "default", "pmu": False, "kvmHidden": False, "vmport": True},
            "lifecycle": {"onPoweroff": "destroy", "onReboot": "destroy", "onCrash": "restart"},
            "powerManagement": {"suspendToMem": True, "suspendToDisk": False},
        }},
    ),
    "spice": Corner(
        domain(
            GPU
            + "<graphics type='spice' port='5900' autoport='no' listen='127.0.0.1'><listen type='address' "
            "address='127.0.0.1'/><image compression='auto_glz'/></graphics>"
            "<serial type='file'><source path='/a.log'/><target port='0'/></serial><serial type='pty'/>"
            "<channel type='unix'><target type='virtio' name='org.x'/></channel>"
            "<watchdog model='i6300esb' action='pause'/><emulator>/usr/bin/qemu-system-x86_64</emulator>"
            "<tpm model='tpm-tis'><backend type='emulator' version='1.2'/></tpm>"
        ),
        {"vms": {
            "spice": {"port": 5901, "listen": "address", "address": "192.168.1.1", "imageCompression": "off"},
            "serials": [{"type": "pty", "port": 0}, {"type": "file", "path": "/b.log", "port": 1}],
            "channels": [{"type": "spicevmc"}, {"type": "unix", "name": "org.x"}, {"type": "unix", "name": "org.y"}],
            "watchdog": {"model": "itco", "action": "reset"},
            "emulator": "/opt/qemu",
            "tpm": {"model": "tpm-crb", "version": "2.0"},
        }},
    ),
    "silent": Corner(
        domain(GPU + "<graphics type='spice' autoport='no'><listen type='none'/></graphics>"
               "<watchdog model='itco' action='none'/><sound model='ac97'><audio id='2'/></sound>"
               "<audio id='1' type='none'/>"
               "<audio id='2' type='oss' dev='/dev/dsp' timerPeriod='9'><input mixingEngine='no'/></audio>"
               "<memballoon model='none'/>"),
        {"vms": {"spice": {"listen": "address", "port": 5930}, "watchdog": {"model": "itco", "action": "poweroff"},
                 "sound": {"model": "ich9", "backend": "pulseaudio"}, "memballoon": True}},
    ),
    "function": Corner(
        domain(
            port(1, 2, 0, " multifunction='on'") + port(2, 2, 1) + port(4, 4)
            + passed("1 0 0", "2 0 0", "<driver name='xen'/><rom bar='on'/>") + passed("1 0 1", "2 0 1")
            + passed("1 0 2", "2 0 2") + passed("5 0 0", "1 0 0") + passed("6 0 0")
            + "<interface type='user'><address type='pci' bus='4' slot='0' function='0' multifunction='on'/>"
            "</interface>"
            "<interface type='user'><address type='pci' bus='4' slot='0' function='1'/></interface>",
            ("-set", "device.hostdev1.x-vga=off", "-set", "device.hostdev4.x-pci-device-id=7"),
            "<qemu:override><qemu:device alias='hostdev0'><qemu:frontend><qemu:property name='x-pci-sub-vendor-id' "
            "type='unsigned' value='1'/><qemu:property name='x-pci-sub-device-id' type='string' value='2342'/>"
            "</qemu:frontend></qemu:device><qemu:device alias='hostdev2'><qemu:frontend>"
            "<qemu:property name='addr' type='unsigned' value='24'/>"
            "<qemu:property name='bus' type='string' value='pci.4'/>"
            "</qemu:frontend></qemu:device></qemu:override>",
        ),
        {
            "gpus": {"functions": _CARD, "otherDevices": [_DRIVE], "softdeps": ["nouveau", "nvme"],
                     "rom": {"bar": "off"}, "subsystemIds": {"vendor": 0x1028, "device": 0x0926}},
            "vms": {"pci": {"gpu": "0000:04:00.0"}},
        },
    ),
    "argument": Corner(
        domain(
            port(1, 2) + passed("1 0 1", "1 0 0"),
            ("-device", "vfio-pci,host=01:00.0,id=g,bus=pcie.0,addr=0x9,romfile=/r.rom,rombar=0,x-vga=on",
             "-set", "device.g.x-igd-gms=0x2", "-device", "pcie-root-port,id=rp,addr=0x3.1,chassis=7",
             "-device", "vfio-pci,host=01:00.0", "-device", "vfio-pci-nohotplug,host=05:00.0,bus=rp,addr=0",
             "-global", "pci-testdev.addr=0x1", "-device", "pci-testdev,id=t"),
        ),
        {"gpus": {"functions": _CARD, "otherDevices": [{**_DRIVE, "guestAddress": "0000:03:00.0"}],
                  "softdeps": ["nouveau", "nvme"]},
         "vms": {"sound": {"address": "0000:00:01.0"}}},
    ),
    "held": Corner(
        domain(
            port(1, 2, 0, " multifunction='on'") + passed("1 0 0", "1 0 0") + passed("1 0 2", "1 0 2")
            + passed("7 0 0", "1 0 3") + passed("1 0 1") + "<video><address type='pci' slot='0x03'/></video>",
            ("-device", "pcie-root-port,id=rp,addr=0x1", "-device", "pci-testdev,bus=rp,addr=0",
             "-device", "pcie-root-port,id=empty,addr=0x1e"),
        ),
        {"gpus": {"functions": _CARD}, "vms": {"video": {"model": "vga", "address": "0000:00:01.0"}}},
    ),
    "places": Corner(
        domain(
            port(1, 1) + port(3, 4, 0, " multifunction='on'") + port(6, 4, 3)
            + "<controller type='pci' index='2' model='pcie-switch-upstream-port'/>"
            "<controller type='pci' index='7' model='pcie-to-pci-bridge'><address type='pci' bus='3' slot='0'/>"
            "</controller>"
            + passed("1 0 0", "6 0 0")
            + "<shmem name='looking-glass'><address type='pci' bus='7' slot='1'/></shmem><shmem name='other'/>"
            "<video><model type='vga' primary='yes'/><address type='pci' slot='0x02'/></video>"
            "<video><model type='qxl' ram='65536'/></video><sound model='ich6'/><rng model='virtio'/>"
            "<vsock model='virtio'/>"
            "<interface type='user'><model type='pcnet'/></interface>"
            "<controller type='scsi' index='0' model='lsilogic'/>"
            "<disk type='file'><target dev='vda' bus='virtio'/></disk><input type='tablet' bus='virtio'/>"
            "<filesystem type='mount'/><watchdog model='i6300esb'/><pstore/><console><target type='virtio'/></console>",
        ),
        {"vms": {"video": {"model": "qxl", "address": "0000:00:05.0", "vram": 131072},
                 "pci": {"firstRootPort": "0000:00:02.0", "rootPorts": 12, "gpu": "0000:05:00.0"}}},
    ),
    "crowded": Corner(
        domain(
            GPU
            + "<controller type='pci' index='0' model='pcie-root'/><controller type='usb' index='0' model='ich9-ehci1'>"
            "<address type='pci' slot='0x1d' function='7'/></controller>"
            "<interface type='user'><model type='rtl8139'/><address type='pci' slot='0x09'/></interface>",
            ("-device", "pci-testdev,addr=0x3", "-device", "pci-testdev,addr=0x10,bus=pcie.0",
             "-device", "ivshmem-plain,id=shmem0,memdev=lg,addr=0x10", "-object", _LG,
             "-device", "ivshmem-doorbell,memdev=lg,id=two", "-object", "memory-backend-ram,id=looking-glass,size=1M",
             "-object", "memory-backend-memfd,id=lg2,mem-path=/dev/shm/looking-glass-x,size=1M"),
        ),
        {"lookingGlass": {"size": "64MiB"},
         "vms": {"inputs": [{"type": "keyboard", "bus": "virtio", "address": "0000:00:03.0"}],
                 "disks": [{"source": "/n.raw", "bus": "virtio"}],
                 "networks": [{"type": "user", "model": "virtio"}, {"type": "user", "model": "rtl8139"}],
                 "usb": {"model": "qemu-xhci"}, "sound": {"model": "ich9"},
                 "watchdog": {"model": "i6300esb", "action": "reset"}}},
    ),
    "shmem": Corner(
        domain(
            GPU + port(1, 1)
            + "<shmem name='looking-glass-old'><server path='/x'/><model type='ivshmem-doorbell'/>"
            "<size unit='M'>64</size>"
            "<msi vectors='2'/></shmem><shmem name='looking-glass'/>",
            ("-object", "memory-backend-file,id=lg,mem-path=/dev/kvmfr0,size=32M,share=on", "-device",
             "ivshmem-plain,memdev=lg"),
        ),
        {"lookingGlass": {"memory": "shm"}},
    ),
    "battery": Corner(
        _in_domain(
            domain("", ("-acpitable", "sig=SSDT,file=/a/ssdt1.dat", "-acpitable", "file=/a/x.aml:/a/fake-battery.bin",
                        "-acpitable", "data=/a/BAT0.aml")),
            _HVM,
            f"{_HVM}<acpi><table type='slic'>/a/optimux-x.aml</table><table type='raw'>/a/slic.bin</table></acpi>",
        ),
        {"vms": {"battery": {"attach": "commandline"}}},
    ),
    "table": Corner(
        _in_domain(
            domain("", ("-acpitable", "file=/a/x.aml:/a/ssdt1.dat", "-acpitable", "data=/a/BAT0.aml"), "<features/>"),
            _HVM,
            f"{_HVM}<acpi><table type='slic'>/a/optimux-x.aml</table>"
            f"<table type='raw'>/a/my-battery.aml</table></acpi>",
        ),
        {},
    ),
    "raw": Corner(
        domain(GPU + "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
               ("-no-user-config", "-msg", "timestamp=on"),
               "<metadata><a id='http://microsoft.com/win/11'/></metadata><features><smm state='on'/></features>"),
        {"vms": {"osId": "http://microsoft.com/win/11", "machine": "pc-q35-9.0", "name": "other",
                 "firmware": {"type": "efi"},
                 "virtioSerialAddress": "0000:03:00.0",
                 "extraXml": {"devices": "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
                              "features": "<smm state='on'/>", "domain": "<perf/>",
                              "qemuArgs": ["-no-user-config", "timestamp=on"]}}},
    ),
    "input": Corner(
        domain(GPU + "<input type='evdev'><source dev='/dev/input/event1' grab='all' repeat='off'/></input>"
               "<input type='evdev'><source dev='/dev/input/event9'/></input><input type='tablet' bus='usb'/>"
               "<input type='mouse' bus='ps2'/><channel type='spicevmc'>"
               "<target type='virtio' name='com.redhat.spice.0'/>"
               "</channel>",
               ("-object", "input-linux,id=k,evdev=/dev/input/event2", "-spice", "port=1")),
        {"vms": {"evdev": [{"dev": "/dev/input/event1", "grab": "none", "repeat": True},
                           {"dev": "/dev/input/event2"}, {"dev": "/dev/input/event3"}]}},
    ),
    "processor": Corner(
        domain("", ("-cpu", "host,kvm=off,hv-vendor-id=abc,hv-spinlocks=4095,+topoext,-svm,host-cache-info=on"),
               "<cpu mode='custom' match='exact'><model>EPYC</model><feature policy='force' name='svm'/></cpu>"
               "<features><hyperv mode='custom'><vendor_id state='on' value='x'/><reset state='on'/></hyperv>"
               "</features>"),
        {"vms": {"hyperv": {"reset": False, "vendorId": "0123456789ab", "spinlockRetries": 4096}}},
    ),
}  # fmt: skip
