"""setup.ps1 by its grammar and by the table of steps that it walks."""

from __future__ import annotations

import itertools
import re

import pytest

from optimux.emit.guest.steps import steps_for
from tests.guest.powershell import faults, functions, script
from tests.guest.walk import Guest, Killed, walk

EVERY = [
    steps_for(release, display, emulated_display_off=off)
    for release, display, off in itertools.product(("b7", "idd"), ("vdd", "iddsample", "none"), (False, True))
]


def test_windows_powershell_takes_it() -> None:
    assert faults(script()) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Get-Item a && Get-Item b", "&& and || came with PowerShell 7"),
        ("$x = $null ?? 3", "no PowerShell"),
        ('Write-Host "$name: there"', "a colon behind a variable"),
        ("if ($x) {", "no PowerShell"),
        ("Write-Host 'été'", "not ASCII"),
        ("function F { $f = Get-Item a; if ($f.Count -eq 1) { 1 } }", "one object has none under strict mode"),
        ("function F($f) { $f.Length }", "one object has none under strict mode"),
        ("function F { $f = @(Get-Item a); $f = Get-Item b; $f.Count }", "one object has none under strict mode"),
        ("$Plan.files.PSObject.Properties.Name", "none under strict mode where it is empty"),
        ("[IO.File]::Replace($a, $b, $null)", "an empty path"),
        ("Get-WindowsDriverr", "neither a function here nor a command"),
    ],
)
def test_the_twin_a_fault_is_found(line: str, said: str) -> None:
    assert any(said in fault for fault in faults(script() + line.encode() + b"\n"))


def test_the_nearest_that_is_right() -> None:
    right = (
        b"function F { $f = @(Get-Item a); $f.Count }\nfunction G { $f = New-Object Text.StringBuilder; $f.Length }\n"
    )
    assert faults(script() + right) == []


def test_a_report_is_ascii_wherever_it_is_written() -> None:
    """A device's name may be of any language, and what is shown on the way is read as strictly as the end."""
    text = script().decode()
    written = [line.partition("Write-Whole $ReportFile ")[2].rstrip(" }") for line in text.splitlines()]
    assert [what for what in written if what] == ["(Format-Report -1)", "$text"]
    assert text.count("New-Report $Code") == 1


def test_the_host_may_read_a_report_while_it_is_replaced() -> None:
    """QEMU's agent opens files with FILE_SHARE_READ alone (qga/commands-win32.c): the setup waits, within bounds."""
    (body,) = [
        part for part in re.split(r"^function ", script().decode(), flags=re.M) if part.startswith("Write-Whole")
    ]
    assert re.search(r"foreach \(\$try in 1\.\.50\).*catch { if \(\$try -eq 50\) { throw } }", body, re.DOTALL)
    assert "Remove-Item -Force -LiteralPath $ReportFile" not in script().decode()


def test_every_step_has_its_functions() -> None:
    named = {name for steps in EVERY for step in steps for name in (step.test, step.act) if name}
    assert named - functions(script()) == set()
    assert len(named) > 15


def test_settings_stand_before_every_display_driver() -> None:
    for steps in EVERY:
        order = [step.name for step in steps]
        later = [
            name
            for name in ("gpu-driver", "virtual-display", "looking-glass-host", "looking-glass-idd")
            if name in order
        ]
        assert all(order.index("settings") < order.index(name) for name in later)
        # Virtual-Display-Driver takes the GPU with the most memory, which is none without its driver.
        assert "virtual-display" not in order or order.index("gpu-driver") < order.index("virtual-display")
        assert order[-1] != "emulated-display-off" or order[-2] == "capture"


@pytest.mark.parametrize("steps", EVERY, ids=lambda steps: "-".join(s.name[:3] for s in steps[6:]))
def test_the_walk_ends_wherever_it_is_killed(steps: tuple) -> None:  # type: ignore[type-arg]
    """Killed in each step before, within and behind its act, then run again: always done, nothing done twice."""
    whole = Guest(steps)
    assert walk(whole, steps) in (0, 3010)
    while walk(whole, steps) == 3010:
        whole.restart()
    assert whole.holds == {step.name for step in steps}
    for kill in range(len(whole.log) * 2):
        guest = Guest(steps, kill_after=kill)
        for _ in range(12):
            try:
                code = walk(guest, steps)
            except Killed:
                guest.kill_after = None
                continue
            if code == 0:
                break
            assert code == 3010
            guest.restart()
        assert guest.holds == {step.name for step in steps}
        assert max(guest.acts.values()) <= 2
        guest.kill_after = None
        before = dict(guest.acts)
        assert walk(guest, steps) == 0
        assert guest.acts == before


def test_what_never_holds_is_given_up() -> None:
    steps = steps_for("idd", "vdd", emulated_display_off=False)
    guest = Guest(steps, broken="looking-glass-idd")
    codes = []
    for _ in range(6):
        codes.append(walk(guest, steps))
        guest.restart()
    assert codes[:2] == [3010, 3010]
    assert set(codes[2:]) == {1}
    assert guest.acts["looking-glass-idd"] == 2
