"""The VMs that apply defined, taken back: what was there before comes back, and what the user did since stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from optimux.errors import OptimuxError
from optimux.files.root import Root
from optimux.host.apply.domains import define, take_back
from optimux.host.journal import DomainChange, Transaction, transactions
from optimux.libvirt import binding
from optimux.libvirt.connection import Connection
from optimux.libvirt.define import Step
from tests.define.made_up import NO_DOMAIN, LibvirtsOwn, made_up, raising

Known = dict[str, str]


@pytest.fixture
def libvirt(monkeypatch: pytest.MonkeyPatch) -> Callable[[Known], None]:
    """Puts a libvirt that knows these domains, and keeps them, in the place of the real one."""

    def put(known: Known) -> None:
        def look_up(name: str) -> SimpleNamespace:
            if name not in known:
                raise LibvirtsOwn("no domain", NO_DOMAIN)
            return SimpleNamespace(
                XMLDesc=lambda flags: known[name], isActive=lambda: 0, undefineFlags=lambda flags: known.pop(name)
            )

        def define(xml: str) -> None:
            if "refused" in xml:
                raise LibvirtsOwn("unsupported configuration")
            known[xml.split("'")[1]] = xml

        library = made_up(lookupByName=look_up, defineXML=define)
        monkeypatch.setattr(binding, "import_module", lambda name: library)

    return put


NEW, OLD, EDITED = "<domain name='a' new/>", "<domain name='a' old/>", "<domain name='a' edited/>"
CHANGED = "the VM a was changed since; --force takes it back all the same"


@pytest.mark.parametrize(
    ("now", "before", "force", "then", "left"),
    [
        (NEW, None, False, None, []),
        (NEW, OLD, False, OLD, []),
        (EDITED, None, False, EDITED, [CHANGED]),
        (EDITED, None, True, None, []),
        (EDITED, OLD, False, EDITED, [CHANGED]),
        (EDITED, OLD, True, OLD, []),
        (OLD, OLD, False, OLD, []),
        (None, OLD, False, None, []),
        (None, None, True, None, []),
    ],
)
def test_taken_back(
    now: str | None,
    before: str | None,
    force: bool,
    then: str | None,
    left: list[str],
    libvirt: Callable[[Known], None],
) -> None:
    known: Known = {"b": "<domain name='b'/>"} | ({"a": now} if now else {})
    libvirt(known)
    assert take_back([DomainChange("a", before, NEW, "qemu:///system")], force=force) == left
    assert known == {"b": "<domain name='b'/>"} | ({"a": then} if then else {})


def test_unless_told_to_what_was_edited_stays(libvirt: Callable[[Known], None]) -> None:
    known = {"a": EDITED}
    libvirt(known)
    assert take_back([DomainChange("a", OLD, NEW)]) == [CHANGED]
    assert known == {"a": EDITED}


def test_the_last_one_first_and_the_others_all_the_same(libvirt: Callable[[Known], None]) -> None:
    known = {"a": NEW, "b": "<domain name='b' new/>"}
    libvirt(known)
    changes = [
        DomainChange("a", OLD, NEW),
        DomainChange("b", "<domain name='b' refused/>", "<domain name='b' new/>"),
    ]
    assert take_back(changes) == ["the VM b: unsupported configuration"]
    assert known == {"a": OLD, "b": "<domain name='b' new/>"}


def test_without_a_libvirt_each_is_named(libvirt: Callable[[Known], None], monkeypatch: pytest.MonkeyPatch) -> None:
    library = made_up(open=raising(LibvirtsOwn("Failed to connect socket")))
    monkeypatch.setattr(binding, "import_module", lambda name: library)
    left = take_back([DomainChange(name, None, NEW) for name in "ab"])
    assert [line.partition(". ")[0] for line in left] == [f"the VM {name}: Failed to connect socket" for name in "ba"]


@pytest.mark.parametrize("refused", [True, False])
def test_what_libvirt_refuses_is_undone_in_the_journal(
    refused: bool, libvirt: Callable[[Known], None], tmp_path: Path
) -> None:
    known: Known = {}
    libvirt(known)
    step = Step("a", "a", None, f"<domain name='a' {'refused' if refused else 'new'}/>", False, None)
    began = Transaction(1, "2026-01-01T00:00:00Z", "1", "0")
    with Root(tmp_path) as root, Connection("qemu:///system") as connection:
        if refused:
            with pytest.raises(OptimuxError, match="unsupported configuration"):
                define([step], began, connection, root)
        else:
            define([step], began, connection, root)
        (journal,) = transactions(root)
    wanted = ("undone", False, False) if refused else ("begun", True, True)
    assert (journal.stage, bool(journal.domains), bool(known)) == wanted
