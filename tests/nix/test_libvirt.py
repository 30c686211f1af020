"""The scripts of NixOS' units and libvirt's hook, against a real libvirtd whose network is inactive, as there."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from lab.consumers import roots
from lab.consumers.libvirtd import Libvirtd
from lab.documents import SMALL
from lab.errors import Refused
from optimux.emit.domain_xml import domain_xml
from optimux.emit.libvirt_hook import hook_script
from optimux.emit.nixos import nixos_files
from optimux.plan.resolve import plan_from
from tests import needs
from tests.guest.joliet import read_joliet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from lab.consumers.roots import Root
    from lab.consumers.session import Session

pytestmark = pytest.mark.xdist_group("define")
CARD = [{"address": "0000:01:00.0", "id": "10de:249d"}, {"address": "0000:01:00.1", "id": "10de:228b"}]
LEFT = (
    *("/files", "/sys-made", "/asked", "/usr/local/bin/optimux"),
    *("/dev/kvmfr0", "/dev/shm/looking-glass", "/srv/games"),
)
HOST = {"distribution": "nixos", "cpuVendor": "intel"}


class Host:
    """A session with libvirtd and the files of a plan at ``/files``."""

    def __init__(self, session: Session, libvirtd: Libvirtd) -> None:
        self.session, self.libvirtd = session, libvirtd

    def put(self, **tables: Any) -> None:
        plan = plan_from({"host": {**HOST, **tables.pop("host", {})}, **tables})
        for file in nixos_files(plan):
            self.session.put(f"/files/{file.path}", file.content, file.mode)

    def run(self, *command: str, check: bool = False) -> CompletedProcess[str]:
        return self.session.run(list(command), check=check)

    def virsh(self, *arguments: str) -> str:
        done = self.run("virsh", "-q", "-c", "qemu:///system", *arguments)
        return (done.stdout + done.stderr).strip()

    def hook(self, name: str, operation: str, stage: str) -> CompletedProcess[str]:
        command = ["/files/libexec/optimux-hook", name, operation, stage, "-"]
        return self.session.run(command, input="<domain/>", check=False)


@pytest.fixture(scope="module")
def started(trixie: Root) -> Iterator[Host]:
    with trixie.session() as session, Libvirtd(session) as libvirtd:
        yield Host(session, libvirtd)


@pytest.fixture
def host(started: Host) -> Iterator[Host]:
    """Nothing is defined, and nothing of a plan is there."""
    yield started
    started.libvirtd.forget()
    started.run("rm", "-rf", *LEFT, check=True)


# --- networks, pools, images ------------------------------------------------------------------------------------------


def test_the_network_that_vms_are_on_is_started(host: Host) -> None:
    """Without the script it is as NixOS leaves it: "network 'default' is not active"."""
    needs.root("a bridge and dnsmasq")
    _network_is_started(host)


def test_the_same_with_the_newest_libvirt() -> None:
    needs.root("a bridge and dnsmasq")
    with roots.sid_libvirtd_root().session() as session, Libvirtd(session) as libvirtd:
        _network_is_started(Host(session, libvirtd))


def _network_is_started(host: Host) -> None:
    host.libvirtd.define(
        SMALL.format(name="small").replace(
            "</devices>", "<interface type='network'><source network='default'/></interface></devices>"
        )
    )
    assert "network 'default' is not active" in host.virsh("start", "small")
    host.put(vms={"small": {"memory": "1GiB"}})
    assert host.run("/files/libexec/optimux-libvirt", check=True).returncode == 0
    assert host.virsh("net-list", "--name") == "default"
    assert "default" in host.virsh("net-list", "--autostart", "--name")
    assert "not active" not in host.virsh("start", "small"), "it starts, or misses the tun device of this machine"
    assert host.run("/files/libexec/optimux-libvirt").returncode == 0, "again, without harm"


def test_declared_networks_and_pools(host: Host) -> None:
    needs.root("a bridge and dnsmasq")
    own = {
        "networks": {"lab": {"address": "192.168.150.1/24", "bridge": "virbr7", "forward": "isolated"}},
        "pools": {"games": {"path": "/srv/games"}},
    }
    host.put(host=own, vms={"a": {"memory": "1GiB", "networks": [{"source": "lab"}]}})
    for _ in range(2):
        assert host.run("/files/libexec/optimux-libvirt", check=True).returncode == 0
    assert host.virsh("net-list", "--name") == "lab"
    assert "<range start='192.168.150.2' end='192.168.150.254'/>" in host.virsh("net-dumpxml", "lab")
    assert "bridge name='virbr7'" in host.virsh("net-dumpxml", "lab")
    assert host.virsh("pool-list", "--name").strip() == "games"
    assert host.run("test", "-d", "/srv/games").returncode == 0


def test_images_that_are_not_there_are_made(tmp_path: Path) -> None:
    if shutil.which("qemu-img") is None:
        pytest.skip("no qemu-img (Debian: qemu-utils)")
    images = {
        "a b.qcow2": {"create": "64GiB"},
        "raw.img": {"create": "1MiB", "format": "raw"},
        "mine": {"create": "1GiB"},
    }
    disks = [{"source": f"{tmp_path}/games/{name}", **image} for name, image in images.items()]
    plan = plan_from({"host": HOST, "vms": {"a": {"memory": "1GiB", "networks": [], "disks": disks}}})
    (script,) = (file for file in nixos_files(plan) if file.path == "libexec/optimux-libvirt")
    (tmp_path / "games").mkdir()
    (tmp_path / "games/mine").write_text("what is there")
    for _ in range(2):
        subprocess.run(["sh"], input=script.content, check=True, timeout=60)
    told = {
        name: json.loads(subprocess.check_output(["qemu-img", "info", "--output=json", tmp_path / "games" / name]))
        for name in ("a b.qcow2", "raw.img")
    }
    sizes = {name: (info["format"], info["virtual-size"]) for name, info in told.items()}
    assert sizes == {"a b.qcow2": ("qcow2", 64 << 30), "raw.img": ("raw", 1 << 20)}
    assert (tmp_path / "games/mine").read_text() == "what is there"


def _placed(tmp_path: Path, name: str, media: dict[str, Any]) -> Path:
    """The script of a configuration has run; where its VM looks for the medium."""
    path = tmp_path / "images" / "guest.iso"
    vm = {"memory": "1GiB", "networks": [], "guestMedia": {"path": str(path), **media}}
    for file in nixos_files(plan_from({"host": HOST, "vms": {name: vm}})):
        target = tmp_path / name / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
    subprocess.run(["sh", tmp_path / name / "libexec/optimux-libvirt"], check=True, timeout=60)
    return path


def test_the_medium_of_the_guest_is_placed_and_renewed(tmp_path: Path) -> None:
    attached = {"enable": True, "attach": True}
    assert not _placed(tmp_path, "none", {"enable": True}).is_symlink(), "the twin: without attach nobody looks for it"
    assert "setup.cmd" in read_joliet(_placed(tmp_path, "a", attached).read_bytes())
    path = _placed(tmp_path, "b", attached)
    assert path.resolve() == (tmp_path / "b/share/optimux/b.iso").resolve(), "that of the next configuration"
    path.unlink()
    path.write_text("with programs on it")
    assert _placed(tmp_path, "a", attached).read_text() == "with programs on it"


def test_what_cannot_be_started_is_told_and_the_rest_is_done(host: Host) -> None:
    host.put(
        vms={"a": {"memory": "1GiB", "networks": [{"source": "absent"}]}}, host={"pools": {"p": {"path": "/srv/p"}}}
    )
    done = host.run("/files/libexec/optimux-libvirt")
    assert done.returncode == 1
    assert "absent" in done.stderr
    assert host.virsh("pool-list", "--name").strip() == "p"


def test_libvirt_keeps_every_kind_of_network(host: Host) -> None:
    kinds = ("nat", "route", "open", "isolated")
    host.put(host={"networks": {kind: {"address": "10.17.255.254/16", "forward": kind} for kind in kinds}})
    for kind in kinds:
        assert host.virsh("net-define", "--validate", f"/files/etc/optimux/libvirt/networks/{kind}.xml") == ""
        kept = host.virsh("net-dumpxml", "--inactive", kind)
        assert (f"<forward mode='{kind}'" in kept) is (kind != "isolated")
        assert "<range start='10.17.0.1' end='10.17.255.253'/>" in kept


# --- the hook ---------------------------------------------------------------------------------------------------------


def drivers(host: Host, **of: str) -> None:
    """Devices of a made-up sysfs, each with a driver."""
    for number, driver in of.items():
        device = f"/sys-made/devices/0000:01:00.{number[1:]}"
        host.run("mkdir", "-p", device, f"/sys-made/drivers/{driver}", check=True)
        host.run("ln", "-sfn", f"/sys-made/drivers/{driver}", f"{device}/driver", check=True)
    script = host.session.read("/files/libexec/optimux-hook").replace(b"/sys/bus/pci", b"/sys-made")
    host.session.put("/files/libexec/optimux-hook", script, 0o755)


def test_no_start_with_a_card_that_the_host_drives(host: Host) -> None:
    host.put(gpus={"dgpu": {"functions": CARD}}, vms={"win": {"name": "Windows 11", "gpu": "dgpu", "memory": "1GiB"}})
    drivers(host, f0="vfio-pci", f1="snd_hda_intel")
    refused = host.hook("Windows 11", "prepare", "begin")
    assert refused.returncode == 1
    assert "the host drives 0000:01:00.1 with snd_hda_intel" in refused.stderr
    assert host.hook("other", "prepare", "begin").returncode == 0
    assert host.hook("Windows 11", "start", "begin").returncode == 0
    drivers(host, f1="vfio-pci")
    assert host.hook("Windows 11", "prepare", "begin").returncode == 0


def test_a_card_on_demand_is_asked_for(host: Host) -> None:
    """Before the start and after the end; a refusal and its reason go through, and a missing program is one."""
    host.put(gpus={"dgpu": {"functions": CARD, "bind": "on-demand"}}, vms={"win": {"gpu": "dgpu", "memory": "1GiB"}})
    missing = host.hook("win", "prepare", "begin")
    assert missing.returncode == 1
    assert "optimux is not installed for all users" in missing.stderr
    host.session.put("/usr/local/bin/optimux", '#!/bin/sh\necho "$*" >>/asked\necho busy >&2\nexit 3\n', 0o755)
    refused = host.hook("win", "prepare", "begin")
    assert (refused.returncode, refused.stderr) == (1, "busy\n")
    host.hook("win", "release", "end")
    host.hook("win", "start", "begin")
    host.hook("other", "prepare", "begin")
    asked = ["gpu hook win prepare begin", "gpu hook win release end"]
    assert host.session.read("/asked").decode().splitlines() == asked


def test_a_hand_over_has_a_time_limit(host: Host) -> None:
    host.put(gpus={"dgpu": {"functions": CARD, "bind": "on-demand"}}, vms={"win": {"gpu": "dgpu", "memory": "1GiB"}})
    script = host.session.read("/files/libexec/optimux-hook").replace(b"--kill-after=2 20", b"--kill-after=2 1")
    host.session.put("/files/libexec/optimux-hook", script, 0o755)
    host.session.put("/usr/local/bin/optimux", "#!/bin/sh\nexec sleep 60\n", 0o755)
    refused = host.hook("win", "prepare", "begin")
    assert refused.returncode == 1
    assert "handing the card over took more than 20 s" in refused.stderr


def test_programs_around_a_vm(trixie: Root) -> None:
    """Called by libvirtd itself, with the domain's XML; one that fails keeps the VM from starting."""
    needs.root("libvirt's labels on a running VM's files")
    prepared, failing = {"prepare": ["/fans slow"], "release": ["/fans fast"]}, {"prepare": ["/fails"]}
    vms = {name: {"memory": "1GiB", "hooks": hooks} for name, hooks in (("small", prepared), ("hot", failing))}
    script = hook_script(plan_from({"host": HOST, "vms": vms}))
    with trixie.session() as session:
        session.put("/fans slow", '#!/bin/sh\necho "slow $*" >> /told\ngrep -o "<name>[^<]*" >> /told\n', 0o755)
        session.put("/fans fast", '#!/bin/sh\necho "fast $*" >> /told\n', 0o755)
        session.put("/fails", "#!/bin/sh\necho too hot >&2\nexit 3\n", 0o755)
        session.put("/etc/libvirt/hooks/qemu.d/optimux", script, 0o755)
        with Libvirtd(session) as libvirtd:
            host = Host(session, libvirtd)
            libvirtd.define(SMALL.format(name="small"))
            libvirtd.define(SMALL.format(name="small").replace("small", "hot"))
            assert host.virsh("start", "small") == ""
            host.virsh("destroy", "small")
            refused = host.virsh("start", "hot")
        told = session.read("/told").decode()
    assert told == "slow small prepare begin -\n<name>small\nfast small release end destroyed\n"
    assert "too hot" in refused


