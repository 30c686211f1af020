"""Reports and what goes into them: before a start, by which configuration, what is asked of a guest or a device."""

from __future__ import annotations

import json
import os
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from optimux.errors import InvalidInput
from optimux.facts.detect import Root, detect
from optimux.guest.agent import AgentSilent
from optimux.guest.provisioning import Report as GuestReport
from optimux.guest.provisioning import Row
from optimux.host.doctor import AS_ROOT, Check, Look, Result, examine, findings
from optimux.host.doctor.areas import firmware, guest, hook, kvmfr, libvirt
from optimux.host.doctor.areas.client import read_ini
from optimux.host.doctor.areas.logs import MOST_HARMLESS, harmless
from optimux.host.doctor.check import check, unseen
from optimux.host.doctor.definition import definition
from optimux.host.doctor.findings import Report, before_start, report_of
from tests.doctor import cases
from tests.doctor.machine import CONFIG, config, report, results_of, tree
from tests.doctor.test_parts import program, programs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.doctor.machine import Members


__all__ = ["programs"]
RESULT = Result("broken", "seen", "where", "subject", "remedy", "command", "key", "wanted", "why")


def test_a_result_and_a_report_as_data() -> None:
    assert RESULT.as_data() == {
        "check": "key", "subject": "subject", "outcome": "broken", "seen": "seen", "where": "where", "wanted": "wanted",
        "why": "why", "remedy": "remedy", "command": "command",
    }  # fmt: skip
    bare = Result("holds", "seen")
    assert {key for key, value in bare.as_data().items() if value is None} == {"subject", "where", "remedy", "command"}
    whole = Report("A machine", "x.toml", (RESULT, bare, bare.replace(outcome="unseen")), (("line", "why"),), True)
    assert whole.as_data() == {
        "machine": "A machine",
        "config": "x.toml",
        "previousBoot": True,
        "counts": {"holds": 1, "broken": 1, "unseen": 1},
        "checks": [result.as_data() for result in whole.results],
        "harmless": [{"line": "line", "why": "why"}],
    }
    assert (whole.broken, [result.outcome for result in whole.unseen]) == ((RESULT,), ["unseen"])
    assert not Report("", None, ()).previous


def test_what_a_check_says_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of the check, unless a result has its own; and what only root sees is told to nobody else."""

    @check("a.b", "wanted", "why")
    def made(look: Look) -> Sequence[Result]:
        return [Result("holds", "x", wanted="its own"), unseen("hidden", "/x", "Look as root.", AS_ROOT)]

    assert isinstance(made, Check)
    assert not made.of_log
    root = Root.at(tree(tmp_path))
    look = Look(root, detect(root), None)
    first, second = examine(look, [made])
    assert (first.key, first.wanted, first.why) == ("a.b", "its own", "why")
    assert (second.wanted, second.remedy, second.command) == ("wanted", "", "")
    look.root.live = True
    for user, command in ((0, ""), (1000, "sudo optimux doctor")):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert examine(look, [made])[1].command == command
    look.previous = True
    assert examine(look, [made]) == ()
    assert [result.key for result in examine(look, [made.replace(of_log=True)])] == ["a.b", "a.b"]


KEPT = {"/etc/optimux/optimux.toml": CONFIG.read_text(encoding="utf-8")}


@pytest.mark.parametrize("key", sorted(findings.ENDS_A_START | findings._BEFORE_A_START))
def test_what_is_looked_at_before_a_start(key: str, tmp_path: Path) -> None:
    """Each of them, broken as ``cases`` breaks it, where the configuration may stay as it is."""
    found = [(changes, edits) for changes, edits, _ in cases.BROKEN[key]]
    changes, edits = found[0]
    text = CONFIG.read_text(encoding="utf-8")
    for old, new in edits:
        text = text.replace(old, new)
    said = before_start("win11", tree(tmp_path, {**changes, "/etc/optimux/optimux.toml": text}))
    assert key in {result.key for result in said}
    assert {result.outcome for result in said} == {"broken"}


def test_before_a_start_by_json(tmp_path: Path) -> None:
    import tomllib

    broken: Members = {"/dev/kvm": None}
    data = tomllib.loads(KEPT["/etc/optimux/optimux.toml"])
    said = before_start("win11", tree(tmp_path, {**broken, "/etc/optimux/optimux.json": json.dumps(data)}))
    assert [result.key for result in said] == ["kvm.there"]
    data["vms"]["other"] = data["vms"]["win11"] | {"name": "other", "uuid": "5d5b00d8-475a-4b6c-8053-9dda30cd2f96"}
    del data["vms"]["other"]["gpu"], data["vms"]["other"]["networks"]
    changes = {**broken, **RUNS, "/etc/optimux/optimux.json": json.dumps(data)}
    assert {result.key for result in before_start("other", tree(tmp_path, changes))} >= {"kvm.there"}
    assert before_start("third", tree(tmp_path, changes)) == ()


RUNS = cases.RUNS


def test_a_vm_that_is_not_in_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput) as caught:
        report(tmp_path, vm="other")
    assert str(caught.value) == '--vm: found "other"; allowed: "win11". Name a VM of the configuration.'
    monkeypatch.chdir(tmp_path)
    (tmp_path / "optimux.toml").unlink()
    with pytest.raises(InvalidInput) as caught:
        report_of(None, "win11", tree(tmp_path), previous=False)
    problem = "--vm: found no configuration; allowed: a VM of a configuration"
    assert str(caught.value) == f"{problem}. Name CONFIG, or run it where optimux.toml lies."
    gone = CONFIG.read_text(encoding="utf-8").partition("[vms.win11]")[0]
    (tmp_path / "none.toml").write_text(gone)
    with pytest.raises(InvalidInput, match="allowed: none: the configuration has no VM"):
        report_of(str(tmp_path / "none.toml"), "win11", tree(tmp_path), previous=False)


def test_whose_name_a_vm_goes_by(tmp_path: Path) -> None:
    """Its key first, then libvirt's name."""
    edits = (('name = "win11"', 'name = "other"'),)
    for vm in ("win11", "other"):
        found = report_of(config(tmp_path, *edits), vm, tree(tmp_path), previous=False)
        assert {result.subject for result in found.results if result.key == "memory.fits"} == {"other"}


