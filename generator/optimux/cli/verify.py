"""``optimux verify``: boots the table and the shared memory in a throwaway QEMU and checks them."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimux.cli.inputs import plan_of
from optimux.cli.report import DONE, FAILED, report_warnings, say
from optimux.errors import InvalidInput, Problem
from optimux.vm.checks import FAILED as CHECK_FAILED
from optimux.vm.checks import PASSED, Check, subject_of
from optimux.vm.errors import VmError
from optimux.vm.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optimux.plan.model import DomainPlan, Plan

EPILOG = """\b
Examples:
  optimux verify optimux.toml
  optimux verify optimux.toml --firmware both
  optimux verify optimux.toml --guest --keep logs/
"""
_TITLES = {
    "host": "This machine",
    "seabios": "Firmware level, SeaBIOS",
    "ovmf": "Firmware level, OVMF",
    "guest": "Guest level, Linux",
}
_FIRMWARE = {"seabios": ("seabios",), "ovmf": ("ovmf",), "both": ("seabios", "ovmf")}
_TERMINATED = 143  # 128 and SIGTERM's number, as shells report it


@click.command("verify", epilog=EPILOG)
@click.argument("config")
@click.option("--vm", "name", metavar="NAME", help="One VM instead of all.")
@click.option(
    "--firmware",
    type=click.Choice(list(_FIRMWARE)),
    default="seabios",
    show_default=True,
    help="What boots the machine.",
)
@click.option("--guest", is_flag=True, help="Also boot a small Linux guest and ask it what it sees.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--keep", metavar="DIR", help="Keep the logs here, also when all is well.")
@click.option("--facts", metavar="FILE", help="What is known of the host (see `optimux schema --facts`).")
def command(
    config: str, name: str | None, firmware: str, guest: bool, as_json: bool, keep: str | None, facts: str | None
) -> int:
    """Boot what CONFIG generates in a throwaway QEMU, and check it in memory. Needs neither a GPU nor KVM."""
    plan = plan_of(config, facts)
    domains = _chosen(plan, name)
    report_warnings(plan.warnings)
    levels = ("host", *_FIRMWARE[firmware], *(("guest",) if guest else ()))
    with _terminable(), _folder(keep) as logs:
        results = _all([(domain, level) for domain in domains for level in levels], logs, as_json)
        logs.failed = any(check["state"] == CHECK_FAILED for result in results for check in result["checks"])
    return _conclude(results, logs, as_json)


def _chosen(plan: Plan, name: str | None) -> Sequence[DomainPlan]:
    chosen = [domain for domain in plan.domains if name in (None, domain.key)]
    if not chosen:
        keys = ", ".join(domain.key for domain in plan.domains) or "none; add a table [vms.NAME]"
        raise InvalidInput([Problem("--vm", name or "no VM in the configuration", keys, "Name a configured VM.")])
    return chosen


def _all(work: list[tuple[DomainPlan, str]], logs: _Logs, as_json: bool) -> list[dict[str, Any]]:
    """Every level of every VM, until this computer itself cannot go on."""
    results = []
    for domain, level in work:
        result, goes_on = _verify(domain, level, logs, as_json)
        results.append(result)
        if not goes_on:
            break
    return results


def _verify(domain: DomainPlan, level: str, logs: _Logs, as_json: bool) -> tuple[dict[str, Any], bool]:
    """One level of one VM: told as it goes, and returned for the summary; and whether another one may fare better."""
    checks: list[Check] = []
    started, goes_on = time.monotonic(), True

    def each(check: Check) -> None:
        if not checks and level == "host":
            title()
        checks.append(check)
        if not as_json:
            _print(check)

    def title() -> None:
        if not as_json:
            click.echo(f"{domain.key}: {_TITLES[level]}")

    if level != "host":  # which has mostly nothing to say
        title()

    try:
        verify(subject_of(domain), level, logs.path / f"{domain.key}-{level}", each)
    except VmError as error:
        goes_on = error.folder is not None  # else no machine was made: this is about the computer, not about the VM
        each(Check("machine", CHECK_FAILED, error.message, error.remedy))
        if error.details:
            say(error.details)
    found = [{field: getattr(check, field) for field in check._fields} for check in checks]
    seconds = round(time.monotonic() - started, 2)
    return {"vm": domain.key, "level": level, "seconds": seconds, "checks": found}, goes_on


def _print(check: Check) -> None:
    words = {PASSED: "ok", CHECK_FAILED: "FAILED"}
    click.echo(f"  {words.get(check.state, '-'):6} {check.name}: {check.found}")
    if check.state == CHECK_FAILED:
        click.echo(f"         {check.remedy}")
    sys.stdout.flush()


def _conclude(results: list[dict[str, Any]], logs: _Logs, as_json: bool) -> int:
    checks = [check for result in results for check in result["checks"]]
    failed = sum(check["state"] == CHECK_FAILED for check in checks)
    passed = sum(check["state"] == PASSED for check in checks)
    seconds = sum(result["seconds"] for result in results)
    if as_json:
        import json

        where = str(logs.path) if logs.path.exists() else None
        click.echo(json.dumps({"passed": not failed, "logs": where, "levels": results}, indent=2))
    say(f"{passed} checks passed, {failed} failed, in {seconds:.1f} s")
    if logs.path.exists():
        say(f"logs: {logs.path}")
    return FAILED if failed else DONE


class _Logs:
    """Where the logs go, and whether they will be wanted."""

    def __init__(self, path: Path) -> None:
        self.path, self.failed = path, True


@contextmanager
def _folder(keep: str | None) -> Iterator[_Logs]:
    """The user's folder, or one of our own that goes unless something failed."""
    import shutil
    import tempfile

    if keep:
        path = Path(keep)
        path.mkdir(parents=True, exist_ok=True)
        yield _Logs(path.resolve())
        return
    logs = _Logs(Path(tempfile.mkdtemp(prefix="optimux-verify-")))
    try:
        yield logs
    except (KeyboardInterrupt, SystemExit):
        logs.failed = False  # nobody asked for them
        raise
    finally:
        if not logs.failed or not any(logs.path.rglob("command.txt")):  # no machine, no logs
            shutil.rmtree(logs.path, ignore_errors=True)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM unwinds as Ctrl-C does, so that machine and folder go with it."""
    import signal

    def leave(number: int, frame: object) -> None:
        raise SystemExit(_TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
