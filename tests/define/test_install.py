"""``optimux install`` against a real libvirtd: the variant starts, and nothing of it is left."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pycdlib
import pytest

from lab.consumers.libvirtd import Libvirtd
from lab.consumers.roots import Root
from lab.consumers.session import Session
from optimux.emit.guest.answer_file import encoded_password
from optimux.vm.errors import VmError
from tests.guest.linux_guest import QUICK, initrd, kernel
from tests.guest.test_media_check import VIRTIO, windows

pytestmark = pytest.mark.xdist_group("install")
CHECKOUT = Path(__file__).parents[2]
CONFIG = """
[host]
distribution = "debian"
cpuVendor = "intel"
[vms.w]
memory = "1GiB"
vcpus = 1
cpu.mode = "maximum"
hyperv.enable = false
networks = []
tpm.backend = "none"
disks = [{ source = "/srv/w.qcow2", create = "64GiB", format = "raw" }]
guestMedia = { enable = true, attach = true }
[vms.w.windows]
iso = "/srv/win.iso"
virtioWin = "/srv/virtio.iso"
unattended = { user = "alice", passwordFile = "/root/password", bypassRequirements = true }
"""
GUEST = "/var/lib/libvirt/images/optimux-w.iso"
ANSWERS = "/var/lib/libvirt/images/optimux-w-unattend.iso"
PASSWORD = ("secret & <b>", encoded_password("secret & <b>"))
WORDS = " ".join(f"-e '{word}'" for word in PASSWORD)
WITH_IT = f"find /srv /root /tmp /run /var /etc -type f -size -9M %s -exec grep -laF {WORDS} {{}} +"
SEEN = "/tmp/seen"  # made once there is nothing more to be seen of a machine that waits
# The verb with its waits shortened: MINUTE seconds of silence for a minute's or until SEEN, and keys end soon.
SCRIPT = f"""
import os, time
from optimux.guest import installation
installation.KEY_SECONDS, installation.POLL = 2, 1
waits = installation.Installation._wait
clock = lambda: time.monotonic() * (1e6 if os.path.exists("{SEEN}") else 1)
installation.Installation.__init__.__defaults__ = clock, time.sleep
installation.Installation._wait = lambda self, seconds: waits(self, seconds / 60 * float(os.environ["MINUTE"]))
# QEMU's own emulation: a machine with KVM need not be able to run guests.
from optimux.libvirt.connection import Connection
starts = Connection.installing
Connection.installing = lambda self, xml, path: starts(self, xml.replace('type="kvm"', 'type="qemu"', 1), path)
from optimux.cli import main
main()
"""


class Machine:
    """A session with libvirtd, Windows' media and a password."""

    def __init__(self, session: Session, libvirtd: Libvirtd) -> None:
        self.session, self.libvirtd = session, libvirtd
        # The root has no qemu-utils; the real program is tried elsewhere.
        session.put("/usr/bin/qemu-img", '#!/bin/sh\nexec truncate -s "$6" "$5"\n', 0o755)

    def install(
        self, *arguments: str, config: str = CONFIG, verb: str = "install", minute: int = 15
    ) -> tuple[int, str]:
        """Exit code and standard error."""
        self.session.put("/tmp/optimux.toml", config)
        return self.optimux(verb, "/tmp/optimux.toml", *arguments, minute=minute)

    def optimux(self, *words: str, minute: int = 60) -> tuple[int, str]:
        """A verb's exit code and standard error."""
        command = ["python3", "-c", SCRIPT, *words]
        env = {"PYTHONPATH": "/opt/generator:/opt/lib", "MINUTE": str(minute)}
        done = self.session.run(command, env=env, check=False, input="", timeout=420)
        return done.returncode, done.stderr

    def in_guest(self, path: str, *arguments: str) -> str:
        """What a program of the guest prints, by its agent; virsh asks."""

        def ask(execute: str, **more: object) -> Any:
            request = json.dumps({"execute": execute, "arguments": more})
            return json.loads(self.run("virsh", "-q", "qemu-agent-command", "w", request))["return"]

        pid = ask("guest-exec", path=path, arg=arguments, **{"capture-output": True})["pid"]
        while not (status := ask("guest-exec-status", pid=pid))["exited"]:
            time.sleep(0.2)
        return base64.b64decode(status.get("out-data", "")).decode().strip()

    def run(self, *command: str) -> str:
        return self.session.run([*command], check=False).stdout.strip()


