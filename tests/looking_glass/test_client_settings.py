"""Checking the client's settings, and the table of its keys against the client itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.consumers.looking_glass import looking_glass_client
from optimux.client_settings import client_settings, counterpart
from optimux.findings import Findings
from optimux.options.client import check_client

if TYPE_CHECKING:
    from lab.consumers.roots import Root
    from optimux.errors import Problem
    from optimux.options.looking_glass import Release

PATH = "lookingGlass.client"


def check(settings: dict[str, dict[str, Any]], release: Release = "b7") -> tuple[list[Problem], list[Problem]]:
    findings = Findings()
    check_client(settings, release, PATH, findings)
    return findings.problems, findings.warnings


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


GOOD = (
    ("win", "fullScreen", True),
    ("win", "fullscreen", True),  # the client folds case
    ("win", "title", "A; title = [with] signs"),
    ("win", "position", "100x-20"),
    ("win", "size", "3840x2160"),
    ("win", "rotate", 270),
    ("win", "fpsMin", -1),
    ("input", "escapeKey", 97),
    ("input", "escapeKey", "KEY_RIGHTCTRL"),
    ("input", "mouseSens", -9),
    ("app", "renderer", "egl"),
    ("audio", "micDefault", "allow"),
    ("eglFilter", "ffxFSRSharpness", "0.5"),
    ("eglFilter", "ffxFSRSharpness", 1),
    ("spice", "port", 0),
    ("imaginary", "key", 5),
    ("win", "somethingNew", "x"),
)
BAD = (
    ("win", "fullScreen", 1, "1", "true or false"),
    ("win", "fullScreen", "yes", '"yes"', "true or false"),
    ("win", "title", True, "true", "ASCII"),
    ("win", "title", "", '""', "not empty"),
    ("win", "title", "Fenêtre", "Fenêtre", "ASCII"),
    ("win", "title", 5, "5", "text"),
    ("win", "position", "100", '"100"', "center"),
    ("win", "size", "0x100", '"0x100"', "1024x768"),
    ("win", "rotate", 45, "45", "90, 180"),
    ("win", "rotate", True, "true", "90, 180"),
    ("win", "uiSize", "14", '"14"', "a whole number"),
    ("input", "escapeKey", 768, "768", "0 to 767"),
    ("input", "escapeKey", "scroll lock", "scroll lock", "KEY_SCROLLLOCK"),
    ("input", "mouseSens", 10, "10", "-9 to 9"),
    ("app", "renderer", "vulkan", "vulkan", "OpenGL"),
    ("eglFilter", "ffxFSRSharpness", "much", "much", "a number"),
    ("spice", "port", 65536, "65536", "65535"),
)


@pytest.mark.parametrize(("section", "key", "value"), GOOD)
def test_what_the_client_takes_passes(section: str, key: str, value: Any) -> None:
    assert check({section: {key: value}}) == ([], [])


@pytest.mark.parametrize(("section", "key", "value", "found", "allowed"), BAD)
def test_what_it_would_misread_is_refused(section: str, key: str, value: Any, found: str, allowed: str) -> None:
    problem = only(check({section: {key: value}})[0])
    assert problem.path == f"{PATH}.{section}.{key}"
    assert found in problem.found
    assert allowed in problem.allowed
    assert problem.remedy


def test_every_problem_comes_at_once() -> None:
    problems, _ = check({"win": {"fullScreen": 1, "rotate": 45}, "spice": {"port": "5900"}})
    assert [p.path.removeprefix(PATH + ".") for p in problems] == ["win.fullScreen", "win.rotate", "spice.port"]


@pytest.mark.parametrize(
    ("release", "section", "key", "value", "remedy"),
    [
        ("idd", "app", "shmFile", "/dev/kvmfr0", "lgmp.shmDevice"),
        ("idd", "app", "allowDMA", True, "lgmp.allowDMA"),
        ("idd", "spice", "clipboardToVM", True, "clipboard.toVM"),
        ("idd", "spice", "showCursorDot", True, "input.showCursorDot"),
        ("idd", "audio", "bufferLatency", 13, "audio.latencyOffset"),
        ("b7", "lgmp", "shmDevice", "/dev/kvmfr0", "app.shmFile"),
        ("b7", "clipboard", "toLocal", False, "spice.clipboardToLocal"),
        ("b7", "input", "captureOnStart", True, "spice.captureOnStart"),
        ("b7", "win", "setGuestRes", False, "the other release"),
    ],
)
def test_a_key_of_the_other_release(release: Release, section: str, key: str, value: Any, remedy: str) -> None:
    problem = only(check({section: {key: value}}, release)[0])
    assert (problem.path, remedy in problem.remedy) == (f"{PATH}.{section}.{key}", True)
    assert f"release {release}" in problem.allowed
    other: Release = "idd" if release == "b7" else "b7"
    assert check({section: {key: value}}, other)[0] == []


def test_a_near_miss_is_a_warning() -> None:
    problems, warnings = check({"win": {"fulScreen": True}})
    assert problems == []
    assert (only(warnings).path, "fullScreen" in only(warnings).remedy) == (f"{PATH}.win.fulScreen", True)


@pytest.mark.parametrize(("release", "section", "key"), [("b7", "app", "shmFile"), ("idd", "lgmp", "shmDevice")])
def test_the_path_of_the_memory_is_the_plans(release: Release, section: str, key: str) -> None:
    problems, warnings = check({section: {key: "/dev/kvmfr7"}}, release)
    assert (problems, only(warnings).path) == ([], f"{PATH}.{section}.{key}")


def test_auto_resize_against_guest_resolution() -> None:
    problem = only(check({"win": {"autoResize": True}}, "idd")[0])
    assert (problem.path, "setGuestRes" in problem.remedy) == (f"{PATH}.win.autoResize", True)
    assert check({"win": {"autoResize": True, "setGuestRes": False}}, "idd")[0] == []
    assert check({"win": {"autoResize": True}}, "b7")[0] == []


@pytest.mark.parametrize("release", ["b7", "idd"])
def test_two_screensaver_settings(release: Release) -> None:
    both = {"win": {"noScreensaver": True, "autoScreensaver": True}}
    assert only(check(both, release)[0]).path == f"{PATH}.win.noScreensaver"
    assert check({"win": both["win"] | {"autoScreensaver": False}}, release)[0] == []


def test_renamed_keys_exist_in_their_releases() -> None:
    renamed = {name: counterpart(name, "idd") for name in client_settings("b7") if counterpart(name, "idd")}
    assert len(renamed) == 12
    for old, new in renamed.items():
        assert new is not None
        assert new.lower() in client_settings("idd")
        assert counterpart(new.lower(), "b7") == client_settings("b7")[old].name


def test_the_table_is_what_the_client_itself_lists(sid: Root) -> None:
    """Key by key with its default: the help of the real B7 client."""
    listed = looking_glass_client(sid, "").values
    hidden = {setting.name for setting in client_settings("b7").values() if setting.section == "eglFilter"}
    table = {setting.name: setting.default for setting in client_settings("b7").values()}
    assert listed.keys() == table.keys() - hidden
    for name, value in listed.items():
        assert value == _as_help(name, table[name]), name


def _as_help(name: str, default: object) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    if name == "input:escapeKey":
        return "70 = KEY_SCROLLLOCK"
    return str(default) or "NULL"
