"""The script behind optimux-domains.service, run against a real libvirtd: what it defines, what it leaves alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from lab.consumers.libvirtd import Libvirtd
from lab.documents import SMALL
from lab.errors import Refused
from optimux.emit.domain_xml import domain_xml
from optimux.plan.resolve import plan_from
from tests import needs
from tests.golden_cases import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.consumers.roots import Root
    from lab.consumers.session import Session

pytestmark = pytest.mark.xdist_group("define")
SCRIPT = CHECKOUT / "nixos-modules" / "define-domains.py"
STATE = "/var/lib/optimux/domains.json"
OTHER_UUID = "11111111-2222-4333-8444-555555555555"
DISK = {"source": "/var/lib/libvirt/images/windows.qcow2"}
# A domain of the user's own making, under a name that the configuration has too.
OWN = f"""
<domain type='kvm'>
  <name>windows</name>
  <uuid>{OTHER_UUID}</uuid>
  <memory unit='MiB'>512</memory>
  <os firmware='efi'>
    <type arch='x86_64' machine='pc-q35-10.0'>hvm</type>
    <nvram>/var/lib/libvirt/qemu/nvram/mine.fd</nvram>
  </os>
  <features><acpi/></features>
  <devices>
    <interface type='network'><mac address='52:54:00:aa:bb:cc'/><source network='default'/></interface>
  </devices>
