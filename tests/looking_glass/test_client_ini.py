"""The client's ini, read by the client of release B7."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from lab.consumers.looking_glass import looking_glass_client
from optimux.emit.artifact import HostFile
from optimux.emit.looking_glass_client import SYSTEM_FILE, client_entries, client_ini, vm_file
from optimux.findings import Findings
from optimux.options.client import check_client
from tests.looking_glass.plans import plan
from tests.looking_glass.test_client_settings import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.consumers.roots import Root
    from optimux.client_settings import Value
    from optimux.plan.model import Plan

    Settings = Mapping[str, Mapping[str, Value]]

EVDEV = [{"dev": "/dev/input/by-path/platform-i8042-serio-0-event-kbd"}]


def files(planned: Plan) -> dict[str, str]:
    entries = client_entries(planned)
    assert all(isinstance(entry, HostFile) for entry in entries)
    return {entry.path: entry.data.decode() for entry in entries if isinstance(entry, HostFile)}


def lines(ini: str) -> list[str]:
    """``section:key=value``, in order."""

    def walk() -> Iterator[str]:
        section = ""
        for line in ini.splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith(";"):
                yield f"{section}:{line}"

    return list(walk())


def test_the_path_of_the_memory_by_release() -> None:
    assert lines(files(plan())[SYSTEM_FILE]) == ["app:shmFile=/dev/kvmfr0"]
    assert lines(files(plan({"release": "idd"}))[SYSTEM_FILE]) == ["lgmp:shmDevice=/dev/kvmfr0"]
    assert lines(files(plan({"memory": "shm"}))[SYSTEM_FILE]) == ["app:shmFile=/dev/shm/looking-glass"]


def test_who_wrote_it_and_where_the_users_own_belong() -> None:
    first, second, *_ = files(plan())[SYSTEM_FILE].splitlines()
    assert first.startswith("; Written by Optimux")
    assert "client.ini" in second


def test_evdev_turns_off_input_alone() -> None:
    written = lines(files(plan(win11={"evdev": EVDEV}))[SYSTEM_FILE])
    assert written == ["app:shmFile=/dev/kvmfr0", "spice:input=no"]
    own = plan({"client": {"spice": {"input": True}}}, win11={"evdev": EVDEV})
    assert "spice:input=yes" in lines(files(own)[SYSTEM_FILE])


def test_where_spice_listens() -> None:
    moved = plan(win11={"spice": {"port": 5930, "address": "192.168.122.1"}})
    assert lines(files(moved)[SYSTEM_FILE])[1:] == ["spice:host=192.168.122.1", "spice:port=5930"]
    everywhere = plan(win11={"spice": {"port": 5900, "address": "0.0.0.0"}})
    assert lines(files(everywhere)[SYSTEM_FILE])[1:] == []


def test_without_a_spice_server_the_client_looks_for_none() -> None:
    off = plan(win11={"spice": {"enable": False}, "channels": [], "sound": {"backend": "none"}})
    assert lines(files(off)[SYSTEM_FILE])[1:] == ["spice:enable=no"]


def test_settings_of_the_user_by_section() -> None:
    client = {"win": {"fullScreen": True, "title": "Guest"}, "app": {"allowDMA": False}, "spice": {"port": 5901}}
    assert lines(files(plan({"client": client}))[SYSTEM_FILE]) == [
        "app:shmFile=/dev/kvmfr0",
        "app:allowDMA=no",
        "win:fullScreen=yes",
        "win:title=Guest",
        "spice:port=5901",
    ]


@pytest.mark.parametrize(
    ("table", "vm"), [({"enable": False}, {}), ({"installClient": False}, {}), ({}, {"gpu": None})]
)
def test_no_file_without_client_or_memory(table: dict[str, bool], vm: dict[str, None]) -> None:
    assert files(plan(table, win11=vm)) == {}


def test_vms_with_the_same_settings_share_the_system_file() -> None:
    assert list(files(plan(one={}, two={}))) == [SYSTEM_FILE]


def test_a_vm_with_other_memory_has_a_file_of_its_own() -> None:
    two = files(plan(one={}, two={"gpu": "egpu"}))
    assert list(two) == [SYSTEM_FILE, vm_file("two")]
    assert lines(two[vm_file("two")]) == ["app:shmFile=/dev/kvmfr1"]
    assert f"looking-glass-client app:configFile={vm_file('two')}" in two[vm_file("two")]


def test_its_file_takes_back_what_the_system_file_sets() -> None:
    override = {"client": {"win": {"title": "Second"}}}
    client = {"win": {"title": "First", "rotate": 90}, "eglFilter": {"ffxFSRSharpness": "0.5"}, "egl": {"preset": "x"}}
    planned = plan({"client": client}, one={"evdev": EVDEV}, two={"lookingGlass": override})
    assert sorted(lines(files(planned)[vm_file("two")])) == [
        "app:shmFile=/dev/kvmfr0",
        "eglFilter:ffxFSRSharpness=1.0",
        "spice:input=yes",
        "win:rotate=0",
        "win:title=Second",
    ]


def test_the_same_plan_gives_the_same_bytes() -> None:
    client = {"win": {"fullScreen": True}, "input": {"rawMouse": True}}
    assert files(plan({"client": client}, one={}, two={"gpu": "egpu"})) == files(
        plan({"client": client}, one={}, two={"gpu": "egpu"})
    )


SETTINGS = {
    "win": {"fullScreen": True, "title": "Guest; = [one]", "rotate": 90, "size": "1280x800"},
    "input": {"escapeKey": "KEY_RIGHTCTRL", "rawMouse": True},
    "audio": {"micDefault": "allow"},
    "app": {"renderer": "OpenGL", "allowDMA": False},
}


def test_the_client_reads_every_value(sid: Root) -> None:
    planned = plan({"client": SETTINGS}, win11={"evdev": EVDEV, "spice": {"port": 5931}})
    reading = looking_glass_client(sid, files(planned)[SYSTEM_FILE])
    assert reading.complaints == ()
    expected = {
        "app:shmFile": "/dev/kvmfr0",
        "app:renderer": "OpenGL",
        "app:allowDMA": "no",
        "win:fullScreen": "yes",
        "win:title": "Guest; = [one]",
        "win:rotate": "90",
        "win:size": "1280x800",
        "input:escapeKey": "97 = KEY_RIGHTCTRL",
        "input:rawMouse": "yes",
        "spice:input": "no",
        "spice:enable": "yes",
        "spice:port": "5931",
        "audio:micDefault": "allow",
    }
    assert {name: reading.values[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"win": {"fulScreen": True}}, "unknown option win:fulScreen"),
        ({"win": {"size": "large"}}, "Failed to set the option value"),
        ({"lgmp": {"shmDevice": "/dev/kvmfr0"}}, "unknown option lgmp:shmDevice"),
    ],
)
def test_the_client_complains_of_what_it_cannot_use(
    sid: Root, settings: dict[str, dict[str, str]], complaint: str
) -> None:
    assert any(complaint in words for words in looking_glass_client(sid, client_ini(settings)).complaints)


def run_client(sid: Root, written: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Its exit status and words, with the files in place. Without ``--help`` it ends for want of a display."""
    with sid.session() as session:
        session.put("/etc/passwd", "nobody:x:65534:65534::/tmp:/bin/sh\n")
        for path, content in written.items():
            session.run(["mkdir", "-p", path.rpartition("/")[0]])
            session.put(path, content)
        command = ["looking-glass-client", *arguments]
        done = session.run(command, check=False, user=65534, env={"HOME": "/tmp"})
    return done.returncode, done.stdout + done.stderr