@pytest.fixture(scope="module")
def started(trixie: Root) -> Iterator[Machine]:
    binds = {CHECKOUT / "generator": "/opt/generator", Path(pycdlib.__file__).parent: "/opt/lib/pycdlib"}
    with trixie.session(binds) as session, Libvirtd(session) as libvirtd:
        if not libvirtd.has_kvm:
            pytest.skip("no usable /dev/kvm, without which libvirt refuses domains of type kvm")
        yield Machine(session, libvirtd)


@pytest.fixture
def machine(started: Machine) -> Iterator[Machine]:
    """Nothing is defined; there are Windows' media and the password, and nothing else."""
    started.session.put("/srv/win.iso", windows())
    started.session.put("/srv/virtio.iso", VIRTIO)
    started.session.put("/root/password", "secret & <b>", 0o600)
    yield started
    started.libvirtd.forget()
    left = "/srv/* /tmp/* /var/lib/libvirt/images/* /var/lib/libvirt/acpi /var/log/libvirt/qemu/*"
    started.session.run(["sh", "-c", f"rm -rf {left}"])


def test_what_is_wrong_is_said_before_anything_is_made(machine: Machine) -> None:
    machine.session.put("/srv/win.iso", "<html>sorry</html>")
    machine.run("chmod", "644", "/root/password")
    code, said = machine.install("--yes")
    assert code == 2
    assert "vms.w.windows.iso: found /srv/win.iso, a page or a message" in said
    assert "vms.w.windows.unattended.passwordFile: found /root/password, mode 0644" in said
    assert machine.run("ls", "/srv") == "virtio.iso\nwin.iso"
    assert machine.run("virsh", "-q", "list", "--all", "--name") == ""


def test_nothing_happens_unasked(machine: Machine) -> None:
    code, said = machine.install()
    assert (code, "add --yes" in said) == (1, True)
    assert machine.run("virsh", "-q", "list", "--all", "--name") == ""
    assert machine.run("ls", "/srv") == "virtio.iso\nwin.iso"


def test_define_brings_what_the_domain_needs(machine: Machine) -> None:
    """Images and the guest's medium; Windows' media are looked at before libvirt is."""
    code, said = machine.install("--yes", verb="define")
    assert code == 0, said
    assert machine.run("stat", "-c", "%a %s", "/srv/w.qcow2") == f"600 {64 << 30}"
    assert machine.run("stat", "-c", "%a", "/var/lib/libvirt/images/optimux-w.iso") == "644"
    assert "nothing to change" in machine.install("--yes", verb="define")[1]
    machine.run("rm", "/var/lib/libvirt/images/optimux-w.iso")
    assert "wrote /var/lib/libvirt/images/optimux-w.iso" in machine.install("--yes", verb="define")[1]
    machine.run("rm", "/srv/virtio.iso")
    code, said = machine.install("--yes", verb="define")
    assert (code, "vms.w.windows.virtioWin: found /srv/virtio.iso, which cannot be read" in said) == (2, True)


def test_an_image_goes_with_the_domain_that_libvirt_refuses(machine: Machine) -> None:
    refused = CONFIG.replace("vcpus = 1", "vcpus = 1\nextraXml.devices = \"<disk type='nonsense'/>\"")
    code, said = machine.install("--yes", config=refused, verb="define")
    assert code != 0, said
    assert machine.run("ls", "/srv") == "virtio.iso\nwin.iso"


