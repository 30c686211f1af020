"""The medium as ``generate`` and ``guest media`` make it: its plan, its files, what must never be on it."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from optimux.emit.bundle import bundle
from optimux.emit.guest.checklist import checklist
from optimux.emit.guest.medium import LANGUAGES, medium_files
from optimux.emit.guest.problems import PROBLEMS
from optimux.emit.windows import settings_files
from optimux.plan.resolve import plan_from
from tests.cli.command import optimux_process
from tests.guest.powershell import script

CONFIG: dict[str, Any] = {
    "host": {"distribution": "debian", "cpuVendor": "intel"},
    "gpus": {
        "d": {
            "functions": [
                {"address": "0000:01:00.0", "id": "10de:249d"},
                {"address": "0000:01:00.1", "id": "10de:228b"},
            ]
        }
    },
    "lookingGlass": {"user": "alice", "windows": {"capture": "d12"}},
    "vms": {"w": {"gpu": "d", "memory": "8GiB", "guestMedia": {"enable": True}}},
}


def domain(release: str = "b7", **media: object) -> Any:
    table = CONFIG["lookingGlass"] | {"release": release}
    vm = CONFIG["vms"]["w"] | {"guestMedia": {"enable": True, **media}}
    return plan_from(CONFIG | {"lookingGlass": table, "vms": {"w": vm}}).domains[0]


def medium(planned: Any, payload: dict[str, bytes] | None = None) -> dict[str, bytes]:
    return medium_files(planned, settings_files(planned), payload)


@pytest.mark.parametrize("release", ["b7", "idd"])
def test_no_answer_file_is_on_it(release: str) -> None:
    names = [name.lower() for name in medium(domain(release))]
    assert not [name for name in names if "unattend" in name or (name.endswith((".xml", ".ini")) and "/" not in name)]
    assert {"setup.cmd", "checklist.en.html", "checklist.zh.html", "optimux/setup.ps1", "optimux/plan.json"} <= set(
        names
    )


def test_the_plan_says_what_lies_beside_it() -> None:
    files = medium(domain(), {"nefconw.exe": b"program"})
    plan = json.loads(files["optimux/plan.json"])
    assert {entry["file"] for entry in plan["settings"]} == {"looking-glass-host.ini", "vdd_settings.xml"}
    for entry in plan["settings"]:
        assert sha256(files[f"optimux/{entry['file']}"]).hexdigest() == entry["sha256"]
    assert plan["files"] == {"nefconw.exe": {"sha256": sha256(b"program").hexdigest(), "url": ""}}
    assert files["optimux/payload/nefconw.exe"] == b"program"
    assert [(gpu["vendor"], gpu["device"], gpu["display"]) for gpu in plan["gpu"]] == [
        ("10DE", "249D", True),
        ("10DE", "228B", False),
    ]


def test_a_stated_checksum_wins_over_the_payloads() -> None:
    """What the user vouched for is what runs: a file that was exchanged in the payload is refused in the guest."""
    stated = {"nefconw.exe": {"sha256": "a" * 64, "url": "https://example.org/n"}}
    plan = json.loads(medium(domain(files=stated), {"nefconw.exe": b"other"})["optimux/plan.json"])
    assert plan["files"]["nefconw.exe"] == {"sha256": "a" * 64, "url": "https://example.org/n"}


@pytest.mark.parametrize("release", ["b7", "idd"])
def test_lines_end_as_windows_ends_them(release: str) -> None:
    files = medium(domain(release))
    for name in ("setup.cmd", "optimux/setup.ps1", "optimux/plan.json"):
        assert files[name].count(b"\n") == files[name].count(b"\r\n") > 5
        assert max(files[name]) < 0x7F


def test_every_problem_of_a_device_has_words() -> None:
    assert set(PROBLEMS) == {10, 12, 14, 22, 28, 31, 43, 52}
    words = json.loads(medium(domain())["optimux/plan.json"])["words"]
    assert set(words["problems"]) == {str(code) for code in PROBLEMS}
    # Each word that the script asks the plan for is there.
    named = {part.split(b"'")[0] for part in script().split(b"$Plan.words.")[1:]}
    asked = {part.decode().split(")")[0].split("\n")[0].split(".")[0].split(" ")[0] for part in named}
    assert {word.strip("}") for word in asked} <= set(words)


def test_the_checklist_is_of_one_shape_in_both_languages() -> None:
    for release in ("b7", "idd"):
        english, chinese = (checklist(domain(release), language).decode() for language in ("en", "zh"))
        assert english.count("<li>") == chinese.count("<li>") == 6
        assert "1920x1080@60" in english
        assert "1920x1080@60" in chinese
        assert "重启" in chinese
        assert "{" not in english.split("</style>")[1]


def test_the_bundle_has_it_only_where_it_was_asked_for() -> None:
    def names(enable: bool) -> set[str]:
        vm = CONFIG["vms"]["w"] | {"guestMedia": {"enable": enable}}
        return {artifact.path for artifact in bundle(plan_from(CONFIG | {"vms": {"w": vm}}))}

    assert names(True) - names(False) == {"windows/w/optimux-guest.iso"}


def test_attached_it_is_a_cd() -> None:
    cds = [disk for disk in domain(attach=True).disks if disk.device == "cdrom"]
    assert [(cd.source, cd.bus, cd.readonly) for cd in cds] == [("/var/lib/libvirt/images/optimux-w.iso", "sata", True)]
    assert not [disk for disk in domain().disks if disk.device == "cdrom"]


def test_the_idd_release_brings_its_own_input_and_sound() -> None:
    b7, idd = domain(), domain("idd")
    assert ([item.bus for item in b7.inputs], b7.usb.redirection_ports) == (["virtio", "virtio"], ())
    assert (idd.inputs, idd.usb.redirection_ports) == ((), (None,))
    stated = CONFIG["vms"]["w"] | {"inputs": [{"type": "mouse", "bus": "virtio"}], "usb": {"redirectionPorts": [3]}}
    table = CONFIG["lookingGlass"] | {"release": "idd"}
    kept = plan_from(CONFIG | {"lookingGlass": table, "vms": {"w": stated}}).domains[0]
    assert (len(kept.inputs), kept.usb.redirection_ports) == (1, (3,))


def test_the_verb_writes_it(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(CONFIG))
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "nefconw.exe").write_bytes(b"x")
    done = optimux_process("guest", "media", "c.json", "--payload", "programs", "-o", "out.iso", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.iso").read_bytes()[0x8001:0x8006] == b"CD001"
    for arguments in (["--vm", "x"], ["--payload", "absent"]):
        wrong = optimux_process("guest", "media", "c.json", *arguments, "-o", "no.iso", cwd=tmp_path)
        assert wrong.returncode == 2
        assert arguments[0] in wrong.stderr.decode()
    assert not (tmp_path / "no.iso").exists()


@pytest.mark.parametrize(
    ("release", "display"), [("b7", "vdd"), ("b7", "iddsample"), ("b7", "none"), ("idd", "vdd")], ids=str
)
def test_the_checklist_names_what_the_steps_look_for(release: str, display: str) -> None:
    """Each program that a function of the steps asks for, and no other."""
    table = CONFIG["lookingGlass"] | {"release": release, "windows": {"virtualDisplay": display}}
    planned = plan_from(CONFIG | {"lookingGlass": table}).domains[0]
    acts = {step["act"] for step in json.loads(medium(planned)["optimux/plan.json"])["steps"]}
    bodies = re.split(r"^function ", script().decode(), flags=re.MULTILINE)
    asked = {name for body in bodies if body.split()[0] in acts for name in re.findall(r"Get-Verified '([^']+)'", body)}
    for language in LANGUAGES:
        page = checklist(planned, language).decode()
        assert set(re.findall(r"<code>([^<]+\.(?:exe|zip))</code>", page)) == asked


def test_the_steps_by_hand_name_the_medium_where_there_is_one() -> None:
    def said(enable: bool) -> str:
        plan = plan_from(CONFIG | {"vms": {"w": CONFIG["vms"]["w"] | {"guestMedia": {"enable": enable}}}})
        return next(a.content.decode() for a in bundle(plan) if a.path == "windows/w/README.txt")

    assert "start setup.cmd on it" in said(True)
    assert "setup.cmd" not in said(False)
