"""What the host does for a VM while it runs, by running libvirt's hook on made-up CPUs: done, and undone."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from optimux.emit.libvirt_hook import hook_script
from optimux.errors import InvalidInput
from tests.host.plans import plan

if TYPE_CHECKING:
    from pathlib import Path

# A manager that keeps each unit's value and its file; the control group gets no empty one, as by systemd.
_SYSTEMCTL = """#!/bin/sh
mkdir -p {folder}/units
case "$*" in
  "show --value --property=AllowedCPUs -- "*) touch "{folder}/units/$5" && cat "{folder}/units/$5" ;;
  "set-property --runtime -- "*" AllowedCPUs="*)
    echo "${{5#*=}}" >"{folder}/units/$4"
    mkdir -p "{folder}/groups"
    [ -z "${{5#*=}}" ] || echo "${{5#*=}}" >"{folder}/groups/$4"
    mkdir -p "{folder}/systemd/system.control/$4.d"
    echo "$5" >"{folder}/systemd/system.control/$4.d/50-AllowedCPUs.conf"
    ;;
  *) exit 1 ;;
esac
"""
PINNED = {"vcpus": 2, "cpuTune": {"vcpuPin": {"0": "2-4,^3", "1": "10"}}, "memory": "1GiB"}


class Host:
    """Twelve CPUs in two policies, and a systemctl that keeps what it is told."""

    def __init__(self, folder: Path, running: dict[str, Any], others: dict[str, Any] | None = None) -> None:
        self.folder = folder
        for number in range(12):
            (folder / f"cpu/cpu{number}").mkdir(parents=True)
        (folder / "cpu/present").write_text("0-11\n")
        for number in (0, 1):
            (folder / f"cpu/cpufreq/policy{number}").mkdir(parents=True)
            self.governor(number).write_text("schedutil\n" if number else "powersave\n")
        (folder / "bin").mkdir()
        (folder / "bin/systemctl").write_text(_SYSTEMCTL.format(folder=folder))
        (folder / "bin/systemctl").chmod(0o755)
        other = {**PINNED, "vcpus": 1, "cpuTune": {"vcpuPin": {"0": "0-1"}}}
        vms = {"win": {**PINNED, "whileRunning": running}, "other": {**other, "whileRunning": others or running}}
        text = hook_script(plan(vms=vms))
        for path, own in (("/sys/devices/system/cpu", "cpu"), ("/run/optimux", "run"), ("/run/systemd", "systemd")):
            text = text.replace(path, f"{folder}/{own}")
        (folder / "hook").write_text(text)

    def own(self, unit: str) -> Path:
        """The file that set-property leaves."""
        return self.folder / f"systemd/system.control/{unit}.d/50-AllowedCPUs.conf"

    def cpus(self, folder: str = "units") -> dict[str, str]:
        """What each unit has, by the manager or (``groups``) by the kernel."""
        return {path.name: path.read_text().strip() for path in (self.folder / folder).glob("*.s*")}

    def governor(self, number: int) -> Path:
        """A policy's file."""
        return self.folder / f"cpu/cpufreq/policy{number}/scaling_governor"

    def governors(self) -> list[str]:
        """Both policies'."""
        return [self.governor(number).read_text().strip() for number in (0, 1)]

    def hook(self, *stage: str, name: str = "win", said: str = "") -> None:
        """As libvirt calls it."""
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        line = ["sh", str(self.folder / "hook"), name, *stage, "-"]
        done = subprocess.run(line, input="<domain/>", capture_output=True, text=True, env=environment)
        assert (done.returncode, done.stderr) == (0, said)


UNITS = ("system.slice", "user.slice", "init.scope")


def all_of(value: str) -> dict[str, str]:
    """Every unit with the same."""
    return dict.fromkeys(UNITS, value)


def test_cpus_are_the_vms_alone(tmp_path: Path) -> None:
    host = Host(tmp_path, {"isolateCpus": True})
    for _ in range(2):  # libvirt calls prepare again after a crash of its own
        host.hook("prepare", "begin")
        assert host.cpus() == all_of("0,1,3,5,6,7,8,9,11")
    for _ in range(2):
        host.hook("release", "end")
        assert host.cpus() == all_of("")
        assert host.cpus("groups") == all_of("0-11")
        assert not any(host.own(unit).exists() for unit in UNITS)
    assert host.governors() == ["powersave", "schedutil"]


