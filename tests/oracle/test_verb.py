"""``optimux verify --domain`` as a person and a program use it, where libvirt and QEMU are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import qemu.qmp

from lab.consumers.roots import Root
from lab.consumers.session import Session
from lab.documents import I440FX, KEY_VALUE, VIRT_MANAGER
from optimux.cli import main
from optimux.patch import patch_domain
from tests.golden_cases import CHECKOUT, case

EXAMPLE = CHECKOUT / "examples/omen-17.toml"
PATCHED = patch_domain(VIRT_MANAGER.encode(), case("omen-17").plan().domains[0]).document


class Verb:
    """The verb in a root; the domain is a file or standard input."""

    def __init__(self, session: Session) -> None:
        self.session = session
        session.put("/tmp/optimux.toml", EXAMPLE.read_text(encoding="utf-8"))

    def __call__(self, domain: bytes | str, *options: str, path: str = "") -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        script = "import os; os.environ.update({}); from optimux.cli import main; main()"
        command = ["python3", "-c", script.format(f"PATH={path!r}" if path else "")]
        command += ["verify", "/tmp/optimux.toml", "--domain", "-", *options]
        env = {"PYTHONPATH": "/opt/generator:/opt/site"}
        done = self.session.run(command, input=domain, env=env, check=False, timeout=200)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def verb(trixie: Root) -> Iterator[Verb]:
    library = Path(qemu.qmp.__file__).parents[1]
    with trixie.session({CHECKOUT / "generator": "/opt/generator", library: "/opt/site/qemu"}) as session:
        yield Verb(session)


def test_a_patched_virt_manager_domain(verb: Verb) -> None:
    code, out, err = verb(PATCHED)
    assert code == 0, out + err
    lines = out.splitlines()
    assert lines[0] == "Windows11: The whole domain, SeaBIOS"
    assert "  ok     Looking Glass device: 1af4:1110 over /dev/kvmfr0" in lines
    assert "  ok     Looking Glass device: size: BAR of 128MiB" in lines
    assert "  ok     battery: one, in the planned table" in lines
    assert "  ok     host device 0000:01:00.1: at 0000:01:00.1 in the guest" in lines
    assert "  -      replaced: disk sda: an empty one" in lines
    assert "  -      replaced: processors: one of 16" in lines
    assert "  -      replaced: memory /dev/kvmfr0: a file of the same size without a name" in lines
    assert "9 checks passed, 0 failed" in err
    assert "optimux-verify" not in verb.session.run(["ls", "/tmp"]).stdout
    assert verb.session.run(["sh", "-c", "ls /etc/libvirt/qemu/*.xml"], check=False).stdout == ""


def test_findings_for_a_program(verb: Verb) -> None:
    code, out, _ = verb(PATCHED, "--json")
    (level,) = json.loads(out)["levels"]
    assert (code, level["vm"], level["level"]) == (0, "Windows11", "domain-seabios")
    assert "disk sda: an empty one" in level["replaced"]
    assert {check["state"] for check in level["checks"]} == {"passed"}


def test_before_it_was_patched(verb: Verb) -> None:
    code, out, _ = verb(VIRT_MANAGER)
    assert code == 1
    assert "FAILED Looking Glass device: no ivshmem device over /dev/kvmfr0" in out
    assert "FAILED battery: no battery in the tables" in out
    assert "FAILED host device 0000:01:00.0: the domain does not have it" in out


def test_qemu_refuses_it(verb: Verb) -> None:
    code, out, err = verb(KEY_VALUE, "--json")
    assert code == 1
    (level,) = json.loads(out)["levels"]
    failed = [check for check in level["checks"] if check["state"] == "failed"]
    assert [check["name"] for check in failed] == ["QEMU starts it"]
    assert "PCI: slot 1 function 0 not available for qxl-vga, in use by ivshmem-plain,id=shmem1" in failed[0]["found"]
    assert "logs: /tmp/optimux-verify-" in err


def test_libvirt_refuses_it(verb: Verb) -> None:
    code, out, _ = verb(VIRT_MANAGER.replace("slot='0x1b'", "slot='0x1f'"))
    assert code == 1
    assert "FAILED libvirt takes it: XML error: Attempted double use of PCI Address 0000:00:1f.0" in out


def test_own_arguments_of_a_configuration(verb: Verb) -> None:
    """Whoever adds arguments has the whole domain booted without asking."""
    own = "extraXml.qemuArgs = ['-device', 'qemu-xhci,id=mine,bus=pcie.0,addr={}']\n"
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.count("[vms.Windows11]\n") == 1
    said = []
    for slot in ("0x1", "0x15"):
        config = text.replace("[vms.Windows11]\n", "[vms.Windows11]\n" + own.format(slot))
        verb.session.put("/tmp/own.toml", config)
        script = "from optimux.cli import main; main()"
        env = {"PYTHONPATH": "/opt/generator:/opt/site"}
        done = verb.session.run(["python3", "-c", script, "verify", "/tmp/own.toml"], env=env, check=False, timeout=200)
        said.append((done.returncode, done.stdout))
    assert [code for code, _ in said] == [1, 0], said
    assert "in use by qemu-xhci,id=mine" in said[0][1]
    assert "Windows11: The whole domain, SeaBIOS" in said[1][1]


def test_without_libvirt(verb: Verb) -> None:
    verb.session.run(["sh", "-c", "mkdir -p /tmp/bin && ln -sf /usr/bin/qemu-system-x86_64 /tmp/bin"])
    code, out, _ = verb(PATCHED, path="/tmp/bin")
    assert code == 1
    assert "FAILED machine: no libvirt: virsh is not in PATH" in out


@pytest.mark.parametrize(
    ("document", "options", "said"),
    [
        ("<domain", [], "nothing was written"),
        (I440FX, [], "machine='pc-i440fx-10.0'"),
        (VIRT_MANAGER, ["--guest"], "--domain and --guest exclude each other"),
        (VIRT_MANAGER, ["--vm", "other"], "Name a VM of the configuration."),
    ],
)
def test_bad_input(
    document: str, options: list[str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "domain.xml"
    file.write_text(document)
    with pytest.raises(SystemExit) as left:
        main(["verify", str(EXAMPLE), "--domain", str(file), *options])
    assert left.value.code == 2
    assert said in capfd.readouterr().err


def test_a_file_that_is_not_there(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["verify", str(EXAMPLE), "--domain", "/nowhere.xml"])
    assert left.value.code == 2
    assert "/nowhere.xml: found No such file" in capfd.readouterr().err
