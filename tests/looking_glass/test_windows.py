"""The guest's files, read back by readers that are as strict as those in Windows."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree

from optimux.emit.guest.plan_json import registry_values
from optimux.emit.windows import registry_file, windows_artifacts
from optimux.plan.picture import Display
from tests.looking_glass.hive import merged
from tests.looking_glass.plans import plan
from tests.looking_glass.wine import Registry

if TYPE_CHECKING:
    from pathlib import Path

DISPLAYS = [
    {"width": 3840, "height": 2160, "refreshRate": 144},
    {"width": 2560, "height": 1440},
    {"width": 1920, "height": 1080, "refreshRate": 75},
]
PLANNED = [Display(3840, 2160, 144), Display(2560, 1440, 60), Display(1920, 1080, 75)]
KEY = r"HKLM\SOFTWARE\LookingGlass\IDD"
MODES = ["3840x2160@144*", "2560x1440@60", "1920x1080@75"]


def files(**table: Any) -> dict[str, bytes]:
    planned = plan({"displays": DISPLAYS} | table)
    assert windows_artifacts(planned) == windows_artifacts(planned)
    found = {artifact.path: artifact.content for artifact in windows_artifacts(planned)}
    assert all(path.startswith("windows/win11/") for path in found)
    return {path.removeprefix("windows/win11/"): data for path, data in found.items()}


def text_of(data: bytes) -> str:
    """Windows' text: every line ends in CR LF."""
    assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r") > 0
    assert data.endswith(b"\r\n")
    return data.decode().replace("\r\n", "\n")


def registry(data: bytes) -> dict[str, dict[str, Any]]:
    """Values by key, of a .reg file of version 5.00, read as regedit does: anything unknown is an error."""
    assert data[:2] == b"\xff\xfe"
    text = data[2:].decode("utf-16-le")
    assert text.replace("\r\n", "").isprintable()
    assert all(len(line) <= 80 or line.startswith(";") for line in text.split("\r\n"))
    header, blank, *rest = re.sub(r"\\\r\n  ", "", text).split("\r\n")
    assert (header, blank, rest[-1]) == ("Windows Registry Editor Version 5.00", "", "")
    keys: dict[str, dict[str, Any]] = {}
    for line in rest[:-1]:
        if match := re.fullmatch(r"\[(HKEY_LOCAL_MACHINE\\[^]]+)\]", line):
            values = keys.setdefault(match[1], {})
        elif match := re.fullmatch(r'"(\w+)"="([^"\\]*)"', line):
            values[match[1]] = match[2]
        elif match := re.fullmatch(r'"(\w+)"=hex\(7\):((?:[0-9a-f]{2},)*[0-9a-f]{2})', line):
            values[match[1]] = multi_string(bytes.fromhex(match[2].replace(",", "")))
        else:
            assert line == "" or line.startswith(";"), line
    return keys


def multi_string(data: bytes) -> list[str]:
    text = data.decode("utf-16-le")
    assert text.endswith("\0\0")
    return text[:-2].split("\0")


def test_one_folder_a_vm_with_memory() -> None:
    planned = plan(None, one={}, two={"gpu": None}, three={"lookingGlass": {"enable": False}})
    paths = {artifact.path for artifact in windows_artifacts(planned)}
    assert paths == {"windows/one/vdd_settings.xml", "windows/one/README.txt"}


def test_only_windows_gets_a_folder() -> None:
    planned = plan(None, linux={"osId": "http://debian.org/debian/13"}, windows={"osId": "http://microsoft.com/win/10"})
    assert all(domain.shared_memory for domain in planned.domains)
    assert {artifact.path.split("/")[1] for artifact in windows_artifacts(planned)} == {"windows"}


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ({}, {"vdd_settings.xml", "README.txt"}),
        ({"windows": {"capture": "d12"}}, {"looking-glass-host.ini", "vdd_settings.xml", "README.txt"}),
        ({"windows": {"virtualDisplay": "iddsample"}}, {"option.txt", "README.txt"}),
        ({"windows": {"virtualDisplay": "none"}}, {"README.txt"}),
        ({"release": "idd"}, {"looking-glass-idd.reg", "README.txt"}),
    ],
)
def test_files_by_release_and_display(table: dict[str, Any], names: set[str]) -> None:
    assert files(**table).keys() == names


