"""``optimux define`` against a real libvirtd, in the trixie root with the distribution's own Python packages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.consumers.libvirtd import Libvirtd
from lab.consumers.roots import Root
from lab.consumers.session import Session
from lab.consumers.survival import lost

pytestmark = pytest.mark.xdist_group("define")
CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples" / "omen-17.toml"
NAME = "Windows11"
TABLE = "/var/lib/libvirt/acpi/optimux-Windows11.aml"

# What virt-manager makes for Windows 11, in libvirt's words: no passthrough, a NIC of its own, a title of the user's.
PLAIN = """\
<domain type='kvm'>
  <name>Windows11</name>
  <uuid>0b3f5f2e-4f3a-4c55-9f59-6f9f2ba1a111</uuid>
  <title>Games</title>
  <memory unit='KiB'>8388608</memory>
  <vcpu placement='static'>8</vcpu>
  <os firmware='efi'>
    <type arch='x86_64' machine='pc-q35-10.0'>hvm</type>
    <nvram>/var/lib/libvirt/qemu/nvram/mine_VARS.fd</nvram>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='host-passthrough' check='none' migratable='on'/>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/srv/mine.qcow2'/>
      <target dev='sda' bus='sata'/>
    </disk>
    <interface type='network'>
      <mac address='52:54:00:aa:bb:cc'/>
      <source network='default'/>
      <model type='e1000e'/>
    </interface>
    <graphics type='spice' autoport='yes'/>
    <video><model type='qxl'/></video>
    <memballoon model='virtio'/>
  </devices>
