"""The Looking Glass client: there, of the release of the plan, and with settings that lead to the VM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.check import Result, broken, check, holds, unseen
from optimux.host.looking_glass import MOST, release_of

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look
    from optimux.plan.model import DomainPlan

PROGRAMS = (
    "/usr/local/bin/looking-glass-client",
    "/usr/bin/looking-glass-client",
    "/run/current-system/sw/bin/looking-glass-client",
)


def _shown(look: Look) -> list[DomainPlan]:
    return [d for d in look.domains if d.shared_memory and d.looking_glass.enable and d.looking_glass.install_client]


@check("client.there", "the Looking Glass client", "It shows the guest's picture on the host.")
def there(look: Look) -> Iterator[Result]:
    """The program, where the plan installs it."""
    if not _shown(look):
        return
    program = next((path for path in PROGRAMS if look.root.exists(path)), None)
    if program:
        yield holds("there", program)
    elif not look.root.names("/usr/bin"):
        yield unseen("this tree has no programs", PROGRAMS[1])
    else:
        yield broken("missing", PROGRAMS[1], "Install it, of the same release as the guest's side.", "optimux apply")


@check(
    "client.release",
    "a client of the plan's release",
    "B7 and the releases with their own display driver speak different protocols: the client waits for ever.",
)
def release(look: Look) -> Iterator[Result]:
    """By the settings that the program knows: the releases call the one of the shared memory otherwise."""
    program = next((path for path in PROGRAMS if look.root.exists(path)), None)
    if not _shown(look) or program is None:
        return
    wanted = _shown(look)[0].looking_glass.release
    found = release_of(look.root.data(program, MOST) or b"")
    if found is None:
        yield unseen("the program does not show its settings", program, command="looking-glass-client --help")
    elif found[0] == wanted:
        yield holds(f"{found[0]}, as it knows {found[1]}", program)
    else:
        remedy = f'The plan has release = "{wanted}": install that one, or state the other, here and in the guest.'
        yield broken(f"{found[0]}, as it knows {found[1]}", program, remedy, "optimux apply")


@check(
    "client.settings",
    "settings that lead to the VM's shared memory",
    "A setting of an older guide, or of the other release, is passed over, and the client looks elsewhere.",
)
def settings(look: Look) -> Iterator[Result]:
    """What the client would have after all its files, beside what the plan writes; a later file wins."""
    from optimux.emit.looking_glass_client import SYSTEM_FILE, client_settings_of

    if _shown(look) and not look.has("/etc"):
        yield unseen("this tree has no /etc", SYSTEM_FILE)
        return
    for planned in _shown(look)[:1]:
        user = planned.shared_memory.user if planned.shared_memory else None
        files = [SYSTEM_FILE, *_own_files(look, user)]
        hidden = [path for path in files if not look.may_read(path)]
        have: dict[str, tuple[str, str]] = {}
        for path in files:
            have.update({key: (value, path) for key, value in read_ini(look.root.lines(path)).items()})
        wanted = {
            f"{section}:{key}".lower(): _written(value)
            for section, keys in client_settings_of(planned).items()
            for key, value in keys.items()
            if section in ("app", "lgmp", "spice")
        }
        yield from _beside(wanted, have, hidden)


def _own_files(look: Look, user: str | None) -> list[str]:
    """The user's, in the order in which the client reads them."""
    lines = (line.split(":") for line in look.root.lines("/etc/passwd"))
    home = next((fields[5] for fields in lines if len(fields) > 6 and fields[0] == user), None)
    return [f"{home}/.looking-glass-client.ini", f"{home}/.config/looking-glass/client.ini"] if home else []


def _written(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _beside(wanted: dict[str, str], have: dict[str, tuple[str, str]], hidden: list[str]) -> Iterator[Result]:
    from optimux.emit.looking_glass_client import SYSTEM_FILE

    wrong = 0
    for key, value in wanted.items():
        found, path = have.get(key, (None, SYSTEM_FILE))
        if found is None and not hidden:
            wrong += 1
            yield broken("not set", path, f"It must be {value}.", "optimux apply", key)
        elif found is not None and found != value:
            wrong += 1
            remedy = f"It must be {value}: correct it there, as the last file wins."
            yield broken(found, path, remedy, "", key)
    if hidden and not wrong:
        yield unseen("a file of the user's may say otherwise, and cannot be read", hidden[0])
    elif not wrong:
        yield holds(", ".join(f"{key}={value}" for key, value in wanted.items()), SYSTEM_FILE)


def read_ini(lines: list[str]) -> dict[str, str]:
    """``section:key`` in small letters, as the client takes them; comments begin with a semicolon or a hash."""
    found, section = {}, ""
    for line in (line.strip() for line in lines):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif "=" in line and not line.startswith((";", "#")):
            key, _, value = line.partition("=")
            found[f"{section}:{key.strip()}".lower()] = value.strip()
    return found


CHECKS = (there, release, settings)
