"""What the verbs refuse before they do anything: each answered on one line, with the next step, exit 2 or 1."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from optimux.cli import apply_run, guest, install, run
from optimux.errors import OptimuxError
from optimux.files.root import Root
from optimux.host.apply.packages import Missing
from optimux.host.apply.survey import Configuration
from optimux.host.journal import transactions
from tests.cli.command import EXAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable

Capture = pytest.CaptureFixture[str]

HOST = '[host]\ndistribution = "debian"\ncpuVendor = "intel"\n'
TWO_VMS = HOST + "".join(f'[vms.{key}]\nmemory = "4GiB"\n' for key in "ab")
ANSWERS = f"""{HOST}
[vms.w]
memory = "4GiB"
disks = [{{ source = "/nowhere/w.qcow2", create = "64GiB" }}]
guestMedia = {{ enable = true, attach = true }}
windows = {{ iso = "/nowhere/windows.iso", virtioWin = "/nowhere/virtio.iso", unattended = {{ user = "ann" }} }}
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        (tmp_path / "optimux.toml").write_text(text)
        return str(tmp_path / "optimux.toml")

    return write


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["patch", EXAMPLE, "a.xml", "--in-place", "-o", "b.xml"], "--in-place and --output exclude each other"),
        (["patch", "-", "-"], "Only one of CONFIG and DOMAIN.xml can be standard input"),
        (["verify", EXAMPLE, "--guest", "--domain", "a.xml"], "--domain and --guest exclude each other"),
        (["verify", "-", "--domain", "-"], "Only one of CONFIG and --domain can be standard input"),
        (["schema", "--facts", "--format", "nix"], "--facts: found together with --format nix"),
        (["define", EXAMPLE, "--vm", "none"], '--vm: found "none"'),
        (["install", EXAMPLE, "--connect", "qemu+ssh://host/system"], "a libvirt on this machine"),
        (["install", EXAMPLE], "windows.unattended: found nothing"),
        (["guest", "media", EXAMPLE, "-o", "a.iso", "--payload", "/nowhere"], '--payload: found "/nowhere"'),
    ],
)
def test_words_that_cannot_be_meant(words: list[str], said: str, capsys: Capture) -> None:
    assert run(words) == 2
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("verb", ["install", "guest media"])
def test_of_two_vms_one_is_named(verb: str, written: Callable[[str], str], capsys: Capture) -> None:
    config = written(TWO_VMS)
    output = ["-o", "a.iso"] if verb == "guest media" else []
    assert run([*verb.split(), config, *output]) == 2
    assert "--vm: found none named" in capsys.readouterr().err
    assert run([*verb.split(), config, *output, "--vm", "b"]) == 2
    told = {"install": "vms.b.windows.unattended: found nothing", "guest media": "vms.b.gpu: found no Looking Glass"}
    assert told[verb] in capsys.readouterr().err


def test_media_that_are_not_there(written: Callable[[str], str], capsys: Capture) -> None:
    """Said before libvirt is asked, which would name a file alone."""
    assert run(["define", written(ANSWERS)]) == 2
    assert "vms.w.windows.iso" in capsys.readouterr().err
    assert run(["install", written(ANSWERS)]) == 2
    assert "vms.w.windows.iso" in capsys.readouterr().err


def test_a_password_that_nobody_can_be_asked_for(
    written: Callable[[str], str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimux.guest.media_check.media_problems", lambda domain, distribution: [])
    assert run(["install", written(ANSWERS)]) == 2
    said = capsys.readouterr().err
    assert "vms.w.windows.unattended.passwordFile: found no password" in said
    assert "mode 0600" in said


def test_more_than_a_medium_takes(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "setup.exe").write_bytes(bytes(11))
    words = ["guest", "media", EXAMPLE, "-o", str(tmp_path / "a.iso"), "--payload", str(tmp_path / "programs")]
    monkeypatch.setattr(guest, "MOST_PAYLOAD", 10)
    assert run(words) == 2
    assert "Leave out what the setup does not need" in capsys.readouterr().err
    assert not (tmp_path / "a.iso").exists()
    monkeypatch.setattr(guest, "MOST_PAYLOAD", 11)
    assert run(words) == 0


@pytest.mark.parametrize("verb", ["take", "give"])
def test_the_cards_drivers_are_roots(verb: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert run(["gpu", verb, EXAMPLE]) == 1
    assert f"gpu {verb} changes the host's drivers: run it as root. Nothing was changed." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        (SimpleNamespace(running=True, xml=""), "runs. Shut it down first"),
        (SimpleNamespace(running=False, xml="<domain><devices/></domain>"), "has no disk vda. Bring it up to date"),
    ],
)
def test_a_vm_that_is_not_ready_to_be_installed(domain: Any, said: str) -> None:
    wanted: Any = SimpleNamespace(name="w", windows=SimpleNamespace(unattended=SimpleNamespace(disk="vda")))
    connection: Any = SimpleNamespace(find=lambda name: domain)
    with pytest.raises(OptimuxError, match=said):
        install._check_domain(connection, wanted)
    disk = "<domain><devices><disk><target dev='vda'/></disk></devices></domain>"
    connection.find = lambda name: SimpleNamespace(running=False, xml=disk)
    install._check_domain(connection, wanted)


def test_a_configuration_that_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "optimux.toml"
    config.write_text("[host]\n")
    assert apply_run._read(str(config)).content == b"[host]\n"
    contents = iter((b"[host]\n", b"[host]\n#"))
    monkeypatch.setattr("optimux.files.read.read_bytes", lambda path: next(contents))
    with pytest.raises(OptimuxError, match="is being written to"):
        apply_run._read(str(config))


def test_a_package_manager_that_fails(tmp_path: Path) -> None:
    """Its own words are above; the journal says that nothing of it is there."""
    configuration = Configuration("optimux.toml", b"", {}, 0o644)
    wanted = Missing(("swtpm",), "apt-get install swtpm", "apt-get remove swtpm")
    (tmp_path / "var/lib").mkdir(parents=True)
    shell: Any = SimpleNamespace(run=lambda command: 100)
    with Root(tmp_path) as root:
        with pytest.raises(OptimuxError, match="`apt-get install swtpm` ended with 100"):
            apply_run._install(configuration, wanted, root, shell)
        shell.run = lambda command: 0
        apply_run._install(configuration, wanted, root, shell)
        assert [transaction.stage for transaction in transactions(root)] == ["undone", "applied"]
