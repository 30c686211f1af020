"""What is to be done on a host, and what speaks against it, to the letter; nothing is written."""

from __future__ import annotations

import os
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from optimux.emit.artifact import STEPS, HostCommand, HostFile, HostLines
from optimux.errors import InvalidInput, OptimuxError
from optimux.facts.detect import Root as Seen
from optimux.facts.model import facts_from
from optimux.files.root import Root
from optimux.files.state import Metadata
from optimux.findings import Findings
from optimux.host.apply import domains, packages, prepare, survey
from optimux.host.apply.refuse import _cards, _entries, _presets, _tools, _versions, _without_spice, check_distribution
from optimux.host.apply.survey import Configuration, Survey
from optimux.host.journal import CommandRun, DomainChange, Transaction, transactions
from optimux.host.past import Past
from optimux.host.shell import Shell
from optimux.options.load import load_partial
from optimux.plan.resolve import plan_from
from tests.apply.hosts import CONF, OURS, apply, entries, host
from tests.apply.test_carried_out import COMMANDS, Telling
from tests.apply.test_journal import begun
from tests.bad_input.edits import edited
from tests.detect.tree import put

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PLAN = plan_from(edited({}))


def prepared(
    folder: Path, wanted: Sequence[Any], past: Past | None = None, shell: Shell | None = None, **named: Any
) -> Any:
    """What differs from the entries."""
    with Root(folder) as root:
        only, begins = named.get("only", STEPS), named.get("begins", "")
        return prepare.prepare(wanted, root, past or Past(()), only, shell or Shell(), begins)


def _facts(**data: Any) -> Any:
    return facts_from(data, Findings())