# --- autostart --------------------------------------------------------------------------------------------------------


def autostart(host: Host, memory: str) -> CompletedProcess[str]:
    """The script, with a made-up sysfs and a second's patience."""
    table = {"memory": memory}
    vm = {"name": "small", "gpu": "dgpu", "memory": "1GiB", "autostart": True, "lookingGlass": table}
    host.put(gpus={"dgpu": {"functions": CARD}}, vms={"win": vm})
    script = host.session.read("/files/libexec/optimux-autostart").decode()
    assert "left=60" in script
    changed = script.replace("/sys/bus/pci", "/sys-made").replace("left=60", "left=1")
    host.session.put("/files/libexec/optimux-autostart", changed, 0o755)
    return host.run("/files/libexec/optimux-autostart")


def test_a_vm_starts_once_what_it_needs_is_there(host: Host) -> None:
    needs.root("libvirt's labels on a running VM's files")
    host.libvirtd.define(SMALL.format(name="small"))
    missing = autostart(host, "shm")
    assert missing.returncode == 1
    assert "small: not started, as there is no /sys-made/devices/0000:01:00.0" in missing.stderr
    host.run("mkdir", "-p", "/sys-made/devices/0000:01:00.0", "/sys-made/devices/0000:01:00.1", check=True)
    assert "no /dev/shm/looking-glass" in autostart(host, "shm").stderr
    assert host.virsh("domstate", "small") == "shut off"
    host.session.put("/dev/shm/looking-glass", "")
    assert autostart(host, "shm").returncode == 0
    assert host.virsh("domstate", "small") == "running"
    assert autostart(host, "shm").returncode == 0, "it runs already"