def test_host_ini() -> None:
    ini = text_of(files(windows={"capture": "nvfbc", "throttleFPS": 120})["looking-glass-host.ini"])
    first, *rest = ini.splitlines()
    assert first.startswith("; Written by Optimux")
    assert rest == ["[app]", "capture=nvfbc", "throttleFPS=120"]


def test_vdd_settings() -> None:
    data = files()["vdd_settings.xml"]
    text_of(data)
    root = etree.fromstring(data)
    assert [child.tag for child in root][:4] == ["monitors", "gpu", "global", "resolutions"]
    assert (root.findtext("monitors/count"), root.findtext("gpu/friendlyname")) == ("1", "default")
    modes = [[(leaf.tag, leaf.text) for leaf in mode] for mode in root.iterfind("resolutions/resolution")]
    assert modes == [
        [("width", "3840"), ("height", "2160"), ("refresh_rate", "144")],
        [("width", "2560"), ("height", "1440"), ("refresh_rate", "60")],
        [("width", "1920"), ("height", "1080"), ("refresh_rate", "75")],
    ]
    assert (root.findtext("cursor/HardwareCursor"), root.findtext("cursor/CursorMaxX")) == ("true", "128")


def test_vdd_settings_as_the_driver_walks_them() -> None:
    """The driver keeps the last element's name and takes a mode at refresh_rate; no mode may come twice."""
    width = height = ""
    modes = []
    for leaf in etree.fromstring(files()["vdd_settings.xml"]).iter("width", "height", "refresh_rate", "g_refresh_rate"):
        if leaf.tag == "width":
            width = leaf.text or ""
        elif leaf.tag == "height":
            height = leaf.text or ""
        else:
            modes.append(f"{width}x{height}@{leaf.text}")
    assert modes == [mode.rstrip("*") for mode in MODES]


def test_idd_sample_options() -> None:
    count, comment, *modes = text_of(files(windows={"virtualDisplay": "iddsample"})["option.txt"]).splitlines()
    assert int(count) == 1
    assert comment.startswith("# Written by Optimux")
    assert [tuple(map(int, mode.split(","))) for mode in modes] == [
        (3840, 2160, 144),
        (2560, 1440, 60),
        (1920, 1080, 75),
    ]


def test_registry_file() -> None:
    assert registry(files(release="idd")["looking-glass-idd.reg"]) == {
        r"HKEY_LOCAL_MACHINE\SOFTWARE\LookingGlass": {},
        r"HKEY_LOCAL_MACHINE\SOFTWARE\LookingGlass\IDD": {"Modes": MODES, "DefaultRefresh": "144"},
    }


@pytest.mark.parametrize("count", range(1, 17))
def test_registry_file_breaks_its_lines_anywhere(count: int) -> None:
    displays = [Display(width=640 + 100 * index, height=480 * (index + 1), refresh_rate=60) for index in range(count)]
    _, values = registry(registry_file(displays)).values()
    assert values["Modes"][0] == "640x480@60*"
    assert values["Modes"][1:] == [f"{d.width}x{d.height}@60" for d in displays[1:]]


def set_by_the_medium(displays: list[Display]) -> dict[str, Any]:
    """The values that setup.ps1 writes: those of the registry file, which a person may import in its place."""
    values = registry_values(displays)
    assert {value["key"] for value in values} == {KEY.replace("HKLM", "HKEY_LOCAL_MACHINE")}
    return {str(value["name"]): value["data"] for value in values}


