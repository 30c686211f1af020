"""What apply runs and rollback takes back, in its order, and what is told where that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from optimux.emit.artifact import STEPS, HostCommand, HostFile
from optimux.errors import OptimuxError
from optimux.files.root import Root
from optimux.files.state import Metadata, State
from optimux.host.apply import carry_out as carrying
from optimux.host.apply.prepare import prepare
from optimux.host.journal import CommandRun, FileChange, Transaction, transactions
from optimux.host.past import Past
from optimux.host.rollback import Conflict, conflicts, roll_back
from optimux.host.shell import Shell
from tests.apply.hosts import OURS, host
from tests.apply.test_journal import WHOLE, begun
from tests.detect.tree import put

if TYPE_CHECKING:
    from pathlib import Path


class Telling(Shell):
    """Runs nothing and tells what it would; ``fails`` are commands that end with 1."""

    def __init__(self, *fails: str, root: str | None = None, runs: bool = True) -> None:
        super().__init__(root, runs=runs)
        self.told: list[str] = []
        self.fails = fails

    def run(self, command: str) -> int:
        self.told.append(command)
        return int(command in self.fails)

    def settle(self) -> None:
        self.told.append("(settled)")


COMMANDS = (
    HostCommand("group", "g", step="groups", undo="ungroup"),
    HostCommand("asked", "q", step="services", unless="test -e /none", undo="unask", offline=True),
    HostCommand("image", "i", step="initramfs", after=(OURS,), offline=True),
    HostCommand("install", "p", step="packages", undo="remove"),
)
UNASK = "if ( test -e /none ); then unask; fi"
WRONG = "The files are as they were, but this did not end well:"


def applied(folder: Path, shell: Shell, *extra: HostFile, say: Any = lambda text: None) -> Transaction:
    """Two files, some more, and the commands."""
    wanted = [HostFile(OURS, "x\n", "ours"), HostFile("/etc/made/deep/file", "y\n", "deep"), *extra]
    with Root(folder) as root:
        prepared = prepare(wanted, root, Past(()), STEPS, Shell(), "").replace(commands=COMMANDS)
        return carrying.carry_out(prepared, Transaction(1, "", "", ""), root, shell, say)


def test_what_apply_runs_and_records(tmp_path: Path) -> None:
    folder, shell, said = host(tmp_path / "host"), Telling(), list[str]()
    done = applied(folder, shell, say=said.append)
    assert shell.told == ["group", "asked", "image", "(settled)", "install"]
    assert said == ["$ group", "$ asked", "$ image", "$ install"]
    assert done.stage == "applied"
    assert [run.ended for run in done.commands] == [True] * 4
    assert [run.undo for run in done.commands] == ["ungroup", UNASK, "", "remove"]
    said.clear()
    with Root(folder) as root:
        assert transactions(root) == (done,)
        back = Telling()
        assert roll_back(done, root, back, say=said.append) == ()
        assert transactions(root)[0].stage == "undone"
    assert back.told == [UNASK, "ungroup", "image", "(settled)"]
    assert said == [f"$ {UNASK}", "$ ungroup", "$ image", "put back 2 files"]
    assert not (folder / "etc/made").exists()


def test_the_journal_knows_each_command_that_has_ended(tmp_path: Path) -> None:
    """All of them, before each is run: a kill in between leaves nothing unsaid."""
    folder, seen = host(tmp_path / "host"), list[list[bool]]()

    class Looking(Telling):
        """Reads the journal as the next run would find it."""

        def run(self, command: str) -> int:
            with Root(folder) as root:
                (found,) = transactions(root)
            assert [run.command for run in found.commands] == ["group", "asked", "image", "install"]
            seen.append([run.ended for run in found.commands])
            return super().run(command)

    applied(folder, Looking())
    assert seen == [[number < done for number in range(4)] for done in range(4)]


def test_a_rollback_with_packages_and_what_is_renewed(tmp_path: Path) -> None:
    """Newest first; a file that was there before is taken into use again; one that is gone is not named."""
    folder = host(tmp_path / "host")
    put(folder, OURS, "before\n")
    done = applied(folder, Telling(), HostFile("/etc/late", "z\n", "late"))
    late = CommandRun("use /etc/late", "files", "", ("/etc/late",), ended=True)
    done = done.replace(commands=(*done.commands, late))
    said, back = list[str](), Telling("image")
    with Root(folder) as root:
        assert roll_back(done, root, back, packages=True, say=said.append) == ("image",)
    assert back.told == ["remove", UNASK, "ungroup", "image", "(settled)"]
    assert said[-1] == "put back 3 files"
    assert (folder / OURS[1:]).read_text() == "before\n"


def test_a_rollback_of_what_was_cut_off(tmp_path: Path) -> None:
    """Nothing had ended: in another root only what works offline is undone; what cannot run here is named."""
    folder = host(tmp_path / "host")
    done = applied(folder, Telling())
    cut = done.replace(
        commands=tuple(run.replace(ended=False) for run in done.commands), files=done.files[:1], stage="begun"
    )
    said, elsewhere = list[str](), Telling(root="/other")
    with Root(folder) as root:
        assert roll_back(cut, root, elsewhere, say=said.append) == ()
        assert elsewhere.told == [UNASK, "image", "(settled)"]
        assert said[-1] == "put back 1 file"
        said.clear()
        without = done.replace(files=())
        assert roll_back(without, root, Telling(runs=False), say=said.append) == (UNASK, "ungroup")
        assert said == []


def test_vms_are_taken_back_where_there_are_some(tmp_path: Path) -> None:
    took: list[Any] = []

    def take_back(found: Any) -> list[str]:
        took.append(found)
        return ["left"]

    with Root(host(tmp_path / "host")) as root:
        changed = begun(1).replace(domains=WHOLE.domains)
        assert roll_back(changed, root, Telling(), domains=take_back) == ("left",)
        assert roll_back(changed, root, Telling()) == ()
        assert roll_back(begun(1), root, Telling(), domains=take_back) == ()
    assert took == [WHOLE.domains]


def test_which_files_stand_in_the_way(tmp_path: Path) -> None:
    """Through several transactions: what the newer one found is what the older one left."""
    one, two = (State(word, Metadata(0o644)) for word in (b"1", b"2"))
    older = begun(1, files=[FileChange("/a", None, one), FileChange("/b", None, one)])
    newer = begun(2, files=[FileChange("/a", one, two)])
    for path, text in (("/a", "2"), ("/b", "mine")):
        put(tmp_path, path, text)
        (tmp_path / path[1:]).chmod(0o644)
    with Root(tmp_path) as root:
        (found,) = conflicts((newer, older), root)
        assert found == Conflict("/b", None, one, root.look("/b"))
        put(tmp_path, "/a", "1")
        assert [conflict.path for conflict in conflicts((newer, older), root)] == ["/b"]
        with pytest.raises(OptimuxError, match=r"^/b changed meanwhile\. Run it again\.$"):
            roll_back(older, root, Telling())


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        (("group",), "`group` ended with 1. Everything was taken back; the host is as it was."),
        (("image",), f"`image` ended with 1. {WRONG}\n  image"),
        (("install", "ungroup"), f"`install` ended with 1. {WRONG}\n  ungroup"),
    ],
)
def test_apply_that_fails_and_what_is_told(fails: tuple[str, ...], said: str, tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    with pytest.raises(OptimuxError) as caught:
        applied(folder, Telling(*fails))
    assert str(caught.value) == said
    assert not (folder / OURS[1:]).exists()


def test_apply_that_can_neither_go_on_nor_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise OptimuxError("no room")

    monkeypatch.setattr(carrying, "roll_back", fails)
    with pytest.raises(OptimuxError) as caught:
        applied(host(tmp_path / "host"), Telling("group"))
    then = "Run `optimux rollback` once that is mended."
    assert str(caught.value) == f"`group` ended with 1. Taking back what was done failed too: no room. {then}"