def test_the_variant_runs_and_nothing_of_it_is_left(machine: Machine) -> None:
    """The agent never answers here: what is seen while the machine runs, and what is there afterwards."""
    seen: dict[str, str] = {}

    def watch() -> None:
        for _ in range(200):
            live = machine.run("virsh", "-q", "dumpxml", "w")
            if ANSWERS in live and "id='" in live.partition("\n")[0]:
                seen["live"] = live
                seen["mode"] = machine.run("stat", "-c", "%a", ANSWERS)
                seen["told"] = machine.run("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ /var/log/*/*/*")
                seen["readable"] = machine.run("sh", "-c", WITH_IT % "-perm /077")
                seen["all"] = machine.run("sh", "-c", WITH_IT % "")
                seen["defined"] = machine.run("virsh", "-q", "dumpxml", "--inactive", "w")
                break
            time.sleep(0.2)
        machine.session.put(SEEN, "")

    watcher = threading.Thread(target=watch)
    watcher.start()
    code, said = machine.install("--yes", "--wait", "1", minute=60)
    watcher.join()
    assert "made /srv/w.qcow2" in said, said
    assert code == 1
    assert "the guest agent did not answer within" in said
    assert "the machine still runs" in said
    assert seen["mode"] == "600"
    # Neither plain nor as Setup reads it: in no process, log, definition, or file that others may read.
    assert not [word for word in PASSWORD for text in (said, seen["live"], seen["told"]) if word in text]
    assert "starting up" in seen["told"]
    assert (seen["readable"], set(seen["all"].split()) >= {ANSWERS, "/root/password"}) == ("", True)
    assert machine.run("ls", ANSWERS) == ""
    assert ANSWERS not in machine.run("virsh", "-q", "dumpxml", "w"), "it was ejected"
    assert machine.run("virsh", "-q", "domstate", "w") == "running"
    assert ANSWERS not in machine.run("virsh", "-q", "dumpxml", "--inactive", "w")
    machine.run("virsh", "destroy", "w")
    assert ANSWERS not in machine.run("virsh", "-q", "dumpxml", "w")
    code, said = machine.install("--yes", "--vm", "nobody")
    assert code == 2


# The machine starts a Linux directly, whose agent answers when Setup's answers are read. Twice it boots on an emulated
# processor: SeaBIOS is a third of OVMF's work, the kernel need not be a hard target, and with ERMS or FSRM it would
# copy byte by byte.
LINUX = CONFIG.replace(
    "vcpus = 1",
    f"""vcpus = 1
cpu.disable = ["erms", "fsrm"]
firmware = {{ loader = "/usr/share/seabios/bios-256k.bin", nvramTemplate = "/usr/share/OVMF/OVMF_VARS_4M.fd" }}
serials = [{{ type = "file", path = "/tmp/console.log", port = 0 }}]
extraXml.os = "<kernel>/srv/vmlinux</kernel><initrd>/srv/initrd</initrd><cmdline>{QUICK}</cmdline>\"
""",
)


def test_the_end_of_it_by_qemus_own_agent_in_a_guest(machine: Machine, trixie: Root) -> None:
    """The agent answers: the medium goes from the drive and from the disk. Then the setup, over a real restart."""
    try:
        machine.session.put("/srv/initrd", initrd(trixie.path))
    except VmError as error:
        pytest.skip(f"no qemu-ga: {error}")
    machine.session.put("/srv/vmlinux", kernel(trixie.path))
    code, said = machine.install("--yes", "--wait", "5", config=LINUX, minute=60)
    assert code == 0, said + machine.run("tail", "-c", "2000", "/tmp/console.log")
    assert "w answers; next: optimux guest setup w" in said
    assert machine.run("ls", ANSWERS) == ""
    assert ANSWERS not in machine.run("virsh", "-q", "dumpxml", "w")
    *labels, digest = machine.in_guest("/bin/labels").splitlines()
    # The guest had mounted the answers' medium, which locks its drive: the tray was opened all the same.
    assert sorted(labels) == ["CCCOMA_X64FRE_EN-US_DV9", "OPTIMUX", "virtio-win-0.1.285"]
    assert len(digest.split()[0]) == 64, "it had read them"
    _set_up(machine)


def _set_up(machine: Machine) -> None:
    """``guest setup`` as it is, each of its requests to QEMU's own agent, the restart one of the guest's."""
    boot = machine.in_guest("/bin/cat", "/proc/sys/kernel/random/boot_id")
    code, said = machine.optimux("guest", "status", "w")
    assert (code, said.split()) == (0, ["windows", "holds", "Linux"])
    code, said = machine.optimux("guest", "setup", "w", "--report", "/tmp/report.json")
    assert code == 0, said
    assert [line.split()[1] for line in said.splitlines() if "windows" in line] == ["restart", "holds"]
    assert "restarting the guest" in said
    report = json.loads(machine.session.read("/tmp/report.json"))
    assert report["boot"] == machine.in_guest("/bin/cat", "/proc/sys/kernel/random/boot_id") != boot
    drive = next(
        line.split()[0] for line in machine.run("virsh", "-q", "domblklist", "w").splitlines() if GUEST in line
    )
    machine.run("virsh", "change-media", "w", drive, "--eject", "--live", "--force")
    code, said = machine.optimux("guest", "status", "w")
    assert (code, "no medium labelled OPTIMUX is in the guest" in said) == (1, True), said
