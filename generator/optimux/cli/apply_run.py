"""``apply`` itself: look, show, ask, do."""

from __future__ import annotations

import contextlib
import hashlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimux.cli.report import DONE, FAILED, report_warnings, say
from optimux.errors import InvalidInput, OptimuxError, Problem
from optimux.files.root import Root
from optimux.host.journal import CommandRun, Transaction, save, transactions
from optimux.host.lock import locked
from optimux.host.past import Past

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.cli.apply_domains import Vms
    from optimux.cli.apply_request import Request
    from optimux.files.state import State
    from optimux.host.apply.packages import Missing
    from optimux.host.apply.survey import Configuration, Survey
    from optimux.host.shell import Shell


def run(request: Request) -> int:
    """The exit code. Raises ``OptimuxError``."""
    from optimux.cli import apply_show

    with Root(Path(request.place or "/")) as root, _alone(request, root):
        configuration = _read(request.config)
        past = Past(transactions(root))
        found = _survey(request, configuration, root, past)
        report_warnings(found.plan.warnings)
        _refuse(request, found)
        with _vms(request, found) as vms:
            digest = _digest(found, vms)
            if request.script:
                from optimux.cli.apply_script import print_script

                print_script(found)
                return DONE
            if found.is_empty and vms.is_current:
                _finish_open(root, past)
                return apply_show.nothing(request, found, vms, digest)
            apply_show.show(request, found, vms, digest)
            _compare_digest(request, digest)
            if request.dry_run:
                return DONE
            if not request.yes and not apply_show.agreed(digest):
                return FAILED
        if _read(request.config) != configuration:
            raise OptimuxError(f"{request.config} was changed while this waited. Nothing was changed; run it again.")
        return _do(request, configuration, found, root, past)


@contextlib.contextmanager
def _alone(request: Request, root: Root) -> Iterator[None]:
    """Nobody else changes the host meanwhile; who only looks waits for nobody and leaves nothing."""
    if request.dry_run or request.script:
        yield
    else:
        with locked(root):
            yield


def _read(path: str) -> Configuration:
    from optimux.files.read import read_bytes
    from optimux.files.replace import mode_of
    from optimux.host.apply.survey import Configuration
    from optimux.options.load import read_config

    content = read_bytes(path)
    data = read_config(path)
    if read_bytes(path) != content:
        raise OptimuxError(f"{path} is being written to. Nothing was changed; run it again.")
    # Who may read the user's own may read the copy; nobody executes it, and only root writes it.
    return Configuration(path, content, data, mode_of(Path(path)) & 0o644 | 0o600)


def _survey(request: Request, configuration: Configuration, root: Root, past: Past) -> Survey:
    from optimux.files.documents import read_json
    from optimux.host.apply.survey import survey

    seen = read_json(request.facts) if request.facts else None
    return survey(configuration, root, request.shell, past, request.steps, place=request.place, seen=seen)


def _refuse(request: Request, found: Survey) -> None:
    if not found.against:
        return
    if request.anyway:
        report_warnings(found.against)
        return
    raise InvalidInput(found.against)


def _vms(request: Request, found: Survey) -> contextlib.AbstractContextManager[Vms]:
    from optimux.cli.apply_domains import opened

    wanted = "domains" in request.steps and request.place is None and not request.script
    return opened(found.plan, wanted=wanted)


def _digest(found: Survey, vms: Vms) -> str:
    """Of everything that would be done: two that are equal do the same."""
    words: list[Any] = [found.missing]
    words += [(c.file.path, _lasting(c.file.before), _lasting(c.file.after)) for c in found.prepared.changes]
    words += [command.command for command in found.prepared.commands]
    words += [(step.name, step.before, step.after) for step in vms.steps if step.action != "keep"]
    return hashlib.sha256(repr(words).encode(errors="surrogateescape")).hexdigest()[:16]


def _lasting(state: State | None) -> tuple[bytes, int] | None:
    return None if state is None else (state.content, state.metadata.mode)


def _compare_digest(request: Request, digest: str) -> None:
    if request.digest not in (None, digest):
        found, remedy = f'"{request.digest}"', "Something changed since that was shown. Look at it, then use this one."
        raise InvalidInput([Problem("--plan", found, f'"{digest}"', remedy)])


def _finish_open(root: Root, past: Past) -> None:
    """A run that was cut off, of which nothing is missing any more."""
    for transaction in past.active:
        if transaction.is_open:
            save(root, transaction.replace(stage="applied"))


def _do(request: Request, configuration: Configuration, found: Survey, root: Root, past: Past) -> int:
    from optimux.cli import apply_show
    from optimux.host.apply.carry_out import carry_out

    shell = request.shell
    # The terminal may close: what was agreed to is finished all the same.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if found.missing is not None and found.installs:
        _install(configuration, found.missing, root, shell)
        if found.missing.after_reboot:
            say("what was installed is there after a reboot: reboot, then run this again for the rest")
            return DONE
        shown = found.prepared
        past = Past(transactions(root))
        found = _survey(request, configuration, root, past)
        _refuse(request, found)
        apply_show.show_what_differs(shown, found.prepared)
    transaction = _new(configuration, root)
    # First: what libvirt refuses it refuses before the host has changed.
    with _vms(request, found) as vms:
        transaction = vms.define(transaction, root)
    transaction = carry_out(found.prepared, transaction, root, shell, say)
    if vms.left:
        # What was done may have started libvirt.
        with _vms(request, found) as vms:
            transaction = vms.define_late(transaction, root)
    _finish_open(root, past)
    apply_show.done(request, found, transaction, vms)
    return FAILED if vms.left else DONE


def _new(configuration: Configuration, root: Root) -> Transaction:
    import time

    from optimux import __version__

    number = len(transactions(root)) + 1
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Transaction(number, at, __version__, hashlib.sha256(configuration.content).hexdigest())


def _install(configuration: Configuration, wanted: Missing, root: Root, shell: Shell) -> None:
    """First of all, as the versions that come with it decide on the rest."""
    transaction = _new(configuration, root)
    transaction = transaction.replace(commands=(CommandRun(wanted.install, "packages", wanted.remove),))
    save(root, transaction)
    say(f"$ {wanted.install}")
    if status := shell.run(wanted.install):
        save(root, transaction.replace(stage="undone"))
        raise OptimuxError(
            f"`{wanted.install}` ended with {status}. Nothing else was changed. Run it by hand, then this again; or "
            "leave packages out with --only."
        )
    ran = transaction.commands[0].replace(ended=True)
    save(root, transaction.replace(commands=(ran,), stage="applied"))