def test_what_does_not_fit(tmp_path: Path) -> None:
    path = config(tmp_path)
    found = report_of(path, None, tree(tmp_path, {f"{cases.CARD}/device": "0x249d\n"}), previous=False)
    (fits,) = [result for result in found.results if result.key == "plan.fits"]
    assert fits.as_data() == {
        "check": "plan.fits",
        "subject": "gpus.dgpu.functions[0].id",
        "outcome": "broken",
        "seen": fits.seen,
        "where": path,
        "wanted": fits.wanted,
        "why": "What is generated from it is for another machine, or cannot work on this one.",
        "remedy": fits.remedy,
        "command": None,
    }
    assert "10de:2520" in fits.seen
    assert fits.wanted
    assert fits.remedy
    assert report(tmp_path).results[0].as_data() == {
        "check": "plan.fits", "subject": None, "outcome": "holds", "seen": "it does", "where": path,
        "wanted": "a configuration that fits this machine", "why": fits.why, "remedy": None, "command": None,
    }  # fmt: skip


def test_what_the_machine_is_called(tmp_path: Path) -> None:
    assert report(tmp_path).machine == "HP OMEN by HP Laptop 17-ck0xxx"
    assert report(tmp_path, {"/sys/class/dmi/id/sys_vendor": None}).machine == "OMEN by HP Laptop 17-ck0xxx"
    assert report(tmp_path, {"/sys/class/dmi": None}).machine == "This machine"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (None, "optimux apply && optimux define optimux.toml"),
        ("optimux.toml", "optimux apply && optimux define optimux.toml"),
        ("/etc/optimux/optimux.toml", "optimux apply && optimux define /etc/optimux/optimux.toml"),
        ("/etc/optimux/optimux.json", "optimux apply && optimux define /etc/optimux/optimux.json"),
        ("my x.toml", "optimux apply 'my x.toml' && optimux define 'my x.toml'"),
    ],
)
def test_the_configuration_in_a_command(name: str | None, command: str) -> None:
    assert findings._command("optimux apply && optimux define CONFIG", name, None) == command


