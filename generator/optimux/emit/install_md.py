"""INSTALL.md: the manifest for a person, in the order of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from optimux.emit.artifact import HostCommand, HostEntry, HostFile, HostLines
from optimux.emit.libvirt_start import VIRSH
from optimux.emit.packages import elsewhere
from optimux.emit.windows import MEDIUM, has_folder, with_medium
from optimux.plan.model import Plan

_INTRO = (
    "# Installing on this host",
    "",
    "`optimux apply` does all of this and keeps what it takes to undo it. By hand: as root, in this folder.",
    "`host/manifest.json` says the same for programs.",
)
_OTHER_VERSIONS = """\
For other versions state `host.libvirtVersion`, `host.qemuVersion`, `host.kernelVersion`, or give `--facts`, and
generate again."""
_SELINUX = """\
The udev rule gives `/dev/kvmfr0` the SELinux type `svirt_image_t`, which VMs may open and map; `ls -Z` shows it, and no
policy module is needed. One that allows `svirt_t` the type `device_t` opens every unlabelled device to every VM: do not
install it. `ausearch -m avc -ts recent` shows what is still denied."""

_HAND_OVER = """\
libvirt's hook runs `optimux`, which is to be installed for all users, in `/usr/local/bin` or `/usr/bin`; without it
each start is refused. With the VM off, `status` says of each card whether it can be given now, or who has it."""


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
        ("Define the VMs", _definitions(plan)),
        ("Check the hand-over", _hand_over(plan)),
    ]
    body = [line for title, lines in sections if lines for line in ("", f"## {title}", "", *lines)]
    return "\n".join([*_INTRO, "", *_planned_for(plan), *body, ""])


def _planned_for(plan: Plan) -> list[str]:
    host = plan.host
    versions = f"libvirt {host.platform.libvirt}, QEMU {host.platform.qemu}, Linux {host.platform.kernel}"
    return [f"Planned for {host.platform.distribution.capitalize()}: {versions}.", _OTHER_VERSIONS]


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
    if not any(entry.lines):  # only to be begun, which is a command
        return
    yield f"{_sentence(entry.purpose)}."
    yield f"In `{entry.path}`, {entry.how}:"
    yield from ("", "```", *entry.lines, "```", "")


def _checks(plan: Plan) -> list[str]:
    lines = ["Reboot, then:", "", *_code(_check_commands(plan))]
    if plan.host.platform.security_module == "selinux" and plan.kvmfr:
        lines += ["", _SELINUX]
    return lines


def _definitions(plan: Plan) -> list[str]:
    """What makes the VMs known to libvirt, and who may start them."""
    from shlex import quote

    if not plan.domains:
        return []
    files = (quote(f"domains/{domain.key}.xml") for domain in plan.domains)
    users = dict.fromkeys(memory.user for memory in plan.shared_memories if memory.user) or ("USER",)
    media = (
        f"install -D -m 0644 {quote(f'windows/{domain.key}/{MEDIUM}')} {quote(domain.guest_media.path)}"
        for domain in with_medium(plan.domains)
        if has_folder(domain)
    )
    return [
        *_code([*media, *(f"{VIRSH} define {file}" for file in files)]),
        *("", "Root and the members of the group `libvirt`, who are as powerful, may start them:", ""),
        *_code(f"usermod -aG libvirt {quote(user)}" for user in users),
    ]


def _hand_over(plan: Plan) -> list[str]:
    """What a start with a card that the host has until then needs to go well."""
    if not any(domain.hands_over for domain in plan.domains):
        return []
    kept = ["optimux gpu keep-free"] if any(gpu.keep_free for gpu in plan.gpus) else []
    return [_HAND_OVER, "", *_code(["sudo -i command -v optimux", "optimux gpu status", *kept])]


def _check_commands(plan: Plan) -> Iterator[str]:
    if plan.host.kernel_params:
        yield "cat /proc/cmdline"
    for gpu in plan.gpus:
        for function in gpu.functions if gpu.binds_early else ():
            yield f"lspci -nnks {function.address}  # Kernel driver in use: vfio-pci"
    for memory in plan.shared_memories:
        yield f"ls -l {memory.path}"
