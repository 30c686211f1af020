"""Apply and rollback with a real libvirtd behind them: its networks, its VMs, and what it refuses."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from lab import CHECKOUT
from lab.consumers.applied import CONFIG, FACTS, optimux
from lab.consumers.libvirtd import Libvirtd
from optimux.emit.domain_xml import domain_xml
from optimux.plan.resolve import plan_from
from tests.host.plans import config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.consumers.roots import Root
    from lab.consumers.session import Session

CODE = "/opt/generator"
SHARED = "/dev/shm/looking-glass"
NETWORK, BRIDGE = "lab", "virbr77"
# There is no systemd and no udevd to speak to: libvirtd runs, so its unit is active.
STAND_INS = ("systemctl", "udevadm")
APPLY = ("apply", CONFIG, "--facts", FACTS, "--yes", "--only")
VM: dict[str, Any] = {"gpu": "card", "memory": "2GiB", "networks": []}
USERS = """<domain type='kvm'>
  <name>{name}</name>{uuid}
  <title>made by hand</title>
  <memory unit='KiB'>524288</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>
</domain>"""

pytestmark = pytest.mark.xdist_group("apply_libvirtd")


@pytest.fixture(scope="module")
def libvirtd(trixie: Root) -> Iterator[tuple[Session, Libvirtd]]:
    with trixie.session({CHECKOUT / "generator": CODE}) as session:
        for name in STAND_INS:
            session.put(f"/opt/stand-ins/{name}", "#!/bin/sh\n", 0o755)
        session.put(FACTS, "{}")
        with Libvirtd(session) as daemon:
            yield session, daemon


@pytest.fixture
def session(libvirtd: tuple[Session, Libvirtd]) -> Session:
    return libvirtd[0]


@pytest.fixture
def kvm(libvirtd: tuple[Session, Libvirtd]) -> Session:
    if not libvirtd[1].has_kvm:
        pytest.skip("no usable /dev/kvm, without which libvirt refuses domains of type kvm")
    return libvirtd[0]


def _configure(session: Session, **tables: Any) -> dict[str, Any]:
    options = config(lookingGlass={"memory": "shm"}, **tables)
    session.put(CONFIG, json.dumps(options))
    return options


def _networks(session: Session) -> list[list[str]]:
    """Active, known, and started at boot."""
    which = ((), ("--all",), ("--all", "--autostart"))
    return [sorted(session.run(["virsh", "-q", "net-list", *words, "--name"]).stdout.split()) for words in which]


def _domains(session: Session) -> dict[str, str]:
    names = session.run(["virsh", "-q", "list", "--all", "--name"]).stdout.split()
    return {name: session.run(["virsh", "-q", "dumpxml", "--inactive", name]).stdout for name in names}


def _one_network(session: Session) -> None:
    networks = {NETWORK: {"forward": "isolated", "bridge": BRIDGE, "address": "10.77.0.1/24"}}
    _configure(session, host={"networks": networks}, vms={"win": {**VM, "networks": [{"source": NETWORK}]}})


def test_a_network_there_and_back(session: Session) -> None:
    before = _networks(session)
    _one_network(session)
    optimux(session, CODE, *APPLY, "files,services")
    assert _networks(session) == [sorted([*names, NETWORK]) for names in before]
    assert session.run(["ip", "-o", "-4", "address", "show", BRIDGE]).stdout.split()[3] == "10.77.0.1/24"
    session.run(["test", "-e", SHARED])
    assert "nothing to do" in optimux(session, CODE, *APPLY, "files,services").stderr
    optimux(session, CODE, "rollback", "--yes")
    assert _networks(session) == before
    assert session.run(["test", "-e", SHARED], check=False).returncode
    assert session.run(["ip", "link", "show", BRIDGE], check=False).returncode


def test_a_network_that_does_not_start(session: Session) -> None:
    """The twin: its addresses are another interface's already, and all that was done before is undone."""
    before = _networks(session)
    taken = "ip link add taken type bridge && ip address add 10.77.0.9/24 dev taken && ip link set taken up"
    session.run(["sh", "-c", f"{taken} && echo mine >{SHARED}"])
    try:
        _one_network(session)
        done = optimux(session, CODE, *APPLY, "files,services", check=False)
    finally:
        session.run(["ip", "link", "delete", "taken"])
    assert done.returncode == 1
    assert "already in use by interface taken" in done.stderr
    assert "Everything was taken back" in done.stderr
    assert _networks(session) == before
    assert session.read(SHARED) == b"mine\n"
    session.run(["rm", SHARED])
    assert session.run(["test", "-e", "/etc/optimux"], check=False).returncode
    assert "nothing to undo" in optimux(session, CODE, "rollback", "--yes").stderr


def test_vms_there_and_back(kvm: Session) -> None:
    """One that libvirt did not know goes, one that it knew is again what it was, byte for byte."""
    kvm.put("/tmp/mine.xml", USERS.format(name="mine", uuid=""))
    kvm.run(["virsh", "-q", "define", "/tmp/mine.xml"])
    before = _domains(kvm)
    try:
        _configure(kvm, vms={"win": VM, "mine": {**VM, "autostart": False}})
        optimux(kvm, CODE, *APPLY, "tables,domains")
        after = _domains(kvm)
        assert set(after) == {"win", "mine"}
        assert "looking-glass" in after["win"]
        assert after["mine"] != before["mine"]
        assert "<title>made by hand</title>" in after["mine"]
        assert "nothing to do" in optimux(kvm, CODE, *APPLY, "tables,domains").stderr
        optimux(kvm, CODE, "rollback", "--yes")
        assert _domains(kvm) == before
    finally:
        kvm.run(["virsh", "-q", "undefine", "mine"])


