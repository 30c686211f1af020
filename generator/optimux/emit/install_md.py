"""INSTALL.md: the manifest for a person, in the order of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from optimux.emit.artifact import HostCommand, HostEntry, HostFile, HostLines
from optimux.emit.packages import elsewhere
from optimux.plan.model import Plan

_INTRO = ("# Installing on this host", "", "As root, in this folder. `host/manifest.json` says the same for programs.")
_SELINUX = """\
Nobody has published an SELinux policy for kvmfr. If a VM may not open `/dev/kvmfr0`, `ausearch -m avc -ts recent` shows
what was denied, and `audit2allow` turns that into a policy module."""


def install_md(plan: Plan, entries: Sequence[HostEntry]) -> str:
    """Short, for root in the bundle's folder on the host."""
    commands = [entry for entry in entries if isinstance(entry, HostCommand)]
    missing = _bullets("Not in the distribution's archive:", elsewhere(plan))
    sections = [
        ("First", [*_commands(command for command in commands if command.first), *missing]),
        ("Copy", _copies([entry for entry in entries if isinstance(entry, HostFile)])),
        ("Merge", [line for entry in entries if isinstance(entry, HostLines) for line in _merge(entry)][:-1]),
        ("Run", _commands(command for command in commands if not command.first)),
        ("Reboot and check", _checks(plan)),
    ]
    body = [line for title, lines in sections if lines for line in ("", f"## {title}", "", *lines)]
    return "\n".join([*_INTRO, *body, ""])


def _code(lines: Iterable[str]) -> list[str]:
    return ["```sh", *lines, "```"]


def _bullets(title: str, items: list[str]) -> list[str]:
    return ["", title, "", *(f"- {item}" for item in items)] if items else []


def _commands(commands: Iterable[HostCommand]) -> list[str]:
    lines = [line for entry in commands for line in (f"# {_sentence(entry.purpose)}", entry.command)]
    return _code(lines) if lines else []


def _sentence(purpose: str) -> str:
    return purpose[:1].upper() + purpose[1:]


def _copies(files: list[HostFile]) -> list[str]:
    return _code(_copy(file) for file in files) if files else []


def _copy(file: HostFile) -> str:
    from shlex import quote

    owner, group = file.owner.split(":")
    return f"install -D -m {file.mode:04o} -o {owner} -g {group} {quote(f'host{file.path}')} {quote(file.path)}"


def _merge(entry: HostLines) -> Iterator[str]:
    yield f"{_sentence(entry.purpose)}: {_how(entry)}"
    yield from ("", "```", *entry.lines, "```", "")


def _how(entry: HostLines) -> str:
    if entry.separator:
        return f"in `{entry.path}`, complete the line that is there with these words, or add it."
    if entry.anchor:
        return f"in `{entry.path}`, in place of the same setting, or at the end."
    return f"at the end of `{entry.path}`, which may not exist yet."


def _checks(plan: Plan) -> list[str]:
    lines = ["Reboot, then:", "", *_code(_check_commands(plan))]
    if plan.host.security_module == "selinux" and plan.kvmfr:
        lines += ["", _SELINUX]
    if plan.domains:
        lines += ["", "`virsh define domains/NAME.xml` makes a VM known to libvirt."]
    return lines


def _check_commands(plan: Plan) -> Iterator[str]:
    if plan.host.kernel_params:
        yield "cat /proc/cmdline"
    for gpu in plan.gpus:
        for function in gpu.functions if gpu.binds_early else ():
            yield f"lspci -nnks {function.address}  # Kernel driver in use: vfio-pci"
    for memory in plan.memories:
        yield f"ls -l {memory.path}"