</domain>
"""


class Host:
    """A session with libvirtd and the script."""

    def __init__(self, session: Session, libvirtd: Libvirtd) -> None:
        self._session, self.libvirtd = session, libvirtd

    def virsh(self, *arguments: str, check: bool = True) -> str:
        done = self._session.run(["virsh", "-q", "-c", "qemu:///system", *arguments], check=check)
        return done.stdout.strip()

    def names(self, *which: str) -> set[str]:
        return set(self.virsh("list", "--name", *which).split())

    def run(self, domains: dict[str, str], uuids: tuple[str, ...] = (), undefine: bool = False) -> str:
        """The script's words. ``uuids``: the VMs whose UUID is the configuration's. Raises ``Refused``."""
        for key, xml in domains.items():
            text = xml if self.libvirtd.has_kvm else re.sub(r"(<domain\b[^>]*type=')kvm", r"\1qemu", xml)
            self._session.put(f"/domains/{key}.xml", text)
        vms = {key: {"uuid": key in uuids} for key in domains}
        task = {"folder": "/domains", "vms": vms, "undefineRemoved": undefine}
        self._session.put("/task.json", json.dumps(task))
        self._session.run(["mkdir", "-p", "/var/lib/optimux"])
        command = ["python3", "/define-domains.py", "/task.json", "/usr/bin/virsh", STATE]
        return self._session.run(command).stderr

    def clear(self) -> None:
        self._session.run(["rm", "-rf", "/domains", "/task.json", STATE])

    def has_file(self, path: str) -> bool:
        return self._session.run(["test", "-e", path], check=False).returncode == 0


@pytest.fixture(scope="module")
def started(trixie: Root) -> Iterator[Host]:
    with trixie.session({SCRIPT: "/define-domains.py"}) as session, Libvirtd(session) as libvirtd:
        yield Host(session, libvirtd)


@pytest.fixture
def host(started: Host) -> Iterator[Host]:
    """Nothing is defined, and the script remembers nothing."""
    yield started
    started.libvirtd.forget()
    started.clear()


def domain(key: str = "windows", **vm: Any) -> str:
    data = {
        "host": {"distribution": "nixos", "cpuVendor": "intel"},
        "vms": {key: {"memory": "4GiB", "disks": [DISK]} | vm},
    }
    return domain_xml(plan_from(data).domains[0])


def test_it_defines_what_the_configuration_names(host: Host) -> None:
    host.libvirtd.define(SMALL.format(name="mine"))
    host.run({"windows": domain(), "linux": domain("linux", memory="2GiB", disks=[])})
    assert host.names("--all") == {"windows", "linux", "mine"}
    first = host.libvirtd.dumpxml("windows")
    host.run({"windows": domain(), "linux": domain("linux", memory="2GiB", disks=[])})
    assert host.libvirtd.dumpxml("windows") == first, "nothing new, nothing changed: not even the MAC address"
    assert host.libvirtd.dumpxml("mine")


def test_a_changed_configuration_keeps_the_mac_address(host: Host) -> None:
    host.run({"windows": domain()})
    mac = re.search(r"<mac address='([^']*)'", host.libvirtd.dumpxml("windows"))
    assert mac
    host.run({"windows": domain(memory="8GiB")})
    changed = host.libvirtd.dumpxml("windows")
    assert mac[0] in changed
    assert "<memory unit='KiB'>8388608</memory>" in changed
    host.run({"windows": domain(networks=[{"mac": "52:54:00:00:00:01"}])})
    assert "52:54:00:00:00:01" in host.libvirtd.dumpxml("windows"), "what the configuration names wins"


def test_an_existing_domain_keeps_what_is_not_named(host: Host) -> None:
    host.libvirtd.define(OWN)
    host.run({"windows": domain()})
    kept = host.libvirtd.dumpxml("windows")
    assert f"<uuid>{OTHER_UUID}</uuid>" in kept
    assert "<mac address='52:54:00:aa:bb:cc'/>" in kept
    assert "/var/lib/libvirt/qemu/nvram/mine.fd" in kept
    assert "<memory unit='KiB'>4194304</memory>" in kept


def test_a_named_uuid_that_clashes_is_told_and_the_others_are_defined(host: Host) -> None:
    host.libvirtd.define(OWN)
    mine = "5d5b00d8-475a-4b6c-8053-9dda30cd2f95"
    with pytest.raises(Refused, match=rf"(?s)vms\.windows: .*already exists with uuid {OTHER_UUID}"):
        host.run({"windows": domain(uuid=mine), "zwei": domain("zwei")}, uuids=("windows",))
    assert host.names("--all") == {"windows", "zwei"}
    assert f"<uuid>{OTHER_UUID}</uuid>" in host.libvirtd.dumpxml("windows")


def test_a_running_vm_goes_on(host: Host) -> None:
    host.run({"small": SMALL.format(name="small")})
    needs.root("libvirt's labels on a running VM's files")
    host.virsh("start", "small")
    number, pid = host.virsh("domid", "small"), host.virsh("qemu-monitor-command", "small", "--hmp", "info uuid")
    host.run({"small": SMALL.format(name="small").replace(">32<", ">48<")})
    assert host.virsh("domstate", "small") == "running"
    assert host.virsh("domid", "small") == number
    assert host.virsh("qemu-monitor-command", "small", "--hmp", "info uuid") == pid
    assert "<memory unit='KiB'>49152</memory>" in host.libvirtd.dumpxml("small"), "for its next start"
    assert "<memory unit='KiB'>32768</memory>" in host.libvirtd.dumpxml("small", inactive=False)


def test_a_removed_vm_stays_unless_the_user_wants_otherwise(host: Host) -> None:
    needs.root("libvirt's labels on a running VM's files")
    host.run({"windows": domain(), "old": SMALL.format(name="old"), "busy": SMALL.format(name="busy")})
    host.libvirtd.define(SMALL.format(name="mine"))
    host.virsh("start", "busy")
    said = host.run({"windows": domain()})
    assert "old is no longer in the configuration; left as it is" in said
    assert host.names("--all") == {"windows", "old", "busy", "mine"}
    said = host.run({"windows": domain()}, undefine=True)
    assert "old is no longer in the configuration: undefined" in said
    assert host.names("--all") == {"windows", "busy", "mine"}
    assert host.virsh("domstate", "busy") == "running"
    host.virsh("destroy", "busy")
    host.run({"windows": domain()}, undefine=True)
    assert host.names("--all") == {"windows", "mine"}, "what was running went at the next activation"


def test_a_renamed_vm_keeps_its_uuid(host: Host) -> None:
    """And with it its TPM and variables."""
    host.run({"windows": domain()})
    uuid = host.virsh("domuuid", "windows")
    said = host.run({"windows": domain(name="Windows 11")})
    assert "windows is called Windows 11 now" in said
    assert host.virsh("list", "--all", "--name").splitlines() == ["Windows 11"]
    assert host.virsh("domuuid", "Windows 11") == uuid
    host.run({"windows": domain(name="Windows 11")})
    assert host.virsh("domuuid", "Windows 11") == uuid


def test_a_running_vm_is_renamed_later(host: Host) -> None:
    needs.root("libvirt's labels on a running VM's files")
    host.run({"a": SMALL.format(name="old")})
    host.virsh("start", "old")
    with pytest.raises(Refused, match=r"vms\.a: .*(active|running)"):
        host.run({"a": SMALL.format(name="new")})
    assert host.names("--all") == {"old"}
    host.virsh("destroy", "old")
    host.run({"a": SMALL.format(name="new")})
    assert host.names("--all") == {"new"}


def test_another_domain_of_the_new_name_is_left_alone(host: Host) -> None:
    host.run({"windows": domain()})
    host.libvirtd.define(SMALL.format(name="taken"))
    taken = host.virsh("domuuid", "taken")
    host.run({"windows": domain(name="taken")})
    assert host.virsh("domuuid", "taken") == taken
    assert host.names("--all") == {"windows", "taken"}


def test_variables_stay_with_an_explicit_image(host: Host) -> None:
    """The image with enrolled keys: the store is that of the domain, and a new one where the image is another."""
    loader, other = "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_CODE_4M.fd"
    template = "/usr/share/OVMF/OVMF_VARS_4M.fd"
    explicit = f"""<os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type>
      <loader readonly='yes' type='pflash'>{{}}</loader><nvram template='{template}'>{{}}</nvram></os>"""
    text = SMALL.format(name="a").partition("<os>")[0] + explicit + "<features><acpi/></features></domain>"
    host.libvirtd.define(text.format(loader, "/var/lib/libvirt/qemu/nvram/mine.fd"))
    host.run({"a": text.format(loader, "")})
    assert "/nvram/mine.fd</nvram>" in host.libvirtd.dumpxml("a")
    host.run({"a": text.format(other, "")})
    assert "mine.fd" not in host.libvirtd.dumpxml("a")
