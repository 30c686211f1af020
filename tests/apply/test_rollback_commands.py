"""The commands of a rollback: run, or named where they cannot be, and a file that somebody changed since."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimux.errors import OptimuxError
from optimux.files.root import Root
from optimux.host.journal import transactions
from optimux.host.rollback import roll_back
from optimux.host.shell import Shell
from tests.apply.hosts import OURS, apply, entries, host


class Refusing(Shell):
    """One in which nothing can be started."""

    def run(self, command: str) -> int:
        raise OptimuxError(f"`{command}` cannot be started: Cannot allocate memory")


class Failing(Shell):
    """One in which every command fails."""

    def run(self, command: str) -> int:
        return 1


def _roll_back(folder: Path, shell: Shell, *, force: bool = False, spare: bool = False) -> tuple[str, ...]:
    with Root(folder) as root:
        (transaction,) = transactions(root)
        return roll_back(transaction, root, shell, force=force, spare=spare, say=lambda text: None)


@pytest.mark.parametrize(
    ("shell", "done"), [(Shell(), True), (Shell(runs=False), False), (Refusing(), False), (Failing(), False)]
)
def test_what_was_not_run_is_named(shell: Shell, done: bool, tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    apply(folder, entries(folder))
    failed = _roll_back(folder, shell)
    assert (folder / "state/group").exists() != done
    assert len(failed) == (0 if done else 2)
    assert done or ("rm -f" in failed[0] and failed[1].endswith(str(folder / "state/image")))
    assert not (folder / OURS[1:]).exists()


@pytest.mark.parametrize(("force", "spare"), [(False, False), (True, False), (False, True)])
def test_a_file_that_was_changed_since(force: bool, spare: bool, tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    apply(folder, entries(folder))
    (folder / OURS[1:]).write_text("mine\n")
    if not (force or spare):
        with pytest.raises(OptimuxError, match=rf"{OURS} changed meanwhile\. Run it again"):
            _roll_back(folder, Shell())
        assert (folder / "state/group").exists()
    else:
        _roll_back(folder, Shell(), force=force, spare=spare)
        assert not (folder / "state/group").exists()
    assert (folder / OURS[1:]).exists() != force


def test_a_file_that_is_changed_while_it_is_rolled_back(tmp_path: Path) -> None:
    """The rest comes back all the same, and what is left can be rolled back later."""
    folder = host(tmp_path / "host")

    class Meanwhile(Shell):
        """Somebody else changes a file when the first command is undone."""

        def run(self, command: str) -> int:
            (folder / OURS[1:]).write_text("mine\n")
            return super().run(command)

    apply(folder, entries(folder))
    with pytest.raises(OptimuxError, match=rf"{OURS} changed meanwhile\. The rest can be rolled back"):
        _roll_back(folder, Meanwhile())
    assert (folder / OURS[1:]).read_text() == "mine\n"
    assert not (folder / "etc/made").exists()
    (folder / OURS[1:]).unlink()
    assert _roll_back(folder, Shell()) == ()