def test_a_guest_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    import contextlib

    from optimux.guest import provisioning
    from optimux.libvirt import agent

    asked: list[object] = []
    spoken = SimpleNamespace(wait=asked.append)

    def opened(*words: object) -> contextlib.AbstractContextManager[tuple[SimpleNamespace, None]]:
        asked.append(words)
        return contextlib.nullcontext((spoken, None))

    monkeypatch.setattr(agent, "guest", opened)
    monkeypatch.setattr(provisioning, "Setup", lambda *_: SimpleNamespace(status=lambda: "said"))
    assert findings._ask_guest("win") == "said"
    assert asked == [("win", None), 5]


def test_what_a_guest_says_next(tmp_path: Path) -> None:
    """Its own next step before ours, its devices by their titles."""
    root = Root.at(tree(tmp_path, cases.RUNS))
    facts = detect(root)
    plan = findings.plan_on(_data(), facts)[0]
    rows = (Row("a", "lacks", "x", "Do it."), Row("b", "lacks", "y", ""))
    devices = (("n", "Title", 43), ("n2", "", 10), ("n3", "Fine", 0))
    said = GuestReport("win11", "b7", 0, "", "", rows, devices)
    results = examine(Look(root, facts, plan, ask=lambda name: said), [guest.report])
    assert [(result.seen, result.remedy, result.command, result.subject) for result in results] == [
        ("lacks: x", "Do it.", "optimux guest setup win11", "a"),
        ("lacks: y", "Run the setup.", "optimux guest setup win11", "b"),
        ("Title: problem 43", guest.PROBLEMS[43], "", "Title"),
        ("n2: problem 10", guest.PROBLEMS[10], "", "n2"),
    ]

    def silent(name: str) -> GuestReport:
        raise AgentSilent("nobody answers")

    (result,) = examine(Look(root, facts, plan, ask=silent), [guest.report])
    assert (result.where, result.remedy) == ("win11's guest agent", "The setup in the guest installs the agent.")


def _data() -> Any:
    from optimux.options.load import read_config

    return read_config(str(CONFIG))


def test_a_definition_by_libvirt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optimux.host.doctor import definition as asked

    monkeypatch.setattr(asked, "_asked", lambda name: name.encode())
    path = "/etc/libvirt/qemu/win11.xml"
    for socket in ("/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock", None):
        gone = dict.fromkeys(("/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"))
        changes: Members = {**gone, path: None, **({socket: ""} if socket else {})}
        root = Root.at(tree(tmp_path, changes))
        look = Look(root, detect(root), None)
        assert definition(look, "win11") == (None, path)
        root.live = True
        assert definition(look, "win11") == ((b"win11", f"{path}, by libvirt") if socket else (None, path))


def test_what_frightens_and_means_nothing(tmp_path: Path) -> None:
    """One of each kind, cut at 200 letters, twelve at most; a VM's log only of this boot."""
    changes: Members = {
        **cases.log("kvmfr: loading out-of-tree module taints kernel" + "x" * 300, "vgaarb: bridge control possible"),
        **cases.qemu("vfio_bar_restore: reset recovery"),
    }
    root = Root.at(tree(tmp_path, changes))
    facts = detect(root)
    plan = findings.plan_on(_data(), facts)[0]
    said = harmless(Look(root, facts, plan))
    assert [len(line) for line, _ in said] == [31, len("2026-11-02T10:00:05.1Z qemu-system-x86_64: ") + 32, 200]
    assert said[0][1] == "The arbiter notes that vfio-pci needs no legacy VGA of this card."
    assert len(harmless(Look(root, facts, plan, previous=True))) == 0
    assert MOST_HARMLESS == 12


@pytest.mark.parametrize(
    ("said", "since", "found"),
    [
        ("echo 5000000", 0.0, True),
        ("echo 5000000", 1e12, False),
        ("echo 0", 0.0, False),
        ("echo", 0.0, False),
        ("echo never", 0.0, False),
        ("exit 1", 0.0, False),
        (None, 0.0, False),
    ],
)
def test_a_daemon_that_was_reloaded(said: str | None, since: float, found: bool, programs: Path) -> None:
    if said is not None:
        program(programs, "systemctl", f'test "$4" = libvirtd.service || exit 1\n{said}')
    assert hook.reloaded("libvirtd", since) == found


