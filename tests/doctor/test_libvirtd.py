"""doctor beside a real libvirtd: what it says of daemon, networks and VM follows what libvirt itself has done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab import CHECKOUT
from lab.consumers.libvirtd import Libvirtd
from optimux.emit.domain_xml import domain_xml
from optimux.facts.detect import Root, detect
from optimux.host.doctor.findings import plan_on
from optimux.options.load import read_config
from tests.doctor.machine import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.consumers import roots
    from lab.consumers.session import Session

GENERATOR = CHECKOUT / "generator"
OF_LIBVIRT = ("libvirt.daemon", "libvirt.networks", "domain.plan", "qemuConf.devices", "apparmor.rules")
WIDER = "s/<vcpu [^>]*>8</<vcpu placement='static'>6</"


@pytest.fixture(scope="module")
def session(trixie: roots.Root) -> Iterator[Session]:
    with trixie.session({GENERATOR: "/opt/generator"}) as session:
        session.put("/tmp/optimux.toml", CONFIG.read_text(encoding="utf-8"))
        yield session


def seen(session: Session, *, user: int = 0) -> dict[str, dict[str, Any]]:
    """Each check of libvirt's, as doctor prints it."""
    command = ["python3", "-c", "from optimux.cli import main; main()", "doctor", "/tmp/optimux.toml", "--json"]
    done = session.run(command, env={"PYTHONPATH": "/opt/generator"}, check=False, user=user)
    assert done.returncode in (0, 1), done.stderr
    return {check["check"]: check for check in json.loads(done.stdout)["checks"] if check["check"] in OF_LIBVIRT}


def outcomes(session: Session) -> dict[str, str]:
    return {key: check["outcome"] for key, check in seen(session).items()}


def test_what_libvirt_does_is_what_doctor_sees(session: Session) -> None:
    """From nothing to all, and a change behind the plan's back."""
    before = seen(session)
    assert {key: check["outcome"] for key, check in before.items()} == dict.fromkeys(OF_LIBVIRT, "broken")
    assert before["domain.plan"]["command"] == "optimux define /tmp/optimux.toml"
    plan, _ = plan_on(read_config(str(CONFIG)), detect(Root.at()))  # the session has this machine's processor
    with Libvirtd(session) as daemon:
        assert outcomes(session)["libvirt.daemon"] == "holds"
        for command in (["net-autostart", "default"], ["net-start", "default"]):
            session.run(["virsh", "-q", *command], check=command[0] == "net-autostart")
        networks = seen(session)["libvirt.networks"]
        # A session's network namespace may not make bridges: then libvirt says so, and doctor sees it.
        active = session.run(["virsh", "-q", "net-list", "--name"]).stdout.split()
        assert (networks["outcome"], "not active" in networks["seen"]) == (
            ("holds", False) if active else ("broken", True)
        )
        daemon.define(domain_xml(plan.domains[0]))
        defined = seen(session)["domain.plan"]
        # Where this machine has no KVM, libvirt was given the type qemu in its place, and that alone differs.
        assert defined["outcome"] == "holds" or "kvm" in defined["seen"], defined
        session.run(["sed", "-i", WIDER, "/etc/libvirt/qemu/win11.xml"])
        changed = seen(session)["domain.plan"]
        assert changed["outcome"] == "broken"
        assert "vcpu" in changed["seen"]


def test_what_only_root_may_read_is_unseen(session: Session) -> None:
    session.run(["chmod", "0600", "/etc/libvirt/qemu.conf"])
    session.run(["chmod", "0700", "/etc/libvirt/qemu"])
    found = seen(session, user=1234)
    for key in ("qemuConf.devices", "domain.plan", "libvirt.networks"):
        assert (found[key]["outcome"], found[key]["command"]) == ("unseen", "sudo optimux doctor"), found[key]
