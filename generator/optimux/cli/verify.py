"""``optimux verify``: boots the table and the shared memory in a throwaway QEMU and checks them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimux.cli.inputs import plan_of
from optimux.cli.report import DONE, FAILED, report_warnings, say
from optimux.cli.supervised import supervised
from optimux.cli.text import shown
from optimux.cli.verb import Verb
from optimux.errors import InvalidInput, Problem
from optimux.record import Record
from optimux.vm.errors import VmError
from optimux.vm.evidence.checks import FAILED as CHECK_FAILED
from optimux.vm.evidence.checks import PASSED, REPLACED, SKIPPED, Check, subject_of
from optimux.vm.verify.verify import verify, verify_domain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.cli.supervised import Scratch
    from optimux.plan.model import DomainPlan, Plan

EPILOG = """\b
Examples:
  optimux verify optimux.toml
  optimux verify optimux.toml --firmware both
  optimux verify optimux.toml --guest --keep logs/
  virsh dumpxml --inactive Windows11 | optimux verify optimux.toml --domain -

\b
Exit codes:
  0 all is well, 1 a check failed or nothing could be booted, 2 invalid input,
  130 and 143 interrupted and terminated

OPTIMUX_QEMU names another QEMU than that in PATH. --domain needs libvirt's virsh and QEMU driver; it defines nothing,
and lists what of the host was replaced. --guest needs a Linux kernel and a static busybox: this machine's,
or Debian's, which are fetched with apt into ~/.cache/optimux ($XDG_CACHE_HOME/optimux).
"""
_TITLES = {
    "host": "This machine",
    "seabios": "Firmware level, SeaBIOS",
    "ovmf": "Firmware level, OVMF",
    "guest": "Guest level, Linux",
    "domain-seabios": "The whole domain, SeaBIOS",
    "domain-ovmf": "The whole domain, OVMF",
}
_FIRMWARE = {"seabios": ("seabios",), "ovmf": ("ovmf",), "both": ("seabios", "ovmf")}


@click.command("verify", cls=Verb, epilog=EPILOG)
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
@click.option("--domain", "file", metavar="FILE", help="Boot this libvirt domain whole instead (- is standard input).")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--keep", metavar="DIR", help="Keep the logs here, also when all is well.")
@click.option("--facts", metavar="FILE", help="What is known of the host (see `optimux schema --facts`).")
def command(
    config: str,
    name: str | None,
    firmware: str,
    guest: bool,
    file: str | None,
    as_json: bool,
    keep: str | None,
    facts: str | None,
) -> int:
    """Boot what CONFIG generates in a throwaway QEMU, and check it in memory. Needs neither a GPU nor KVM."""
    _check_usage(config, guest, file)
    plan = plan_of(config, facts)
    work = _existing(plan, name, firmware, file) if file else _generated(plan, name, firmware, guest)
    report_warnings(plan.warnings)
    folder = _folder(keep)

    def all_of_it(scratch: Scratch) -> int:
        logs = folder or scratch.path
        results = _all(work, logs, as_json)
        # Of a failure the logs are wanted; without a machine there are none.
        kept = folder is not None or (_count(results, CHECK_FAILED) > 0 and any(logs.rglob("command.txt")))
        if kept and folder is None:
            scratch.keep()
        return _conclude(results, logs if kept else None, as_json)

    return supervised(all_of_it, "optimux-verify-")


class _Work(Record):
    """One level of one VM; ``document`` is the domain that the user has, where one is to be looked at."""

    domain: DomainPlan
    level: str
    document: bytes


def _check_usage(config: str, guest: bool, file: str | None) -> None:
    if file and guest:
        raise click.UsageError("--domain and --guest exclude each other: the guest boots what CONFIG generates.")
    if file == "-" and config == "-":
        raise click.UsageError("Only one of CONFIG and --domain can be standard input.")


def _generated(plan: Plan, name: str | None, firmware: str, guest: bool) -> list[_Work]:
    levels = ("host", *_FIRMWARE[firmware], *(("guest",) if guest else ()))
    found = []
    for domain in _chosen(plan, name):
        found += [_Work(domain, level, b"") for level in levels]
        found += _with_own_words(domain, firmware)
    return found


def _with_own_words(domain: DomainPlan, firmware: str) -> list[_Work]:
    """The whole domain too where the user added to it and libvirt is here: what he added may be in the way."""
    import shutil

    own = domain.extra_xml
    if not any(getattr(own, field) for field in own._fields) or shutil.which("virsh") is None:
        return []
    document = subject_of(domain).xml.encode()
    return [_Work(domain, f"domain-{each}", document) for each in _FIRMWARE[firmware]]


def _existing(plan: Plan, name: str | None, firmware: str, file: str) -> list[_Work]:
    from optimux.cli.existing_domain import vm_of
    from optimux.files.read import read_bytes
    from optimux.patch import check_domain
    from optimux.patch.source import MAX_BYTES

    document = read_bytes(file, MAX_BYTES)
    domain = vm_of(plan, name, document)
    check_domain(document)
    return [_Work(domain, f"domain-{each}", document) for each in _FIRMWARE[firmware]]


def _chosen(plan: Plan, name: str | None) -> Sequence[DomainPlan]:
    chosen = [domain for domain in plan.domains if name in (None, domain.key)]
    if not chosen:
        keys = ", ".join(domain.key for domain in plan.domains) or "none; add a table [vms.NAME]"
        raise InvalidInput([Problem("--vm", name or "no VM in the configuration", keys, "Name a configured VM.")])
    return chosen


def _all(work: list[_Work], logs: Path, as_json: bool) -> list[dict[str, Any]]:
    """Every level of every VM; a level that this computer cannot run at all is tried once."""
    results, missing = [], set[str]()
    for each in work:
        if each.level in missing:
            results.append(_passed_over(each.domain, each.level, as_json))
            continue
        result, goes_on = _verify(each, logs, as_json)
        results.append(result)
        if not goes_on:
            missing.add(each.level)
    return results


def _passed_over(domain: DomainPlan, level: str, as_json: bool) -> dict[str, Any]:
    check = Check("machine", SKIPPED, "not looked at: this level cannot run here, see above")
    if not as_json:
        _print_title(domain, level)
        _print(check)
    return _result(domain, level, 0.0, [check])


def _verify(work: _Work, logs: Path, as_json: bool) -> tuple[dict[str, Any], bool]:
    """One level of one VM: told as it goes, and returned for the summary; and whether the level can run here at all."""
    domain, level = work.domain, work.level
    checks: list[Check] = []
    started, goes_on, details = time.monotonic(), True, ""

    def each(check: Check) -> None:
        checks.append(check)
        if not as_json:
            if level == "host" and len(checks) == 1:
                _print_title(domain, level)
            _print(check)

    if level != "host" and not as_json:  # the host has mostly nothing to say
        _print_title(domain, level)

    try:
        folder = logs / f"{domain.key}-{level}"
        if work.document:
            verify_domain(domain, work.document, level.removeprefix("domain-"), folder, each)
        else:
            verify(subject_of(domain), level, folder, each)
    except VmError as error:
        goes_on = error.folder is not None  # else no machine was made: this is about the computer, not about the VM
        details = error.details
        each(Check("machine", CHECK_FAILED, error.message, error.remedy))
        if details:
            say(details)
    except OSError as error:
        if error.filename is None:  # the reader of the output has gone
            raise
        found = f"{os.fsdecode(error.filename)}: {error.strerror}"
        each(Check("machine", CHECK_FAILED, found, "Make room or give access there, and try again."))
    result = _result(domain, level, time.monotonic() - started, checks)
    return (result | {"details": details} if details else result), goes_on


def _result(domain: DomainPlan, level: str, seconds: float, checks: Sequence[Check]) -> dict[str, Any]:
    replaced = [check.found for check in checks if check.name == REPLACED]
    found = [{field: getattr(check, field) for field in check._fields} for check in checks if check.name != REPLACED]
    more = {"replaced": replaced} if replaced else {}
    return more | {"vm": domain.key, "level": level, "seconds": round(seconds, 2), "checks": found}


def _print_title(domain: DomainPlan, level: str) -> None:
    click.echo(f"{domain.key}: {_TITLES[level]}")


def _print(check: Check) -> None:
    words = {PASSED: "ok", CHECK_FAILED: "FAILED"}
    click.echo(shown(f"  {words.get(check.state, '-'):6} {check.name}: {check.found}"))
    if check.state == CHECK_FAILED:
        click.echo(shown(f"         {check.remedy}"))
    sys.stdout.flush()


def _conclude(results: list[dict[str, Any]], logs: Path | None, as_json: bool) -> int:
    failed, passed = _count(results, CHECK_FAILED), _count(results, PASSED)
    seconds = sum(result["seconds"] for result in results)
    if as_json:
        import json

        click.echo(json.dumps({"passed": not failed, "logs": logs and str(logs), "levels": results}, indent=2))
    say(f"{passed} checks passed, {failed} failed, in {seconds:.1f} s")
    if logs:
        say(f"logs: {logs}")
    return FAILED if failed else DONE


def _count(results: list[dict[str, Any]], state: str) -> int:
    return sum(check["state"] == state for result in results for check in result["checks"])


def _folder(keep: str | None) -> Path | None:
    """The user's folder for logs, made where it is missing. Raises ``InvalidInput`` where it cannot be."""
    if keep is None:
        return None
    from optimux.files.read import reason_of
    from optimux.files.scratch import own_folder

    try:
        return own_folder(Path(keep))
    except (OSError, ValueError) as error:
        allowed = "a folder that you may write to; it may be missing"
        problem = Problem("--keep", f"{keep}: {reason_of(error)}", allowed, "Name another folder.")
        raise InvalidInput([problem]) from None
