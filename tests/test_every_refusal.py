"""Every place that refuses has a case: found by looking at the syntax tree, known to be reached by what ran.

A place is a ``raise``, or a ``Problem`` that is made. ``bad_input/test_every_place.py`` asks the same of what judges
options, by the calls; here the room's own tests are run once more, and what they ran is read from coverage.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lab.mutation.trial import PACKAGE, Trials
from optimux.record import Record

if TYPE_CHECKING:
    from pathlib import Path

# The tests that hold a room's refusals, as few as there must be: they run twice.
_UNREADABLE = "tests/bad_input/test_unreadable.py"
_FOLDERS = "tests/cli/test_folder"
_PLANTED = "tests/trust/test_races.py::test_what_a_card_was_is_believed_of_nobody_else"
CASES: dict[str, tuple[str, ...]] = {
    "patch": (
        *("tests/patch/test_wild.py::test_refusals", "tests/patch/test_wild.py::test_an_unknown_concern"),
        *("tests/patch/test_wild.py::test_bytes_of_no_encoding", "tests/patch/test_no_domain_of_ours.py"),
        "tests/patch/test_wild.py::test_bytes_that_an_encoding_spells_in_two_ways",
        "tests/patch/test_wild.py::test_utf_32",
        *(
            "tests/patch/test_arguments.py::TestDoubts",
            "tests/patch/test_cost.py::test_more_than_any_machine_has_is_refused_at_once",
        ),
    ),
    "libvirt": ("tests/define/test_libvirts_own_words.py", "tests/trust/test_battery_table.py"),
    "guest": (
        *("tests/guest/test_agent.py", "tests/guest/test_setup.py", "tests/guest/test_installation.py"),
        "tests/guest/test_media_check.py",
    ),
    "host": (
        *(f"tests/handover/test_{name}.py" for name in ("kernel", "take", "refused_steps", "start", "hook")),
        *("tests/apply/test_refuse.py", "tests/apply/test_rollback_commands.py", "tests/apply/test_rights.py"),
        "tests/apply/test_bad_hosts.py",
        *(
            f"tests/doctor/test_command.py::test_{name}"
            for name in (*("a_kept_configuration_that_is_wrong", "exit_code", "without_a_configuration"),)
        ),
        *(
            f"tests/doctor/test_initramfs_image.py::test_{name}"
            for name in (
                *("what_is_no_image", "a_program_that_is_missing", "an_image_that_unpacks_to_more_than_any"),
                *("more_files_than_any_image_has", "a_module_that_zstd_does_not_unpack"),
            )
        ),
        _PLANTED,
    ),
    "facts/detect": ("tests/detect/test_root.py",),
    "bundle": (
        *(f"{_FOLDERS}_users.py", f"{_FOLDERS}.py::TestPlaces", f"{_FOLDERS}_killed.py::test_no_room_at_every_call"),
        f"{_FOLDERS}_killed.py::test_a_lock_that_nobody_gives_up",
    ),
    "files": (
        *("tests/trust/test_what_the_system_refuses.py", "tests/trust/test_refusals.py"),
        *("tests/trust/test_single_file.py", "tests/cli/test_input.py::test_a_pipe_that_nobody_writes_to"),
        f"{_FOLDERS}_killed.py::test_no_room_at_every_call",
        *(f"{_UNREADABLE}::test_malformed", f"{_UNREADABLE}::test_no_path_at_all"),
        *(f"{_UNREADABLE}::test_no_readable_file", f"{_UNREADABLE}::test_closed_standard_input"),
    ),
}
# What no test can reach, by file and the statement's first line as it is written, each with the reason.
BEYOND: dict[tuple[str, str], str] = {}


class Place(Record):
    """One place that refuses: its file below the package, its lines, and the first of them as it is written."""

    file: str
    first: int
    last: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.first}: {self.text}"


def places(file: Path, name: str) -> Iterator[Place]:
    """Every place of one module, in no order."""
    source = file.read_text(encoding="utf-8")
    lines = source.splitlines()
    within: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise):
            within |= set(ast.walk(node))
            yield Place(name, node.lineno, node.end_lineno or node.lineno, lines[node.lineno - 1].strip())
        elif isinstance(node, ast.Call) and node not in within and ast.unparse(node.func) == "Problem":
            yield Place(name, node.lineno, node.end_lineno or node.lineno, lines[node.lineno - 1].strip())


def _of_room(room: str) -> list[Place]:
    files = sorted((PACKAGE / "optimux" / room).rglob("*.py"))
    return [place for file in files for place in places(file, file.relative_to(PACKAGE).as_posix())]


@pytest.mark.parametrize("room", CASES)
def test_every_place_has_a_case(room: str) -> None:
    with Trials(CASES[room]) as trials:
        ran = trials.reach().tests
    found = _of_room(room)
    missing = [
        place for place in found
        if not any((f"generator/{place.file}", line) in ran for line in range(place.first, place.last + 1))
    ]  # fmt: skip
    beyond = {key for key in BEYOND if key[0].startswith(f"optimux/{room}/")}
    assert [str(place) for place in missing if (place.file, place.text) not in beyond] == []
    assert beyond - {(place.file, place.text) for place in missing} == set(), "these have a case, or are gone"
    assert len(found) > 5