def test_what_is_prepared(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    found = prepared(folder, entries(folder))
    assert [(change.file.path, change.purpose, change.file.step, change.file.folders) for change in found.changes] == [
        (OURS, "module options", "modules", ()),
        (
            *("/etc/made/for/us/file", "a file in folders of ours", "files"),
            ("/etc/made", "/etc/made/for", "/etc/made/for/us"),
        ),
        (CONF, "a list", "lines", ()),
    ]
    assert [command.step for command in found.commands] == ["groups", "initramfs"]
    assert (found.pending, found.unreadable, found.left, found.is_empty) == ((), (), (), False)
    less = prepared(folder, entries(folder), only=("groups", "initramfs"))
    assert (less.changes, [command.step for command in less.commands]) == ((), ["groups"])
    (folder / "state/group").touch()
    assert prepared(folder, entries(folder), only=("groups",)).is_empty


def test_an_empty_file_that_is_not_there(tmp_path: Path) -> None:
    assert prepared(host(tmp_path / "host"), [HostFile("/etc/x", "", "x")]).is_empty
    assert not prepared(tmp_path / "host", [HostFile("/etc/x", "y", "x")]).is_empty


def test_lines_begin_with_the_running_systems(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    lines = HostLines("/etc/cmdline", ("b",), "^b$", "l", begins="running-command-line")
    for entry, content in ((lines, b"a\nb\n"), (lines.replace(begins=""), b"b\n")):
        (change,) = prepared(folder, [entry], begins="a\n").changes
        assert change.file.after.content == content


def test_what_is_told_and_left_to_the_user(tmp_path: Path) -> None:
    by_hand = [
        HostCommand("# do this", "why", step="boot-loader", by_hand=True),
        HostCommand("not told", "why", step="boot-loader", by_hand=True),
    ]
    found = prepared(host(tmp_path / "host"), by_hand)
    assert (found.left, found.commands, found.is_empty) == (("why: do this",), (), True)


def test_what_the_plan_no_longer_has(tmp_path: Path) -> None:
    """Back to what it was; what somebody changed since stays, and is told; commands are taken back."""
    folder = host(tmp_path / "host")
    commands = [
        HostCommand("true", "c", step="groups", unless="false", undo="true # back"),
        HostCommand("true # 2", "p", step="packages", unless="false", undo="true # remove"),
    ]
    apply(folder, [*(HostFile(path, "x\n", "x") for path in (OURS, "/etc/y", "/etc/z")), *commands])
    (folder / "etc/y").write_text("mine\n")
    (folder / "etc/z").unlink()
    with Root(folder) as root:
        past = Past(transactions(root))
    found = prepared(folder, [], past)
    assert [(change.file.path, change.file.after, change.purpose) for change in found.changes] == [
        (OURS, None, "no longer part of the plan: as it was before")
    ]
    assert found.left == ("/etc/y is no longer part of the plan, and was changed since: left as it is",)
    assert [(command.command, command.purpose) for command in found.commands] == [
        ("if ( false ); then true # back; fi", "no longer part of the plan: takes back `true`")
    ]
    assert prepared(folder, commands, past, only=("groups",)).changes == ()
    assert prepared(folder, [], past, only=("lines",)) == prepare.Prepared()


def test_what_a_system_that_does_not_run_leaves(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    command = HostCommand("enable", "e", step="services", after=("/etc/x",))
    wanted, past = [HostFile("/etc/x", "x", "x"), command], Past((begun(1, CommandRun("enable", "services")),))
    elsewhere = Telling(root="/other")
    for found, now, later in (
        (prepared(folder, wanted, shell=elsewhere), (command,), ()),
        (prepared(folder, wanted, past, elsewhere), (), (command,)),
        (prepared(folder, wanted, past), (command,), ()),
    ):
        assert (found.commands, found.pending) == (now, later)


def test_words_that_are_the_users(tmp_path: Path) -> None:
    command = HostCommand(
        "add", "a", step="boot-loader", unless="false", undo="x", words=("a b", "c"), has_word="test {} = c",
        undo_word="drop {}",
    )  # fmt: skip
    (found,) = prepared(host(tmp_path / "host"), [command]).commands
    assert found.undo == "drop 'a b'"
    (none,) = prepared(tmp_path / "host", [command.replace(has_word="false {}")]).commands
    assert none.undo == "drop 'a b'; drop c"


def test_where_nothing_can_be_replaced(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    (folder / "etc/x").symlink_to("/y")
    with pytest.raises(InvalidInput) as caught:
        prepared(folder, [HostFile("/etc/x", "x", "x")])
    assert str(caught.value) == (
        "/etc/x: found a symbolic link to /y; allowed: a plain file, or nothing. "
        "Look who made it; move it away, or put a plain file in its place."
    )


@pytest.mark.parametrize("root", [True, False])
def test_what_cannot_be_looked_at(root: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = host(tmp_path / "host")
    (folder / "etc/f").mkdir()
    entry = HostFile("/etc/f", "x", "x")
    command = HostCommand("use", "u", step="files", after=("/etc/f",))
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    if root:
        with pytest.raises(InvalidInput, match=r"^/etc/f: found .*; allowed: a plain file, or nothing\. Look who"):
            prepared(folder, [entry, command])
    else:
        found = prepared(folder, [entry, command])
        assert (found.unreadable, found.commands, found.is_empty) == ((entry,), (command,), False)


@pytest.mark.parametrize(
    ("user", "owner", "metadata"),
    [
        (1000, "root:root", Metadata(0o600)),
        (0, "root:root", Metadata(0o600, 0, 0)),
        (0, "root:daemon", Metadata(0o600, 0, 1)),
        (0, "daemon:root", Metadata(0o600, 1, 0)),
    ],
)
def test_whose_a_file_is(user: int, owner: str, metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert prepare._metadata(HostFile("/x", "", "", mode=0o600, owner=owner)) == metadata


def test_each_file_of_a_pattern(tmp_path: Path) -> None:
    for name in ("b.conf", "a.conf", "a-optimux-off.conf", "c.txt"):
        put(tmp_path, f"/e/{name}", "")
    lines = HostLines("/e/*.conf", ("x",), "^x$", "l")
    with Root(tmp_path) as root:
        found = prepare.each_file([lines, HostFile("/f", "", "f"), HostCommand("c", "c")], root)
        assert sorted(entry.path for entry in found) == ["/e/a.conf", "/e/b.conf", "/f"]
        assert prepare.each_file([lines.replace(path="/none/*.conf")], root) == []


def test_domains_that_are_defined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the journal before libvirt is told, and as libvirt has them after it."""
    from optimux.libvirt import define

    seen: list[Any] = []
    steps: Any = [
        SimpleNamespace(name="a", before=None, after="<a/>", action="define"),
        SimpleNamespace(name="b", before="<b/>", after="<b new/>", action="keep"),
        SimpleNamespace(name="c", before="<c/>", after="<c new/>", action="change"),
    ]
    known = {"a": SimpleNamespace(xml="<a of libvirt/>")}
    connection: Any = SimpleNamespace(uri="qemu:///x", find=known.get)
    with Root(tmp_path) as root:
        monkeypatch.setattr(define, "carry_out", lambda *words: seen.append((words[1], transactions(root))))
        done = domains.define(steps, Transaction(1, "", "", ""), connection, root)
        told = (
            DomainChange("a", None, None, "qemu:///x", "<a/>"),
            DomainChange("c", "<c/>", None, "qemu:///x", "<c new/>"),
        )
        assert [(words, found[0].domains) for words, found in seen] == [((), told)]
        assert done.domains == (told[0].replace(after="<a of libvirt/>"), told[1])
        assert transactions(root) == (done,)


@pytest.mark.parametrize(
    ("change", "present", "ours"),
    [
        (DomainChange("a", None, "<x/>"), "<x/>", True),
        (DomainChange("a", None, "<x/>", told="<y/>"), "<y/>", False),
        (DomainChange("a", None), "<x/>", False),
        (DomainChange("a", None, told="<y/>"), "<y/>", True),
        (DomainChange("a", None, told="<uuid>1</uuid>"), "<z><uuid> 1\n</uuid>", True),
        (DomainChange("a", None, told="<uuid>1</uuid>"), "<z><uuid>2</uuid>", False),
        (DomainChange("a", "<b/>", told="<uuid>1</uuid>"), "<z><uuid>1</uuid>", False),
    ],
)
def test_whether_a_vm_is_as_apply_left_it(change: DomainChange, present: str, ours: bool) -> None:
    assert domains._is_ours(change, present) == ours


@pytest.mark.parametrize(
    ("key", "stated", "found", "refused"),
    [
        *((key, "9.0", "9.1", True) for key in ("libvirtVersion", "qemuVersion", "kernelVersion")),
        ("libvirtVersion", "9.0", "8.0", True),
        ("libvirtVersion", "9.0", "9.0.1", False),
        ("kernelVersion", "9.0", None, False),
        ("kernelVersion", None, "9.0", False),
    ],
)
def test_a_plan_for_other_versions(key: str, stated: str | None, found: str | None, refused: bool) -> None:
    options = load_partial({"host": {key: stated} if stated else {}}, Findings()).host
    problems = [str(problem) for problem in _versions(options, _facts(**({key: found} if found else {})))]
    said = (
        f"host.{key}: found {stated}; allowed: {found}, which this host has. "
        f"Leave host.{key} out: apply takes what the host has."
    )
    assert problems == [said] * refused


@pytest.mark.parametrize(
    ("stated", "found", "refused"),
    [("debian", "arch", True), ("debian", "debian", False), ("debian", None, False), (None, "arch", False)],
)
def test_a_plan_for_another_distribution(stated: str | None, found: str | None, refused: bool) -> None:
    options = load_partial({"host": {"distribution": stated} if stated else {}}, Findings()).host
    facts = _facts(**({"distribution": found} if found else {}))
    said = (
        f"host.distribution: found {stated}; allowed: {found}, which this host is. "
        "Leave host.distribution out, or apply it on the host that it is for."
    )
    assert [str(problem) for problem in _versions(options, facts)] == [said] * refused


def test_nixos_is_refused() -> None:
    check_distribution(PLAN)
    nixos = PLAN.replace(host=PLAN.host.replace(platform=PLAN.host.platform.replace(distribution="nixos")))
    with pytest.raises(OptimuxError) as caught:
        check_distribution(nixos)
    assert str(caught.value) == (
        "NixOS is changed by its own configuration, not by apply. Import Optimux' module, set "
        "virtualisation.optimux, and run `nixos-rebuild boot`; see docs/nixos.md. Nothing was changed."
    )


def test_other_tools_and_a_qemu_without_spice() -> None:
    tools = [{"name": name, "evidence": "/e"} for name in ("supergfxctl", "other")]
    found = [str(problem).split(". ", 1) for problem in _tools(_facts(otherTools=tools))]
    assert [said for said, _ in found] == [
        f"/e: found {name}, which writes the same settings; allowed: one tool that decides who has the card"
        for name in ("supergfxctl", "other")
    ]
    usual = "Remove it, or have it leave the card alone."
    assert [remedy == usual for _, remedy in found] == [False, True]
    for word in ("rhel", "centos", "almalinux", "rocky", "ol"):
        (problem,) = _without_spice(PLAN, _facts(os={"id": word}))
        assert str(problem) == (
            f"lookingGlass: found {word}; allowed: a QEMU with SPICE and ivshmem-plain. Take Fedora or another "
            "distribution for it, or set lookingGlass.enable to false for these VMs."
        )
    (problem,) = _without_spice(PLAN, _facts(os={"id": "ol", "name": "Oracle 9"}))
    assert problem.found == "Oracle 9"
    assert list(_without_spice(PLAN, _facts(os={"id": "fedora"}))) == []


def test_a_card_of_no_host() -> None:
    other = {"address": "0000:05:00.0", "id": "10de:249d", "class": "0300"}
    (absent,) = _cards(PLAN, _facts(devices=[other]))
    assert str(absent) == (
        "gpus.rtx3070: found 0000:01:00.0; allowed: a card of this host. Compare with `optimux detect`."
    )


def test_presets_and_entries(tmp_path: Path) -> None:
    arch = plan_from(edited({"host.distribution": "arch", "host.bootLoader": "systemd-boot"}))
    put(tmp_path, "/etc/mkinitcpio.d/linux.preset", "x\n  ALL_config=no\nALL_config='/etc/m'\ndefault_config=\n")
    put(tmp_path, "/etc/mkinitcpio.d/other", "ALL_config=/x\n")
    put(tmp_path, "/etc/mkinitcpio.d/fine.preset", "#ALL_config=/x\n")
    seen = Seen.at(str(tmp_path))
    (preset,) = _presets(arch, seen)
    assert str(preset) == (
        "/etc/mkinitcpio.d/linux.preset: found ALL_config='/etc/m'; allowed: no such line, so that "
        "/etc/mkinitcpio.conf.d is read. Put a # before it: sed -i 's/^[A-Za-z0-9_]*_config=/#&/' "
        "/etc/mkinitcpio.d/linux.preset"
    )
    assert list(_presets(PLAN, seen)) == []
    (entry,) = _entries(arch, seen)
    assert re.fullmatch("no entry in /boot/loader/entries( or /[a-z/]+)*", entry.found)
    assert (entry.allowed, entry.remedy) == (
        "an entry with a line options",
        'For unified kernel images set host.bootLoader to "uki"; else mount the ESP, or run this as root.',
    )
    assert list(_entries(PLAN, seen)) == []


def test_the_packages_that_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    table: dict[str, dict[str, Any]] = {
        "debian": {
            "install": "i", "installNow": "in", "removeNow": "out", "afterReboot": True,
            "called": {"like": {"b": "bb"}},
        }
    }  # fmt: skip
    monkeypatch.setattr(packages, "families", lambda: {"packages": table})
    monkeypatch.setattr(packages, "package_names", lambda plan: ["a", "b", "c"])
    known: dict[str, str] = {"a": "1"}
    monkeypatch.setattr(packages, "Packages", lambda seen: SimpleNamespace(knows=bool(known), version=known.get))
    none: Any = None

    def missing(shell: Shell, **facts: Any) -> packages.Missing | None:
        return packages.missing(PLAN, _facts(**facts), none, shell)

    like = {"id": "x", "idLike": ["y", "like"]}
    assert missing(Shell(), os=like) == packages.Missing(("bb", "c"), "in bb c", "out bb c", True)
    del table["debian"]["afterReboot"]
    assert missing(Shell()) == packages.Missing(("b", "c"), "in b c", "out b c", False)
    known.update(b="1", c="1")
    assert missing(Shell()) is None
    known.clear()
    asked: list[str] = []

    class Rpm(Shell):
        def holds(self, tests: Sequence[str]) -> tuple[bool, ...]:
            asked.extend(tests)
            return tuple(test.endswith(" b") for test in tests)

    assert missing(Rpm()) == packages.Missing(("a", "c"), "in a c", "out a c")
    assert asked == [f"rpm -q --whatprovides {name}" for name in "abc"]
    assert missing(Rpm(runs=False)) == packages.Missing(("a", "b", "c"), "in a b c", "out a b c")
    del table["debian"]["install"]
    assert missing(Shell()) is None
    table.clear()
    assert missing(Shell()) is None


def test_what_a_survey_knows() -> None:
    kept = [Configuration(path, b"", {}).kept for path in ("/x/a.toml", "a.json", "a")]
    assert kept == ["/etc/optimux/optimux.toml", "/etc/optimux/optimux.json", "/etc/optimux/optimux.toml"]
    (entry,) = survey._kept(Configuration("a.toml", b"content", {}))
    assert entry == HostFile(
        "/etc/optimux/optimux.toml", b"content", "the configuration, for later runs", mode=0o600
    )  # fmt: skip
    words = ["BOOT_IMAGE=/x", "initrd=/y", "root=1", "xinitrd=1", "quiet"]
    assert survey._running_command_line(_facts(kernelParams=words)) == "root=1 xinitrd=1 quiet\n"
    assert survey._running_command_line(_facts()) == ""
    lacking, full = packages.Missing(("a",), "in a", "out a"), prepare.Prepared(left=("x",))
    for missing, shell, empty in ((None, Shell(), True), (lacking, Shell(), False), (lacking, Shell("/x"), True)):
        found = Survey(PLAN, (), missing, full, shell)
        assert (found.is_empty, found.installs) == (empty, shell.can(offline=False))
    assert not Survey(PLAN, (), None, full.replace(commands=COMMANDS), Shell()).is_empty


@pytest.mark.parametrize("only", [("files",), ("packages", "files")])
def test_a_survey_of_another_root(only: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(survey, "missing", lambda *words: asked.append(words))
    put(tmp_path, "/sys/x", "")
    with Root(tmp_path) as root:
        found = survey.survey(
            Configuration("a.toml", b"x", edited({})), root, Shell(str(tmp_path)), Past(()), only,
            place=str(tmp_path), seen={"machine": {"inside": "container"}},
        )  # fmt: skip
    assert [problem.path for problem in found.against] == ["host"]
    assert bool(asked) == ("packages" in only)
    assert "/etc/optimux/optimux.toml" in {change.file.path for change in found.prepared.changes}