def test_the_moment_of_a_reload(programs: Path) -> None:
    ago = 100
    then = time.clock_gettime(time.CLOCK_MONOTONIC) - ago
    program(programs, "systemctl", f"echo {int(then * 1e6)}")
    assert hook.reloaded("libvirtd", time.time() - ago - 30)
    assert not hook.reloaded("libvirtd", time.time() - ago + 30)


def test_a_device_that_is_asked_for_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    assert kvmfr.asked(str(tmp_path / "none")) is None
    assert kvmfr.asked("/dev/null") is None  # it knows no such call
    for size, found in ((32 << 20, 32), ((33 << 20) - 1, 32), (0, None)):
        monkeypatch.setattr(fcntl, "ioctl", lambda descriptor, call, size=size: size if call == 0x7544 else 1 << 40)
        assert kvmfr.asked("/dev/null") == found


def test_the_size_of_a_live_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the module does not show it; of a record no device is asked."""
    root = Root.at(tree(tmp_path, {"/sys/module/kvmfr/parameters": None, "/sys/module/kvmfr/refcnt": "0"}))
    facts = detect(root)
    look = Look(root, facts, findings.plan_on(_data(), facts)[0])
    monkeypatch.setattr(kvmfr, "asked", lambda path: 32)
    assert [result.outcome for result in examine(look, [kvmfr.size])] == ["unseen"]
    root.live = True
    for size, outcome in ((32, "holds"), (64, "broken"), (None, "unseen")):
        monkeypatch.setattr(kvmfr, "asked", lambda path, size=size: size)
        (result,) = examine(look, [kvmfr.size])
        assert (result.outcome, result.where) == (outcome, "/dev/kvmfr0")


def test_settings_of_a_client() -> None:
    lines = ["x=0", "[ App ]", " shmFile = /a ", ";y=1", "#z=2", "w", "[odd", "q=1=2", "[spice]", "port=5"]
    assert read_ini(lines) == {":x": "0", "app:shmfile": "/a", "app:q": "1=2", "spice:port": "5"}


def test_sockets_that_take_connections() -> None:
    lines = cases.SOCKETS.format("00010000", "/var/run/libvirt/libvirt-sock").splitlines()
    assert libvirt.listening(lines) == {"/run/libvirt/libvirt-sock"}
    assert libvirt.listening(cases.SOCKETS.format("00020000", "/x").splitlines()) == set()
    assert libvirt.listening([]) is None


def test_a_last_start() -> None:
    lines = "a: starting up x\nb\n-device y\nc \\\nd: starting up z\ne"
    assert libvirt.last_start(lines) == ["d: starting up z", "e"]
    assert libvirt.last_start("a\nb") == ["a", "b"]
    assert libvirt.complaints(["a", "-b", "c\\", "d"]) == ["a", "d"]
    assert libvirt.without_peers(["a", "b", libvirt.PEERS, "c"]) == ["a", "c"]


@pytest.mark.parametrize("pages", ["", "Hugepagesize:    1048576 kB\n"])
def test_the_default_of_huge_pages(pages: str, tmp_path: Path) -> None:
    """What the kernel says; 2 MiB where it does not."""
    changes: Members = {"/proc/meminfo": f"MemTotal: 33554432 kB\n{pages}"}
    edits = [('hugepages = [{ size = "2MiB", count = 4096 }]\n', "")]
    (result,) = results_of(guest.hugepages, tmp_path, changes, edits)
    assert result.seen == ("0 of 1GiB free, 8 needed" if pages else "4096 of 2MiB free, 4096 needed")


def test_an_image_that_is_stated_and_missing(tmp_path: Path) -> None:
    """On this machine it is missing; a record may be without it."""
    from optimux.options.load import read_config

    stated = ("cpu.topology", 'firmware = { loader = "/fw/C.fd", nvramTemplate = "/fw/V.fd" }\ncpu.topology')
    root = Root.at(tree(tmp_path))
    facts = detect(root)
    look = Look(root, facts, findings.plan_on(read_config(config(tmp_path, stated)), facts)[0])
    root.live = True
    (result,) = examine(look, [firmware.image])
    assert (result.outcome, result.seen, result.where, result.remedy, result.command, result.subject) == (
        *("broken", "missing", "/fw/C.fd", "Correct vms.win11.firmware.loader."),
        *("optimux define CONFIG", "win11"),
    )
