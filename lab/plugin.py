"""What every test gets from the laboratory: skips that say why, names that can be read, signals of its own."""

from __future__ import annotations

import gc
import importlib
import re
import signal
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab.errors import Unavailable
from lab.say import speak_through

if TYPE_CHECKING:
    from collections.abc import Generator


LONGEST_ID = 60
SELDOM = (50_000, 20, 20)  # new objects until garbage is looked for, then how often among older ones
# What takes minutes, by the groups of xdist, the longest first: begun last, one worker would do it while others wait.
LONG_GROUPS = (
    *("nixos", "on_demand", "by_id", "apply_dracut", "flake", "this_machine", "nix"),
    *("compositors", "apply_grub", "by_address", "without_files", "libvirtd_trixie", "libvirtd_bookworm", "refusals"),
    *("install", "define", "apply_debian", "initramfs"),
)


def pytest_configure(config: pytest.Config) -> None:
    """Signals do what they do by default, also where this runs in the background of a script, which ignores some.

    What is made while thousands of tests are collected lives to the end: it is seldom looked through for garbage.
    """
    gc.set_threshold(*SELDOM)
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if capture := config.pluginmanager.getplugin("capturemanager"):
        speak_through(capture.global_and_fixture_disabled)
    config.addinivalue_line("markers", "xdist_group(name): tests of one name run in one worker")  # xdist may be absent


def pytest_make_parametrize_id(val: object) -> str | None:
    """A long text does not stand in a test's name as it is: its beginning, and what tells it from others."""
    if not isinstance(val, str | bytes) or len(repr(val)) <= LONGEST_ID:
        return None
    data = val if isinstance(val, bytes) else val.encode("utf-8", "surrogatepass")
    words = re.sub(r"[^A-Za-z0-9]+", "-", data[:LONGEST_ID].decode("ascii", "ignore")).strip("-")
    return f"{words[:30] or type(val).__name__}-{sha256(data).hexdigest()[:8]}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Where several collect at once, each loads a part of its own first.

    In a new checkout all would else compile the same tests at the same time, with the assertions that pytest rewrites.
    """
    worker: dict[str, Any] = getattr(session.config, "workerinput", {})
    count = int(worker.get("workercount", 1))
    if count == 1:
        return
    top = session.config.rootpath
    places = (Path(top, argument) for argument in session.config.args)
    files = (file for place in places if (place / "__init__.py").exists() for file in sorted(place.rglob("test_*.py")))
    names = [".".join(file.relative_to(top).with_suffix("").parts) for file in files]
    share = len(names) // count * int(str(worker["workerid"]).removeprefix("gw"))
    for name in (*names[share:], *names[:share]):
        with suppress(Exception, pytest.skip.Exception):  # what is wrong is told where it is collected
            importlib.import_module(name)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """The thousands of tests and what they were made of live to the end: no collection need look at them again.

    The tests make and drop values by the thousands that are no cycles: what is looked for rarely is found all the same.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, then those of the VM tests, the others as they stand."""
    items.sort(key=_turn)


@pytest.hookimpl(optionalhook=True)  # xdist may be absent
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Our own where xdist would schedule by groups."""
    if config.getoption("dist") != "loadgroup":
        return None
    from lab.scheduler import Scheduling

    return Scheduling(config, log)


def groups_of(item: pytest.Item) -> list[str]:
    """The groups of xdist that a test is in."""
    return [name for mark in item.iter_markers("xdist_group") for name in (*mark.args, *mark.kwargs.values())]


def _turn(item: pytest.Item) -> int:
    turns = [LONG_GROUPS.index(name) for name in groups_of(item) if name in LONG_GROUPS]
    return min(turns, default=len(LONG_GROUPS) + (item.path.parent.name != "vm-tests"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """A fixture that cannot be had skips every test that wants it."""
    yield from _skipping()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """The same for what a test itself asks for."""
    yield from _skipping()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """The command switches the search for garbage off, as it ends soon. What called it within a test goes on."""
    gc.enable()


def _skipping() -> Generator[None, None, None]:
    try:
        return (yield)
    except Unavailable as reason:
        pytest.skip(str(reason))