def test_what_a_unit_had_before_comes_back(tmp_path: Path) -> None:
    """Within it too: what the user keeps the host's programs off stays so."""
    host = Host(tmp_path, {"isolateCpus": True})
    (tmp_path / "units").mkdir()
    (tmp_path / "units/user.slice").write_text("0-3 8\n")
    (tmp_path / "units/init.scope").write_text("0\n")
    host.own("init.scope").parent.mkdir(parents=True)
    host.own("init.scope").write_text("the user's\n")
    host.hook("prepare", "begin")
    assert host.cpus() == {"system.slice": "0,1,3,5,6,7,8,9,11", "user.slice": "0,1,3,8", "init.scope": "0"}
    host.hook("release", "end")
    assert host.cpus() == {"system.slice": "", "user.slice": "0-3 8", "init.scope": "0"}
    assert [host.own(unit).exists() for unit in UNITS] == [False, False, True]


def test_two_vms_have_theirs_in_whatever_order_they_end(tmp_path: Path) -> None:
    host = Host(tmp_path, {"isolateCpus": True})
    host.hook("prepare", "begin")
    host.hook("prepare", "begin", name="other")
    assert host.cpus() == all_of("3,5,6,7,8,9,11")
    host.hook("release", "end")
    assert host.cpus() == all_of("2,3,4,5,6,7,8,9,10,11")
    host.hook("release", "end", name="other")
    assert host.cpus() == all_of("")


def test_a_unit_without_other_cpus_keeps_them(tmp_path: Path) -> None:
    host = Host(tmp_path, {"isolateCpus": True})
    (tmp_path / "units").mkdir()
    (tmp_path / "units/user.slice").write_text("2 10\n")
    host.hook("prepare", "begin", said="user.slice stays on the VMs' CPUs: it has no others\n")
    assert host.cpus()["user.slice"] == "2 10"
    host.hook("release", "end")
    assert host.cpus()["user.slice"] == "2 10"


def test_what_systemd_does_not_tell_is_not_changed(tmp_path: Path) -> None:
    """There would be nothing to bring back."""
    host = Host(tmp_path, {"isolateCpus": True})
    (tmp_path / "bin/systemctl").write_text("#!/bin/sh\n[ $1 = set-property ] && echo changed >&2\nexit 1\n")
    host.hook("prepare", "begin")
    host.hook("release", "end")


def test_the_governor_comes_back(tmp_path: Path) -> None:
    """Also where it was set twice: libvirt calls prepare again after a crash of its own."""
    host = Host(tmp_path, {"governor": "performance"})
    for _ in range(2):
        host.hook("prepare", "begin")
        assert host.governors() == ["performance"] * 2
    host.hook("release", "end")
    assert host.governors() == ["powersave", "schedutil"]
    host.hook("release", "end")
    assert host.governors() == ["powersave", "schedutil"]
    assert host.cpus() == {}


def test_the_governor_stays_while_another_vm_runs(tmp_path: Path) -> None:
    host = Host(tmp_path, {"governor": "performance"})
    host.hook("prepare", "begin")
    host.hook("prepare", "begin", name="other")
    host.hook("release", "end")
    assert host.governors() == ["performance"] * 2
    host.hook("release", "end", name="other")
    assert host.governors() == ["powersave", "schedutil"]


def test_each_vm_has_its_own_governor(tmp_path: Path) -> None:
    """The last to begin decides; when it has ended, the one that still runs has its own again."""
    host = Host(tmp_path, {"governor": "performance"}, {"governor": "ondemand"})
    host.hook("prepare", "begin")
    host.hook("prepare", "begin", name="other")
    assert host.governors() == ["ondemand"] * 2
    host.hook("release", "end", name="other")
    assert host.governors() == ["performance"] * 2
    host.hook("release", "end")
    assert host.governors() == ["powersave", "schedutil"]


