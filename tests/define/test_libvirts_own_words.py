"""Whatever libvirt refuses is told in its own words, at every call; the same calls that it takes are made."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from optimux.errors import InvalidInput, OptimuxError
from optimux.files.root import Root
from optimux.guest.agent import AgentError, AgentSilent
from optimux.libvirt import agent, binding, machine
from optimux.libvirt.binding import LibvirtError
from optimux.libvirt.connection import Connection
from optimux.libvirt.define import Step, carry_out, steps_for, tables_for
from tests.define.made_up import NO_DOMAIN, TIMEOUT, UNRESPONSIVE, UNSYNCED, LibvirtsOwn, made_up, raising
from tests.golden_cases import case

SAID = "internal error: no such thing"
FAILS = raising(LibvirtsOwn(SAID))
GONE = raising(LibvirtsOwn("no domain", NO_DOMAIN))
NETWORK = SimpleNamespace(isActive=lambda: 0, create=FAILS)
DISK = "<disk><source file='/a.iso'/><target dev='sdb'/></disk>"
XML = f"<domain><devices>{DISK}</devices></domain>"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SimpleNamespace]:
    """Puts a made-up libvirt in the place of the real one."""

    def put(**domain: Any) -> SimpleNamespace:
        library = made_up(**domain)
        monkeypatch.setattr(binding, "import_module", lambda name: library)
        return library

    return put


def _machine(act: Callable[[machine.VirtualMachine], object]) -> None:
    with machine.machine("win", None) as found:
        act(found)


def _connection(act: Callable[[Connection], object]) -> None:
    with Connection("qemu:///system") as found:
        act(found)


def _installing(act: Callable[[Any], object]) -> None:
    with Connection("qemu:///system") as found:
        started = found.installing(XML, "/a.iso")
        started.start()
        act(started)


def _guest(act: Callable[[Any, Any], object]) -> None:
    with agent.guest("win", None) as (found, restart):
        act(found, restart)


# What is done, the call of libvirt's that fails in it, and what changed where none fails.
DONE: dict[str, tuple[Callable[[], None], str, list[str]]] = {
    "connect": (lambda: _connection(lambda c: None), "open", []),
    "find": (lambda: _connection(lambda c: c.find("win")), "XMLDesc", []),
    "look up": (lambda: _connection(lambda c: c.find("win")), "lookupByName", []),
    "define": (lambda: _connection(lambda c: c.define("<domain/>")), "defineXML", ["defineXML"]),
    "undefine": (lambda: _connection(lambda c: c.undefine("win")), "undefineFlags", ["undefineFlags"]),
    "machine": (lambda: _machine(lambda m: None), "open", []),
    "machine, look up": (lambda: _machine(lambda m: None), "lookupByName", []),
    "runs": (lambda: _machine(lambda m: m.runs), "isActive", []),
    "xml": (lambda: _machine(lambda m: m.xml()), "XMLDesc", []),
    "network": (lambda: _machine(lambda m: m.start_network("default")), "networkLookupByName", ["network"]),
    "start": (lambda: _machine(lambda m: m.start()), "create", ["create"]),
    "resume": (lambda: _machine(lambda m: m.resume()), "resume", ["resume"]),
    "shut down": (lambda: _machine(lambda m: m.shut_down()), "shutdown", ["shutdown"]),
    "agent": (lambda: _guest(lambda a, r: None), "open", []),
    "agent, look up": (lambda: _guest(lambda a, r: None), "lookupByName", []),
    "agent, command": (lambda: _guest(lambda a, r: a.call("guest-ping")), "qemuAgentCommand", []),
    "restart": (lambda: _guest(lambda a, r: r()), "reboot", ["reboot"]),
    "install": (lambda: _installing(lambda m: None), "createXML", ["createXML"]),
    "press": (lambda: _installing(lambda m: m.press()), "sendKey", ["createXML", "sendKey"]),
    "eject": (lambda: _installing(lambda m: m.eject()), "updateDeviceFlags", ["createXML", "updateDeviceFlags"]),
}
# A domain that has ended is none to press a key on, or to take a medium out of: no failure.
XML_OF_A_RUN = {"XMLDesc": lambda flags: XML}


@pytest.mark.parametrize("name", DONE)
def test_every_call(name: str, known: Callable[..., SimpleNamespace]) -> None:
    act, call, changed = DONE[name]
    library = known(**XML_OF_A_RUN)
    act()
    assert [done for done in library.calls if done != "close"] == changed
    library = known(**XML_OF_A_RUN | {call: FAILS})
    with pytest.raises((LibvirtError, AgentError), match=SAID):
        act()
    assert ("close" in library.calls) == (call != "open")


def test_a_domain_that_is_not_there(known: Callable[..., SimpleNamespace]) -> None:
    library = known(lookupByName=GONE)
    _connection(lambda c: (_ for _ in ()).throw(AssertionError) if c.find("win") else c.undefine("win"))
    assert library.calls == ["close"]
    with pytest.raises(InvalidInput, match='found "win"; allowed: "win"'):
        _machine(lambda m: None)
    known(lookupByName=GONE, listAllDomains=list)
    with pytest.raises(InvalidInput, match="none: no VM is defined"):
        _machine(lambda m: None)
    known(lookupByName=GONE, listAllDomains=FAILS)
    with pytest.raises(OptimuxError, match=SAID):
        _machine(lambda m: None)


def test_where_libvirt_does_not_run(known: Callable[..., SimpleNamespace]) -> None:
    known(open=FAILS)
    with pytest.raises(LibvirtError, match=r"Is libvirt running, and are you in the group libvirt\?"):
        _machine(lambda m: None)


@pytest.mark.parametrize(
    ("uri", "words", "next_step"),
    [
        (
            "qemu:///system",
            "Failed to connect socket to '/x': No such file or directory",
            "`optimux apply` installs it",
        ),
        ("qemu:///system", "Failed to connect socket to '/x': Connection refused", "systemctl enable --now"),
        ("qemu:///system", "Failed to connect socket to '/x': Permission denied", "are you in the group libvirt?"),
        ("qemu+ssh://far/system", "Could not resolve hostname far: No such file", "Look at the address"),
    ],
)
def test_what_to_do_where_it_does_not_answer(
    uri: str, words: str, next_step: str, known: Callable[..., SimpleNamespace]
) -> None:
    known(open=raising(LibvirtsOwn(words)))
    with pytest.raises(LibvirtError) as told:
        binding.opened(uri)
    assert next_step in str(told.value)


@pytest.mark.parametrize(("state", "resumed"), [(3, True), (7, True), (1, False), (5, False)])
def test_only_what_waits_runs_on(state: int, resumed: bool, known: Callable[..., SimpleNamespace]) -> None:
    library = known(state=lambda flags: (state, 0))
    _machine(lambda m: m.resume())
    assert ("resume" in library.calls) == resumed


@pytest.mark.parametrize(("active", "needed"), [(0, True), (1, False)])
def test_a_network_is_started_once(active: int, needed: bool, known: Callable[..., SimpleNamespace]) -> None:
    started: list[str] = []
    network = SimpleNamespace(isActive=lambda: active, create=lambda: started.append("network"))
    known(networkLookupByName=lambda name: network)
    _machine(lambda m: started.append(str(m.start_network("default"))))
    assert started == (["network", "True"] if needed else ["False"])


def test_a_guest_that_is_off_has_no_agent(known: Callable[..., SimpleNamespace]) -> None:
    known(isActive=lambda: 0)
    with pytest.raises(OptimuxError, match=r"win does not run: start it first \(virsh start win\)"):
        _guest(lambda a, r: None)
    known(isActive=lambda: 1)
    _guest(lambda a, r: None)


@pytest.mark.parametrize(
    ("code", "silent"), [(UNRESPONSIVE, True), (UNSYNCED, True), (TIMEOUT, True), (1, False), (NO_DOMAIN, False)]
)
def test_silence_is_no_refusal(code: int, silent: bool, known: Callable[..., SimpleNamespace]) -> None:
    known(qemuAgentCommand=raising(LibvirtsOwn(SAID, code)))
    with pytest.raises(AgentError, match=SAID) as refused:
        _guest(lambda a, r: a.call("guest-ping"))
    assert isinstance(refused.value, AgentSilent) == silent
    assert ("Does the domain have the channel" in str(refused.value)) == (not silent)


@pytest.mark.parametrize(("code", "told"), [(UNRESPONSIVE, False), (1, True)])
def test_the_answer_to_a_restart_may_be_lost(code: int, told: bool, known: Callable[..., SimpleNamespace]) -> None:
    known(reboot=raising(LibvirtsOwn(SAID, code)))
    if told:
        with pytest.raises(LibvirtError, match=SAID):
            _guest(lambda a, r: r())
    else:
        _guest(lambda a, r: r())


def test_a_machine_that_has_ended(known: Callable[..., SimpleNamespace]) -> None:
    library = known(isActive=FAILS)
    _installing(lambda m: (m.press(), m.eject()))
    assert library.calls == ["createXML", "close"]


def test_a_domain_that_libvirt_refuses(known: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    """What was placed and defined before it goes again."""
    planned = case("omen-17").plan().domains[:1]
    library = known(lookupByName=GONE, defineXML=FAILS)
    with Connection("qemu:///system") as found, Root(tmp_path) as root:
        steps, tables = steps_for(planned, found), tables_for(planned, root)
        assert (len(steps), len(tables)) == (1, 1)
        with pytest.raises(LibvirtError, match=rf"vms\..*: libvirt refuses .*: {SAID}\. Nothing was changed"):
            carry_out(steps, tables, found, root)
        assert list(tmp_path.iterdir()) == []
    library = known(lookupByName=GONE)
    with Connection("qemu:///system") as found, Root(tmp_path) as root:
        carry_out(steps, tables, found, root)
    assert library.calls == ["defineXML", "close"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] != []


def test_what_was_defined_before_comes_back(known: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    defined: list[str] = []

    def define(xml: str) -> None:
        if xml == "<bad/>":
            raise LibvirtsOwn(SAID)
        defined.append(xml)

    library = known(defineXML=define)
    steps = [
        Step("a", "a", "<old/>", "<new/>", False, None),
        Step("b", "b", None, "<first/>", False, None),
        Step("c", "c", "<same/>", "<same/>", False, None),
        Step("d", "d", None, "<bad/>", False, None),
    ]
    with Connection("qemu:///system") as found, Root(tmp_path) as root, pytest.raises(LibvirtError, match=r"vms\.d"):
        carry_out(steps, (), found, root)
    assert defined == ["<new/>", "<first/>", "<old/>"]
    assert "undefineFlags" in library.calls


def test_without_a_binding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "_FOLDERS", ())
    with pytest.raises(OptimuxError, match="libvirt's Python binding is missing"):
        binding.binding("no_such_module_of_libvirts")
    assert binding.binding("json").loads("1") == 1


def test_a_table_that_cannot_be_placed(tmp_path: Path, known: Callable[..., SimpleNamespace]) -> None:
    planned = case("omen-17").plan().domains[:1]
    known()
    with Connection("qemu:///system") as found, Root(tmp_path) as root:
        (table,) = tables_for(planned, root)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", raising(OSError(errno.ENOSPC, "full")))
            with pytest.raises(OptimuxError, match=r"full.* Nothing was changed"):
                carry_out((), (table,), found, root)
        assert list(tmp_path.iterdir()) == []
        (tmp_path / table.path.split("/")[1]).touch()  # a file where a folder must be
        with pytest.raises(OptimuxError, match=r"Run as root, or set battery\.path"):
            carry_out((), (table,), found, root)
        with pytest.raises(OptimuxError, match=r"Run as root, or set battery\.path"):
            tables_for(planned, root)
        (tmp_path / table.path.split("/")[1]).unlink()
        carry_out((), (table,), found, root)
    assert (tmp_path / table.path.lstrip("/")).read_bytes() == table.after
