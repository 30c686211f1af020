"""The Looking Glass client's ini files: the system's own, and one more for each VM that needs other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.client_settings import client_settings
from optimux.emit.artifact import HostFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.client_settings import Value
    from optimux.emit.artifact import HostEntry
    from optimux.plan.model import DomainPlan, Plan, SharedMemory

    Settings = Mapping[str, Mapping[str, Value]]

SYSTEM_FILE = "/etc/looking-glass-client.ini"
CLIENTS = "/etc/optimux/clients"
_ANY_ADDRESS = ("0.0.0.0", "::")


def client_entries(plan: Plan) -> list[HostEntry]:
    """The system file for the first VM of the client, and a file a VM whose settings differ from that one's."""
    if not plan.clients:
        return []
    first, *others = plan.clients
    system = client_settings_of(first)
    entries: list[HostEntry] = [_system_file(first, system)]
    for domain in others:
        settings = client_settings_of(domain)
        if settings != system:
            entries.append(_vm_file(domain, settings, system))
    return entries


def client_files_of_each_vm(plan: Plan) -> list[HostFile]:
    """A complete file for each VM, for a user's own folder, where it takes the place of the system's."""
    return [_own_file(domain) for domain in plan.clients]


def _own_file(domain: DomainPlan) -> HostFile:
    comment = f"Written by Optimux: the Looking Glass client's settings for the VM {domain.name}."
    content = client_ini(client_settings_of(domain), comment)
    return HostFile(f"{CLIENTS}/{domain.key}.ini", content, f"settings of the client for {domain.name}")


def vm_file(key: str) -> str:
    """Where a VM's own file lies; ``looking-glass-client app:configFile=PATH`` reads it over all others."""
    return f"/etc/optimux/looking-glass-client-{key}.ini"


def client_settings_of(domain: DomainPlan) -> dict[str, dict[str, Value]]:
    """Settings by section: what the plan knows, then the user's own, which win."""
    settings: dict[str, dict[str, Value]] = {}
    if domain.shared_memory is not None:
        section, key = _memory_key(domain.shared_memory)
        settings[section] = {key: domain.shared_memory.path}
    if spice := _spice(domain):
        settings["spice"] = spice
    for section, keys in domain.looking_glass.client.items():
        settings.setdefault(section, {}).update(keys)
    return settings


def client_ini(settings: Settings, *comments: str) -> str:
    """The file: one comment line each, then ``[section]`` and ``key=value``. The client knows no comment but ``;``."""
    blocks = ["".join(f"; {comment}\n" for comment in comments)]
    for section, keys in settings.items():
        lines = (f"{key}={_written(value)}\n" for key, value in keys.items())
        blocks.append(f"[{section}]\n" + "".join(lines))
    return "\n".join(blocks)


def _memory_key(memory: SharedMemory) -> tuple[str, str]:
    return ("lgmp", "shmDevice") if memory.release == "idd" else ("app", "shmFile")


def _spice(domain: DomainPlan) -> dict[str, Value]:
    """Where the VM's SPICE server departs from the client's defaults: 127.0.0.1, port 5900, everything on."""
    spice = domain.spice
    if not spice.enable or spice.listen == "none":
        return {"enable": False}
    values: dict[str, Value] = {}
    if spice.address is not None and spice.address not in ("127.0.0.1", *_ANY_ADDRESS):
        values["host"] = spice.address
    if spice.port not in (None, 5900):
        values["port"] = spice.port
    if domain.evdev:  # enable=no would silence sound and clipboard as well
        values["input"] = False
    return values


def _system_file(domain: DomainPlan, settings: Settings) -> HostFile:
    comments = (
        f"Written by Optimux: the Looking Glass client's settings, for the VM {domain.name}.",
        "Your own go into ~/.config/looking-glass/client.ini, which is read after this file.",
    )
    return HostFile(SYSTEM_FILE, client_ini(settings, *comments), "settings of the Looking Glass client")


def _vm_file(domain: DomainPlan, settings: Settings, system: Settings) -> HostFile:
    path = vm_file(domain.key)
    comments = (
        f"Written by Optimux: the Looking Glass client's settings for the VM {domain.name}, read over {SYSTEM_FILE}:",
        f"looking-glass-client app:configFile={path}",
    )
    release = domain.looking_glass.release
    content = client_ini(_over(settings, system, release), *comments)
    return HostFile(path, content, f"settings of the Looking Glass client for {domain.name}")


def _over(settings: Settings, system: Settings, release: str) -> Settings:
    """``settings``, and the client's defaults for what only the system file sets: that one is always read first."""
    result = {section: dict(keys) for section, keys in settings.items()}
    mine = {f"{section}:{key}".lower() for section, keys in settings.items() for key in keys}
    for section, keys in system.items():
        for name, key in ((f"{section}:{key}".lower(), key) for key in keys):
            known = client_settings(release).get(name)
            # A float is never needed as one: the client reads any text.
            if name not in mine and known is not None and known.default != "":
                default = known.default
                result.setdefault(section, {})[key] = str(default) if isinstance(default, float) else default
    return result


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