def with_memory(settings: Settings) -> dict[str, str]:
    """A system file with these settings and a memory path that exists."""
    return {SYSTEM_FILE: client_ini({**settings, "app": {"shmFile": "/dev/null", **settings.get("app", {})}})}


def refused(sid: Root, settings: Settings) -> set[str]:
    """The options whose values the client ends for."""
    _, words = run_client(sid, with_memory(settings))
    found = set(re.findall(r"Invalid value provided to the option: (\S+)", words))
    assert bool(found) != ("No display servers available" in words), words
    return found


def test_the_client_reads_a_vms_file_over_the_systems(sid: Root) -> None:
    """The real order: system file, then the file that the command line names."""
    written = files(plan(one={"evdev": EVDEV}, two={"gpu": "egpu"}))
    pattern = r"\| (app:shmFile|spice:input) +\|[^|]*\| (\S+) "
    _, plain = run_client(sid, written, "--help")
    _, other = run_client(sid, written, "--help", f"app:configFile={vm_file('two')}")
    assert dict(re.findall(pattern, plain)) == {"app:shmFile": "/dev/kvmfr0", "spice:input": "no"}
    assert dict(re.findall(pattern, other)) == {"app:shmFile": "/dev/kvmfr1", "spice:input": "yes"}


def test_an_empty_value_ends_the_client(sid: Root) -> None:
    """Why the check refuses empty texts: for a truth value the client dies."""
    code, _ = run_client(sid, with_memory({"win": {"fullScreen": ""}}))
    assert code == -11


def test_the_client_starts_with_what_the_check_lets_pass(sid: Root) -> None:
    settings: dict[str, dict[str, Value]] = {}
    for section, key, value in GOOD:
        settings.setdefault(section, {})[key] = value
    assert refused(sid, settings) == set()


def test_the_client_ends_for_what_the_check_refuses(sid: Root) -> None:
    settings: Settings = {
        "app": {"renderer": "vulkan"},
        "win": {"rotate": 45, "position": "100", "size": "0x100"},
        "egl": {"scale": 3},
        "input": {"escapeKey": 768},
    }
    findings = Findings()
    check_client(settings, "b7", "client", findings)
    problems = findings.problems
    assert {f"client.{name.replace(':', '.')}" for name in refused(sid, settings)} == {p.path for p in problems}


def test_two_screensaver_settings_end_the_client(sid: Root) -> None:
    _, words = run_client(sid, with_memory({"win": {"noScreensaver": True, "autoScreensaver": True}}))
    assert "can't be used simultaneously" in words