</domain>
"""


class Machine:
    """A session with libvirtd in which the verb runs."""

    def __init__(self, session: Session, libvirtd: Libvirtd) -> None:
        self.session, self.libvirtd = session, libvirtd

    def define(self, *arguments: str, config: str | None = None) -> tuple[int, str, str]:
        """Run the verb: exit code, standard output, standard error."""
        self.session.put("/tmp/optimux.toml", config or EXAMPLE.read_text(encoding="utf-8"))
        script = "from optimux.cli import main; main()"
        command = ["python3", "-c", script, "define", "/tmp/optimux.toml", *arguments]
        done = self.session.run(command, env={"PYTHONPATH": "/opt/generator"}, check=False, input="")
        return done.returncode, done.stdout, done.stderr

    def domains(self) -> list[str]:
        """The names of all defined domains."""
        return self.session.run(["virsh", "-q", "list", "--all", "--name"]).stdout.split()

    def has(self, path: str) -> bool:
        """Whether a file is there."""
        return self.session.run(["test", "-e", path], check=False).returncode == 0


@pytest.fixture(scope="module")
def started(trixie: Root) -> Iterator[Machine]:
    with trixie.session({CHECKOUT / "generator": "/opt/generator"}) as session, Libvirtd(session) as libvirtd:
        if not libvirtd.has_kvm:
            pytest.skip("no usable /dev/kvm, without which libvirt refuses domains of type kvm")
        yield Machine(session, libvirtd)


@pytest.fixture
def machine(started: Machine) -> Iterator[Machine]:
    """Nothing is defined, and no table is there."""
    yield started
    started.libvirtd.forget()
    started.session.run(["rm", "-rf", "/var/lib/libvirt/acpi"])


def test_an_absent_domain_is_defined_from_the_plan(machine: Machine) -> None:
    code, out, err = machine.define("--yes")
    assert (code, f"{NAME}: defined" in err) == (0, True), err
    wanted = "\n".join(line[1:] for line in out.splitlines() if line.startswith("+") and not line.startswith("+++"))
    assert lost(wanted, machine.libvirtd.dumpxml(NAME)) == []
    assert machine.session.read(TABLE)[:4] == b"SSDT"
    assert machine.session.run(["stat", "-c", "%a", TABLE]).stdout.strip() == "644"
    assert machine.session.run(["virsh", "-q", "domstate", NAME]).stdout.strip() == "shut off"


def test_a_second_run_has_nothing_to_do(machine: Machine) -> None:
    machine.define("--yes")
    before = machine.libvirtd.dumpxml(NAME)
    code, out, err = machine.define("--yes")
    assert (code, out) == (0, "")
    assert "nothing to change" in err
    assert machine.libvirtd.dumpxml(NAME) == before


def test_a_present_domain_keeps_what_the_plan_does_not_speak_of(machine: Machine) -> None:
    machine.libvirtd.define(PLAIN)
    code, out, err = machine.define("--yes")
    assert code == 0, err
    after = machine.libvirtd.dumpxml(NAME)
    for kept in (
        "0b3f5f2e-4f3a-4c55-9f59-6f9f2ba1a111",
        "52:54:00:aa:bb:cc",
        "/var/lib/libvirt/qemu/nvram/mine_VARS.fd",
        "<title>Games</title>",
        "/srv/mine.qcow2",
    ):
        assert kept in after
    # The configuration states its memory and a disk of its own: both arrive, beside the disk that was there.
    assert "<memory unit='KiB'>16777216</memory>" in after
    assert "Windows11.qcow2" in after
    assert "/dev/kvmfr0" in after
    assert f"<table type='raw'>{TABLE}</table>" in after
    assert len(re.findall("<hostdev ", after)) == 2
    assert "+" in out
    assert "\n#   added    host device 0000:01:00.0 at 0000:01:00.0\n" in out
    code, out, err = machine.define("--yes")
    assert (code, out) == (0, ""), err


def test_nothing_happens_unasked(machine: Machine) -> None:
    code, out, err = machine.define()
    assert code == 1
    assert "add --yes" in err
    assert out.startswith("---")
    assert machine.domains() == []
    assert not machine.has(TABLE)


@pytest.mark.parametrize(("answer", "code", "names"), [("y", 0, [NAME]), ("n", 1, [])])
def test_a_terminal_is_asked(machine: Machine, answer: str, code: int, names: list[str]) -> None:
    machine.session.put("/tmp/optimux.toml", EXAMPLE.read_text(encoding="utf-8"))
    machine.session.put("/tmp/run.py", "from optimux.cli import main\nmain()\n")
    command = ["script", "-qec", "python3 /tmp/run.py define /tmp/optimux.toml", "/dev/null"]
    done = machine.session.run(command, env={"PYTHONPATH": "/opt/generator"}, check=False, input=f"{answer}\n")
    assert "Define this?" in done.stdout
    assert (done.returncode, machine.domains()) == (code, names)


def test_a_refused_domain_takes_everything_back(machine: Machine) -> None:
    """The second VM has the UUID of a domain that the configuration does not name: libvirt refuses it."""
    machine.libvirtd.define(PLAIN.replace("<name>Windows11", "<name>Other"))
    other = machine.libvirtd.dumpxml("Other")
    data = EXAMPLE.read_text(encoding="utf-8")
    twin = data[data.index("[vms.Windows11]") :].replace("Windows11", "Twin")
    config = data + twin.replace("\n", '\nuuid = "0b3f5f2e-4f3a-4c55-9f59-6f9f2ba1a111"\n', 1)
    code, _, err = machine.define("--yes", config=config)
    assert code == 1
    assert "vms.Twin: libvirt refuses Twin:" in err
    assert "already exists" in err or "already defined" in err
    assert machine.domains() == ["Other"]
    assert machine.libvirtd.dumpxml("Other") == other
    assert not machine.has(TABLE)


def test_only_the_named_vms_are_touched(machine: Machine) -> None:
    data = EXAMPLE.read_text(encoding="utf-8")
    config = data + data[data.index("[vms.Windows11]") :].replace("Windows11", "Twin")
    assert machine.define("--yes", "--vm", "Twin", config=config)[0] == 0
    assert machine.domains() == ["Twin"]
    code, _, err = machine.define("--yes", "--vm", "Nobody", config=config)
    assert (code, '"Nobody"' in err) == (2, True)


def test_a_connection_that_fails_says_why(machine: Machine) -> None:
    code, _, err = machine.define("--yes", "--connect", "qemu+ssh://nowhere.invalid/system")
    assert code == 1
    assert "nowhere.invalid" in err or "ssh" in err
    assert "Traceback" not in err


def test_a_missing_binding_is_named(trixie: Root) -> None:
    with trixie.session({CHECKOUT / "generator": "/opt/generator"}) as session:
        session.put("/opt/without/libvirt.py", "raise ImportError('no binding')\n")
        session.put("/tmp/optimux.toml", EXAMPLE.read_text(encoding="utf-8"))
        command = ["python3", "-c", "from optimux.cli import main; main()", "define", "/tmp/optimux.toml"]
        done = session.run(command, env={"PYTHONPATH": "/opt/without:/opt/generator"}, check=False)
    assert done.returncode == 1
    assert "python3-libvirt" in done.stderr