class Pages(Host):
    """A kernel with 100 huge pages of its own that makes no more than ``most``."""

    def __init__(self, folder: Path, most: int) -> None:
        super().__init__(folder, {})
        (folder / "pages/hugepages-2048kB").mkdir(parents=True)
        self.count = folder / "pages/hugepages-2048kB/nr_hugepages"
        self.count.write_text("100\n")
        (folder / "meminfo").write_text("MemAvailable:  99999 kB\nHugepagesize:       2048 kB\n")
        limited = f'#!/bin/sh\nread -r count\n[ "$count" -le {most} ] || count={most}\necho "$count" >"$3"\n'
        (folder / "bin/timeout").write_text(limited)
        (folder / "bin/timeout").chmod(0o755)
        backed = {"memory": "63MiB", "memoryBacking": {"hugepages": True}, "whileRunning": {"hugepages": True}}
        text = hook_script(plan(vms={"win": backed, "other": backed}))
        replaced = {"/sys/kernel/mm/hugepages": "pages", "/proc/meminfo": "meminfo", "/run/optimux": "run"}
        for path, own in (*replaced.items(), ("/proc/sys/vm/compact_memory", "compacted")):
            assert path in text
            text = text.replace(path, f"{folder}/{own}")
        (folder / "hook").write_text(text)

    def call(self, name: str, *stage: str) -> tuple[int, str]:
        """The hook's exit status and words."""
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        line = ["sh", str(self.folder / "hook"), name, *stage, "-"]
        done = subprocess.run(line, input="<domain/>", capture_output=True, text=True, env=environment)
        return done.returncode, done.stderr

    @property
    def pages(self) -> int:
        """How many there are."""
        return int(self.count.read_text())


def test_huge_pages_are_made_and_go(tmp_path: Path) -> None:
    """Also where it is asked twice, and in whatever order two VMs end."""
    host = Pages(tmp_path, 1000)
    for _ in range(2):
        assert host.call("win", "prepare", "begin") == (0, "")
        assert host.pages == 132
    assert host.call("other", "prepare", "begin") == (0, "")
    assert host.pages == 164
    for name, left in (("win", 132), ("other", 100), ("other", 100)):
        assert host.call(name, "release", "end") == (0, "")
        assert host.pages == left


def test_memory_in_pieces_is_a_refusal_that_leaves_nothing(tmp_path: Path) -> None:
    host = Pages(tmp_path, 131)
    code, said = host.call("win", "prepare", "begin")
    assert (code, host.pages, (tmp_path / "compacted").read_text()) == (1, 100, "1\n")
    assert said.startswith("only 31 of 32 huge pages of 2048 KiB can be made: memory is in too small pieces.\n")
    assert host.call("win", "release", "end") == (0, "")
    assert host.pages == 100


def test_more_than_there_is_is_not_tried(tmp_path: Path) -> None:
    """The kernel would push everything else out of memory first."""
    host = Pages(tmp_path, 1000)
    (tmp_path / "meminfo").write_text("MemAvailable:  65536 kB\nHugepagesize:       2048 kB\n")
    said = "the guest takes 65536 KiB of huge pages, and 65536 KiB of memory are available\n"
    assert host.call("win", "prepare", "begin") == (1, said)
    assert (host.pages, (tmp_path / "compacted").exists()) == (100, False)
    assert host.call("win", "release", "end") == (0, "")
    assert host.pages == 100


def test_a_kill_in_between_leaves_no_page(tmp_path: Path) -> None:
    """The count before is kept before there are more."""
    host = Pages(tmp_path, 1000)
    (tmp_path / "bin/timeout").write_text("#!/bin/sh\nkill -9 $PPID\n")
    assert host.call("win", "prepare", "begin")[0] != 0
    assert host.call("win", "release", "end") == (0, "")
    assert host.pages == 100


def test_other_stages_change_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path, {"governor": "performance", "isolateCpus": True})
    host.hook("started", "begin")
    assert (host.governors(), host.cpus()) == (["powersave", "schedutil"], {})


def test_isolation_takes_pins() -> None:
    with pytest.raises(InvalidInput, match=r"whileRunning\.isolateCpus: found true; allowed: true beside pinned vCPUs"):
        plan(vms={"win": {"memory": "1GiB", "whileRunning": {"isolateCpus": True}}})
