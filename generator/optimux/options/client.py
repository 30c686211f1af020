"""Checking ``lookingGlass.client``: the client itself ignores what it does not know and reads nonsense as zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.client_settings import Setting, client_settings, counterpart
from optimux.declare.wording import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.client_settings import Value
    from optimux.findings import Findings
    from optimux.options.looking_glass import Release

_NEAR = 0.75  # difflib's ratio: one or two letters off
_OTHER: dict[Release, Release] = {"b7": "idd", "idd": "b7"}
# Keys whose value is the plan's: the user may set them, but then two places say it.
_PLANNED = ("app:shmfile", "lgmp:shmdevice")


def check_client(
    settings: Mapping[str, Mapping[str, Value]],
    release: Release,
    path: str,
    findings: Findings,
) -> None:
    """Compare the settings, by section and key, with what the client of ``release`` ("b7", "idd") knows.

    ``path`` is where they stand, such as ``lookingGlass.client``. What cannot work is an error, what looks like a slip
    a warning; keys that nobody knows pass.
    """
    if not settings:
        return
    for section, keys in settings.items():
        for key, value in keys.items():
            _check_key(section, key, value, release, path, findings)
    _check_combinations(_truths(settings, release), release, path, findings)


def _check_key(section: str, key: str, value: Value, release: Release, path: str, findings: Findings) -> None:
    where, name = f"{path}.{section}.{key}", f"{section}:{key}".lower()
    setting = client_settings(release).get(name)
    if setting is not None:
        if not setting.accepts(value):
            findings.error(where, shown(value), setting.allowed, _remedy(setting, value), _because(path))
        elif name in _PLANNED:
            remedy = "Remove it, unless the memory of the VM is somewhere else on purpose."
            findings.warn(where, shown(value), "nothing: the plan knows the path of the memory", remedy)
    elif name in client_settings(_OTHER[release]):
        _refuse_other_release(where, name, release, path, findings)
    elif near := _near(section, key, release):
        found = f'"{key}", which the client does not know'
        findings.warn(where, found, "any key; unknown ones are ignored", f'Did you mean "{near}"?')


def _because(path: str) -> tuple[str, ...]:
    """Where the release is stated: beside the client's settings, or in the table that a VM's own inherits from."""
    return (f"{path.removesuffix('client')}release", "lookingGlass.release")


def _remedy(setting: Setting, value: Value) -> str:
    if isinstance(value, str):
        if not value.strip():
            return "Leave it out: the client cannot read an empty value."
        if not value.isascii():
            return "Use ASCII: the client drops every other letter."
        if isinstance(setting.default, int) and not setting.choices:
            return "Write it without quotes."
        return "Correct the value."
    return "Write it in quotes." if isinstance(setting.default, str) else "Correct the value."


def _refuse_other_release(where: str, name: str, release: Release, path: str, findings: Findings) -> None:
    theirs = client_settings(_OTHER[release])[name].name
    right = counterpart(name, release)
    remedy = f"Write {right.replace(':', '.')} instead." if right else "Remove it, or choose the other release."
    found = f"{theirs}, a key of release {_OTHER[release]}"
    findings.error(where, found, f"the keys of release {release}", remedy, _because(path))


def _near(section: str, key: str, release: Release) -> str | None:
    """A known key of the same section that looks much like this one."""
    import difflib  # only unknown keys pay for it

    keys = {s.key.lower(): s.key for s in client_settings(release).values() if s.section.lower() == section.lower()}
    close = difflib.get_close_matches(key.lower(), keys, n=1, cutoff=_NEAR)
    return keys[close[0]] if close else None


def _truths(settings: Mapping[str, Mapping[str, Value]], release: Release) -> dict[str, tuple[str, bool]]:
    """Every truth value that will be in force, by name, with where the user set it ("" where it is the default)."""
    truths = {
        name: ("", setting.default)
        for name, setting in client_settings(release).items()
        if isinstance(setting.default, bool)
    }
    for section, keys in settings.items():
        for key, value in keys.items():
            if isinstance(value, bool) and (name := f"{section}:{key}".lower()) in truths:
                truths[name] = (f"{section}.{key}", value)
    return truths


def _check_combinations(
    truths: Mapping[str, tuple[str, bool]], release: Release, path: str, findings: Findings
) -> None:
    """What the client's ``config_load`` ends the program for."""
    where, dims = truths["win:noscreensaver"]
    if dims and truths["win:autoscreensaver"][1]:
        remedy = "Keep one: the client refuses to start with both."
        also = f"{path}.{truths['win:autoscreensaver'][0] or 'win.autoScreensaver'}"
        findings.error(f"{path}.{where}", "true", "false beside win.autoScreensaver = true", remedy, [also])
    if release != "idd":
        return
    where, resizes = truths["win:autoresize"]
    if resizes and truths["win:setguestres"][1]:
        remedy = "Set win.setGuestRes = false as well: the client refuses to start with both."
        allowed = "false while win.setGuestRes is true (its default)"
        also = f"{path}.{truths['win:setguestres'][0] or 'win.setGuestRes'}"
        findings.error(f"{path}.{where}", "true", allowed, remedy, [also, *_because(path)])