def test_a_file_in_the_place_of_kvmfr_is_no_device(host: Host) -> None:
    host.libvirtd.define(SMALL.format(name="small"))
    host.run("mkdir", "-p", "/sys-made/devices/0000:01:00.0", "/sys-made/devices/0000:01:00.1", check=True)
    host.session.put("/dev/kvmfr0", "QEMU's own mistake")
    assert "no /dev/kvmfr0" in autostart(host, "kvmfr").stderr


# --- firmware ---------------------------------------------------------------------------------------------------------

# As QEMU itself describes its images, and with it nixpkgs: no enrolled keys.
DESCRIPTION = {
    "description": "UEFI firmware for x86_64, with Secure Boot and SMM",
    "interface-types": ["uefi"],
    "mapping": {
        "device": "flash",
        "mode": "split",
        "executable": {"filename": "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "format": "raw"},
        "nvram-template": {"filename": "/usr/share/OVMF/OVMF_VARS_4M.fd", "format": "raw"},
    },
    "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}],
    "features": ["acpi-s3", "requires-smm", "secure-boot", "verbose-dynamic"],
    "tags": [],
}


def test_images_with_enrolled_keys_are_found(trixie: Root) -> None:
    """By their links, where libvirt's own choice finds none."""
    vms = {"win": {"memory": "1GiB", "firmware": {"secureBoot": True}, "networks": []}}
    ours, theirs = (
        domain_xml(plan_from({"host": {**HOST, "distribution": name}, "vms": vms}).domains[0])
        for name in ("nixos", "debian")
    )
    with trixie.session() as session:
        session.run(["sh", "-c", "rm -f /usr/share/qemu/firmware/*"])
        session.put("/usr/share/qemu/firmware/50-edk2-x86_64-secure.json", json.dumps(DESCRIPTION))
        session.run(["mkdir", "-p", "/run/optimux"])
        for name in ("CODE", "VARS"):
            session.run(["ln", "-s", f"/usr/share/OVMF/OVMF_{name}_4M.ms.fd", f"/run/optimux/OVMF_{name}.fd"])
        with Libvirtd(session) as libvirtd:
            libvirtd.define(ours)
            kept = libvirtd.dumpxml("win")
            assert "<loader readonly='yes' secure='yes' type='pflash'" in kept
            assert "/run/optimux/OVMF_CODE.fd</loader>" in kept
            with pytest.raises(Refused, match="Unable to find 'efi' firmware"):
                libvirtd.define(theirs)
            vms["win"]["firmware"] = {}
            libvirtd.define(domain_xml(plan_from({"host": {**HOST, "distribution": "nixos"}, "vms": vms}).domains[0]))
            kept = libvirtd.dumpxml("win")
            assert "<feature enabled='yes' name='secure-boot'/>" in kept, "capable of it, by QEMU's own description"
            assert "/run/optimux" not in kept