def test_a_vm_that_was_edited_since_stays(kvm: Session) -> None:
    """Rollback names it, and takes it back only when told to."""
    _configure(kvm, vms={"win": VM})
    optimux(kvm, CODE, *APPLY, "tables,domains")
    kvm.run(["virsh", "-q", "desc", "win", "--config", "--title", "edited"])
    done = optimux(kvm, CODE, "rollback", "--yes", check=False)
    assert done.returncode == 1
    assert "the VM win was changed since" in done.stderr
    assert "<title>edited</title>" in _domains(kvm)["win"]
    kvm.run(["virsh", "-q", "undefine", "--nvram", "win"])


# Killed at the entry of the journal that says what libvirt has made of the VMs.
KILLED = """
import os, signal
from optimux.host.apply import domains
real, calls = domains.save, []
def save(*arguments):
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    real(*arguments)
domains.save = save
from optimux.cli import main
main()
"""


@pytest.mark.parametrize("then", ["undo", "apply", "edit"])
def test_killed_once_libvirt_was_told(kvm: Session, then: str) -> None:
    """Rolled back at once, or after the next apply; the twin is a VM of that name that is another one's."""
    before = _domains(kvm)
    _configure(kvm, vms={"win": VM})
    command = ["python3", "-c", KILLED, *APPLY, "tables,domains"]
    env = {"PYTHONPATH": CODE, "PYTHONDONTWRITEBYTECODE": "1"}
    assert kvm.run(command, env=env, check=False).returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert set(_domains(kvm)) - set(before) == {"win"}
    if then == "apply":
        optimux(kvm, CODE, *APPLY, "tables,domains")
    if then == "edit":
        kvm.run(["virsh", "-q", "undefine", "--nvram", "win"])
        kvm.put("/tmp/win.xml", USERS.format(name="win", uuid=""))
        kvm.run(["virsh", "-q", "define", "/tmp/win.xml"])
    done = optimux(kvm, CODE, "rollback", "--yes", check=False)
    if then == "edit":
        assert "the VM win was changed since" in done.stderr
        kvm.run(["virsh", "-q", "undefine", "win"])
    else:
        assert done.returncode == 0, done.stderr
    assert _domains(kvm) == before


def test_a_vm_that_libvirt_refuses(kvm: Session) -> None:
    """The second one's UUID is another VM's: the first one is taken back too, and the host has not changed."""
    options = _configure(kvm, vms={"win": VM, "zweite": VM})
    second = domain_xml(plan_from(options).domains[1])
    uuid = second[second.index("<uuid>") : second.index("</uuid>") + len("</uuid>")]
    kvm.put("/tmp/squatter.xml", USERS.format(name="squatter", uuid=uuid))
    kvm.run(["virsh", "-q", "define", "/tmp/squatter.xml"])
    before = _domains(kvm)
    try:
        done = optimux(kvm, CODE, *APPLY, "tables,domains", check=False)
        assert done.returncode == 1
        assert "vms.zweite: libvirt refuses zweite" in done.stderr
        assert "Nothing was changed" in done.stderr
        assert _domains(kvm) == before
        assert kvm.run(["sh", "-c", "ls -d /etc/optimux /var/lib/libvirt/acpi/*"], check=False).stdout == ""
        assert "nothing to undo" in optimux(kvm, CODE, "rollback", "--yes").stderr
    finally:
        kvm.run(["virsh", "-q", "undefine", "squatter"])
    # The twin: nothing of its refusal is left in the way.
    optimux(kvm, CODE, *APPLY, "tables,domains")
    assert set(_domains(kvm)) - set(before) == {"win", "zweite"}
    optimux(kvm, CODE, "rollback", "--yes")
    assert set(_domains(kvm)) == set(before) - {"squatter"}


def test_a_vm_on_a_host_that_cannot_be_changed(kvm: Session) -> None:
    """libvirt was told first: what fails later takes its VMs back too, also the one that was there."""
    kvm.put("/tmp/mine.xml", USERS.format(name="mine", uuid=""))
    kvm.run(["virsh", "-q", "define", "/tmp/mine.xml"])
    before = _domains(kvm)
    kvm.run(["sh", "-c", "mkdir -p /var/lib/libvirt/acpi && mount -t tmpfs -o ro none /var/lib/libvirt/acpi"])
    try:
        _configure(kvm, vms={"win": VM, "mine": {**VM, "autostart": False}})
        done = optimux(kvm, CODE, *APPLY, "tables,domains", check=False)
        assert done.returncode == 1
        assert "Read-only file system" in done.stderr
        assert "Everything was taken back" in done.stderr
        assert _domains(kvm) == before
        assert "nothing to undo" in optimux(kvm, CODE, "rollback", "--yes").stderr
    finally:
        kvm.run(["umount", "/var/lib/libvirt/acpi"])
        kvm.run(["virsh", "-q", "undefine", "mine"])
