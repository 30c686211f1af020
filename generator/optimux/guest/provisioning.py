"""The guest's setup from outside: started through the agent, followed, restarted where it asks, and its report read.

A restart is believed by a changed boot time alone: an agent that answers again may be the one that was there before.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from optimux.errors import OptimuxError
from optimux.guest.agent import Agent, AgentError, AgentSilent
from optimux.record import Record

POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
REPORT = r"C:\ProgramData\Optimux\report.json"
MOST_RESTARTS = 8
RESTART = 3010  # ERROR_SUCCESS_REBOOT_REQUIRED
PERSON = 2
_QUIET = ("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass")
_BOOT = "[Console]::Out.Write((Get-CimInstance Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().ToString('o'))"
# Volumes by label: the letter depends on what else is attached.
_SETUP = (
    "$v = @(Get-CimInstance Win32_Volume | Where-Object { $_.Label -eq 'OPTIMUX' -and $_.DriveLetter }); "
    "if ($v.Count -eq 0) { exit 87 }; "
    "& ($v[0].DriveLetter + '\\optimux\\setup.ps1') @ARGUMENTS@; exit $LASTEXITCODE"
)
_NO_MEDIUM = 87


class Row(Record):
    """A step of the setup: ``outcome`` is holds, lacks, person, restart or failed."""

    step: str
    outcome: str
    found: str
    next: str


class Report(Record):
    """What the setup says of the guest. ``devices`` are (instance id, name, problem code; -1: absent).

    ``run`` is the word that the setup was started with: an earlier run's report may lie in its place.
    """

    vm: str
    release: str
    exit_code: int
    boot: str
    run: str
    rows: tuple[Row, ...]
    devices: tuple[tuple[str, str, int], ...]


class Progress(Record):
    """What is said while it runs."""

    step: Callable[[Row], None]
    note: Callable[[str], None]


class Setup:
    """A guest's setup through its agent. ``restart`` asks libvirt for a restart of the guest."""

    def __init__(self, agent: Agent, restart: Callable[[], None], powershell: str = POWERSHELL, report: str = REPORT):
        self._agent = agent
        self._restart = restart
        self._powershell = powershell
        self._report = report
        self._seen: set[Row] = set()

    def status(self, seconds: float = 120) -> Report:
        """What holds and what lacks now; nothing is changed. Raises ``OptimuxError``."""
        finished = self._start("-TestOnly -Json", seconds, None)
        return parse_report(finished.output)

    def run(self, progress: Progress, seconds: float = 3600, boot_seconds: float = 600) -> Report:
        """Run the setup until it is done, needs a person, or failed; ``seconds`` bounds each run between restarts."""
        for _ in range(MOST_RESTARTS):
            before, token = self.boot_time(), f"run{secrets.token_hex(8)}"  # PowerShell reads 1e5 as a number
            finished = self._start(f"-Run {token}", seconds, partial(self._follow, progress, token))
            report = self.read_report()
            if report.run != token:
                raise AgentError(
                    f"the setup ended with exit code {finished.exit_code} and no report of its own: another one runs "
                    r"in the guest, or the medium is of an earlier Optimux. See C:\ProgramData\Optimux\setup.log."
                )
            self._tell(report, progress)
            if report.exit_code != RESTART:
                return report
            progress.note("restarting the guest")
            self._restart()
            self._wait_for_boot(before, boot_seconds)
        raise OptimuxError(f"the guest was restarted {MOST_RESTARTS} times and its setup still asks for another")

    def boot_time(self) -> str:
        """When the guest started, as it says itself."""
        finished = self._agent.run(self._powershell, [*_QUIET, "-Command", _BOOT], 60)
        text = finished.output.decode("ascii", "replace").strip()
        if finished.exit_code != 0 or not text:
            raise AgentError(f"the guest does not say when it started: exit code {finished.exit_code}")
        return text

    def read_report(self) -> Report:
        """The last report that the setup left. Raises ``AgentError`` where there is none."""
        return parse_report(self._agent.read_file(self._report))

    def _start(self, arguments: str, seconds: float, while_running: Callable[[], None] | None) -> Any:
        script = _SETUP.replace("@ARGUMENTS@", arguments)
        finished = self._agent.run(self._powershell, [*_QUIET, "-Command", script], seconds, while_running)
        if finished.exit_code == _NO_MEDIUM:
            raise OptimuxError(
                "no medium labelled OPTIMUX is in the guest. Attach optimux-guest.iso (guestMedia.attach, or "
                "virsh attach-disk), and try again."
            )
        if finished.is_truncated:
            raise AgentError("the guest agent cut the setup's output off")
        return finished

    def _follow(self, progress: Progress, token: str) -> None:
        try:
            report = self.read_report()
        except AgentError:
            return  # none yet, or the agent is busy: the next look tells
        if report.run == token:  # what an earlier run left there, in this boot too, says nothing of this one
            self._tell(report, progress)

    def _tell(self, report: Report, progress: Progress) -> None:
        for row in report.rows:
            if row not in self._seen:
                self._seen.add(row)
                progress.step(row)

    def _wait_for_boot(self, before: str, seconds: float) -> None:
        end = self._agent.now() + seconds
        while self._agent.now() < end:
            try:
                self._agent.wait(min(60.0, max(1.0, end - self._agent.now())))
                if self.boot_time() != before:
                    self._seen.clear()
                    return
            except AgentError:
                pass  # it is going down, or not up yet
            self._agent.sleep(2)
        raise AgentSilent(f"the guest did not restart within {seconds:.0f} s")


def parse_report(text: bytes) -> Report:
    """The report's JSON, which is ASCII. Raises ``AgentError`` for anything else."""
    try:
        data = json.loads(text.decode("ascii"))
        if data["format"] != 1:
            raise AgentError(f"the guest's report is of format {data['format']!r}; this Optimux reads format 1")
        return Report(
            vm=str(data["vm"]),
            release=str(data["release"]),
            exit_code=int(data["exit"]),
            boot=str(data["boot"]),
            run=str(data["run"]),
            rows=tuple(
                Row(*(str(row[key] or "") for key in ("step", "outcome", "found", "next"))) for row in data["steps"]
            ),
            devices=tuple((str(d["id"]), str(d["name"] or ""), int(d["code"])) for d in data["devices"]),
        )
    except (ValueError, KeyError, TypeError):
        raise AgentError(f"the guest's report cannot be read: {text[:80]!r}") from None