def of_the_hive(export: str) -> dict[str, list[str]]:
    """The values below the key in hivexregedit's words."""
    below = export.partition(r"[HKEY_LOCAL_MACHINE\SOFTWARE\LookingGlass\IDD]")[2]
    found = {name: [text] for name, text in re.findall(r'"(\w+)"=str\(1\):"(.*)"', below)}
    found |= {
        name: multi_string(bytes.fromhex(text.replace(",", "")))
        for name, text in re.findall(r'"(\w+)"=hex\(7\):([0-9a-f,]+)', below)
    }
    assert len(found) == len(re.findall('^"', below, re.MULTILINE)), "each line of it is read"
    return found


def test_hivexregedit_merges_the_registry_file(tmp_path: Path) -> None:
    """Every value is there as the medium's setup sets it; the twins are one changed in each."""
    text = files(release="idd")["looking-glass-idd.reg"].decode("utf-16")
    wanted = set_by_the_medium(PLANNED)
    assert wanted == {"Modes": MODES, "DefaultRefresh": ["144"]}
    assert of_the_hive(merged(tmp_path, text.encode("utf-16"))) == wanted
    for old, new in (('"144"', '"60"'), ("hex(7):33,", "hex(7):34,"), ('"DefaultRefresh"', '"DefaultRate"')):
        assert old in text
        assert of_the_hive(merged(tmp_path, text.replace(old, new).encode("utf-16"))) != wanted


def test_hivexregedit_refuses_a_broken_one(tmp_path: Path) -> None:
    broken = files(release="idd")["looking-glass-idd.reg"].decode("utf-16").replace("=hex(7):", "=hex(7")
    with pytest.raises(subprocess.CalledProcessError) as refusal:
        merged(tmp_path, broken.encode("utf-16"))
    assert "Modes" in refusal.value.stderr


def test_wine_imports_the_registry_file(tmp_path: Path) -> None:
    """reg.exe of Wine takes it, answers with what it took, and refuses one without its first line."""
    text = files(release="idd")["looking-glass-idd.reg"]
    (tmp_path / "good.reg").write_bytes(text)
    (tmp_path / "bad.reg").write_bytes(text.decode("utf-16").partition("\n")[2].encode("utf-16"))
    registry_ = Registry(tmp_path)
    try:
        assert registry_.reg("import", str(tmp_path / "bad.reg"))[0] != 0
        assert registry_.reg("query", KEY)[0] != 0
        assert registry_.reg("import", str(tmp_path / "good.reg"))[0] == 0
        code, said = registry_.reg("query", KEY)
    finally:
        registry_.end()
    values = {words[0]: words[1:] for line in said.splitlines() if len(words := line.split(None, 2)) == 3}
    assert code == 0
    assert values == {"DefaultRefresh": ["REG_SZ", "144"], "Modes": ["REG_MULTI_SZ", r"\0".join(MODES)]}
    wanted = set_by_the_medium(PLANNED)
    assert {name: data.split(r"\0") for name, (_, data) in values.items()} == wanted


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, ["Looking Glass B7", "vdd_settings.xml", "looking-glass-host-setup.exe /S", "128MiB at /dev/kvmfr0"]),
        ({"windows": {"capture": "d12"}}, ["Copy looking-glass-host.ini"]),
        ({"windows": {"virtualDisplay": "iddsample"}}, [r"C:\IddSampleDriver\option.txt"]),
        ({"windows": {"virtualDisplay": "none"}}, ["dummy plug"]),
        ({"scream": {"enable": True}}, ["Install Scream"]),
        ({"release": "idd"}, ["looking-glass-idd-setup.exe /S /ivshmem", "reg import looking-glass-idd.reg"]),
    ],
)
def test_steps(table: dict[str, Any], words: list[str]) -> None:
    made = files(**table)
    steps = text_of(made["README.txt"])
    assert steps.startswith("Written by Optimux for the guest win11")
    assert [word for word in words if word not in steps] == []
    named = set(re.findall(r"looking-glass-host\.ini|vdd_settings\.xml|option\.txt|looking-glass-idd\.reg", steps))
    assert named == made.keys() - {"README.txt"}
    numbers = re.findall(r"^(\d+)\. ", steps, re.MULTILINE)
    assert [int(number) for number in numbers] == list(range(1, len(numbers) + 1))
