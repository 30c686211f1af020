"""What speaks against changing this host: each reason with what to do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostLines
from optimux.emit.boot_loader import CMDLINE, boot_loader_entries
from optimux.errors import OptimuxError, Problem
from optimux.facts.detect.boot import PRESETS
from optimux.judge.finding import blocking
from optimux.judge.gpus import verdicts
from optimux.judge.roles import has_spice
from optimux.rules import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.facts import Facts
    from optimux.facts.detect import Root
    from optimux.options.host import Host
    from optimux.plan.model import Plan
    from optimux.version import Version

_OWN_WORDS = re.compile(r"[A-Za-z0-9_]+_cmdline=[\"']?([^\"'\s]*)[\"']?")
_NAMES_ITS_OWN = re.compile(r"[A-Za-z0-9_]+_config=")
_ONE_TOOL = "one tool that decides who has the card"


def check_distribution(plan: Plan) -> None:
    """NixOS is changed by its configuration alone. Raises ``OptimuxError``."""
    if plan.host.platform.distribution == "nixos":
        raise OptimuxError(
            "NixOS is changed by its own configuration, not by apply. Import Optimux' module, set "
            "virtualisation.optimux, and run `nixos-rebuild boot`; see docs/nixos.md. Nothing was changed."
        )


def reasons_against(plan: Plan, host: Host, facts: Facts, seen: Root) -> tuple[Problem, ...]:
    """All of them; ``host`` is what the configuration states of the host."""
    return (
        *_where(facts),
        *_versions(host, facts),
        *_tools(facts),
        *_cards(plan, facts),
        *_without_spice(plan, facts),
        *_presets(plan, seen),
        *_command_lines(plan, seen),
        *_entries(plan, seen),
    )


def _entries(plan: Plan, seen: Root) -> Iterator[Problem]:
    """Where entries are written by hand, there must be one: else the parameters would go nowhere."""
    patterns = [e.path for e in boot_loader_entries(plan) if isinstance(e, HostLines) and "*" in e.path]
    folders = [pattern.rpartition("/")[0] for pattern in patterns]
    if patterns and not any(name.endswith(".conf") for folder in folders for name in seen.names(folder)):
        remedy = 'For unified kernel images set host.bootLoader to "uki"; else mount the ESP, or run this as root.'
        yield Problem("host.bootLoader", f"no entry in {' or '.join(folders)}", "an entry with a line options", remedy)


def _presets(plan: Plan, seen: Root) -> Iterator[Problem]:
    """A preset that names its configuration, as those of before May 2023 do, has mkinitcpio ignore its drop-ins."""
    if plan.host.platform.initramfs != "mkinitcpio" or not plan.host.early_modules:
        return
    for name in seen.names(PRESETS):
        path = f"{PRESETS}/{name}"
        found = [line for line in seen.lines(path) if _NAMES_ITS_OWN.match(line)]
        if name.endswith(".preset") and found:
            allowed = "no such line, so that /etc/mkinitcpio.conf.d is read"
            remedy = f"Put a # before it: sed -i 's/^[A-Za-z0-9_]*_config=/#&/' {path}"
            yield Problem(path, found[0], allowed, remedy)


def _command_lines(plan: Plan, seen: Root) -> Iterator[Problem]:
    """Of a unified image for which a preset names a file of its own mkinitcpio reads no other."""
    platform = plan.host.platform
    if (platform.initramfs, platform.boot_loader) != ("mkinitcpio", "uki") or not plan.host.kernel_params:
        return
    for name in seen.names(PRESETS):
        path = f"{PRESETS}/{name}"
        own = [match for line in seen.lines(path) if (match := _OWN_WORDS.match(line)) and match[1] != CMDLINE]
        if name.endswith(".preset") and own:
            remedy = (
                f"Have its words in {CMDLINE} or a file of /etc/cmdline.d, and put a # before the line: "
                f"sed -i 's/^[A-Za-z0-9_]*_cmdline=/#&/' {path}"
            )
            yield Problem(path, own[0][0], f"no such line, so that {CMDLINE} and /etc/cmdline.d are read", remedy)


def _without_spice(plan: Plan, facts: Facts) -> Iterator[Problem]:
    """Red Hat's QEMU is built without SPICE and without ivshmem-plain: Looking Glass has nothing to stand on."""
    if not has_spice(facts) and plan.shared_memories:
        remedy = "Take Fedora or another distribution for it, or set lookingGlass.enable to false for these VMs."
        yield Problem("lookingGlass", f"{facts.os.name or facts.os.id}", "a QEMU with SPICE and ivshmem-plain", remedy)


def _where(facts: Facts) -> Iterator[Problem]:
    inside = facts.machine.inside
    if inside in ("container", "wsl"):
        remedy = "Run it on the host itself, or name its file system with --root."
        yield Problem("host", f"a {'container' if inside == 'container' else 'Windows subsystem'}", "a host", remedy)


def _versions(host: Host, facts: Facts) -> Iterator[Problem]:
    """A plan for other versions is one for another machine, or from before an update."""
    stated = (
        ("libvirtVersion", host.libvirt_version, facts.libvirt_version),
        ("qemuVersion", host.qemu_version, facts.qemu_version),
        ("kernelVersion", host.kernel_version, facts.kernel_version),
    )
    for key, planned, found in stated:
        if planned and found and _major_minor(planned) != _major_minor(found):
            remedy = f"Leave host.{key} out: apply takes what the host has."
            yield Problem(f"host.{key}", str(planned), f"{found}, which this host has", remedy)
    if host.distribution and facts.distribution not in (None, host.distribution):
        remedy = "Leave host.distribution out, or apply it on the host that it is for."
        yield Problem("host.distribution", host.distribution, f"{facts.distribution}, which this host is", remedy)


def _major_minor(version: Version) -> tuple[int, int]:
    return version.major, version.minor


def _tools(facts: Facts) -> Iterator[Problem]:
    remedies = rules()["otherTools"]
    for tool in facts.other_tools:
        remedy = remedies.get(tool.name, "Remove it, or have it leave the card alone.")
        yield Problem(tool.evidence, f"{tool.name}, which writes the same settings", _ONE_TOOL, remedy)


def _cards(plan: Plan, facts: Facts) -> Iterator[Problem]:
    judged = {verdict.device.address: verdict for verdict in verdicts(facts)}
    for gpu in plan.gpus:
        first = gpu.functions[0].address
        if facts.devices and facts.device(first) is None:
            yield Problem(f"gpus.{gpu.name}", str(first), "a card of this host", "Compare with `optimux detect`.")
        for finding in blocking(judged[first].findings) if first in judged else ():
            yield Problem(f"gpus.{gpu.name}", finding.found, finding.wanted, finding.remedy)
