"""libvirt's hook for VMs: the user's own programs around a VM, and no start with a card that the host drives."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostFile
from optimux.rules import rules

if TYPE_CHECKING:
    from optimux.emit.artifact import HostEntry
    from optimux.pci import Address
    from optimux.plan.model import DomainPlan, Plan

PATH = "/etc/libvirt/hooks/qemu.d/optimux"
# libvirt.org/hooks.html: the domain's name, the operation, the sub-operation; the domain's XML on standard input. A
# hook must not call libvirt, which waits for it.
_HEAD = """\
#!/bin/sh
# Written by Optimux: called by libvirt when a VM starts and ends.
domain=$(cat)

# No card that the host's own drivers have is taken from them: whoever shows a picture on it would lose it.
not_the_hosts() {
  for address in "$@"; do
    driver=$(readlink "/sys/bus/pci/devices/$address/driver") || continue
    case "${driver##*/}" in
      *vfio*) ;;
      *)
        echo "the host drives $address with ${driver##*/}: boot the entry that binds it to vfio-pci" >&2
        exit 1
        ;;
    esac
  done
}

run() {
  printf '%s' "$domain" | "$@"
}

"""


def hook_entries(plan: Plan) -> list[HostEntry]:
    """The hook, where programs of the user's ask for one; libvirt looks for hooks when it starts."""
    if not any(domain.prepare or domain.release for domain in plan.domains):
        return []
    services = " ".join(rules()["hostCommands"]["libvirtServices"][plan.host.platform.distribution])
    return [
        HostFile(PATH, hook_script(plan), "your programs around the VMs", 0o755),
        HostCommand(
            f"systemctl try-restart {services}", "has libvirt read qemu.conf and look for its hook", after=(PATH,)
        ),
    ]


def has_hook(plan: Plan) -> bool:
    """Whether there is anything for the hook to do."""
    return any(domain.prepare or domain.release or guarded(domain, plan) for domain in plan.domains)


def guarded(domain: DomainPlan, plan: Plan) -> tuple[Address, ...]:
    """The functions that vfio-pci should have since boot."""
    early = {function.address for gpu in plan.gpus if gpu.binds_early for function in gpu.functions}
    return tuple(device.source for device in domain.host_devices if device.source in early)


def hook_script(plan: Plan) -> str:
    """A shell script with a case for each VM."""
    cases = "".join(_case(domain, plan) for domain in plan.domains)
    return f'{_HEAD}case "$1" in\n{cases}esac\n'


def _case(domain: DomainPlan, plan: Plan) -> str:
    functions = guarded(domain, plan)
    before = [f"not_the_hosts {' '.join(map(str, functions))}"] if functions else []
    before += [f'run {quote(program)} "$@" || exit' for program in domain.prepare]
    after = [f'run {quote(program)} "$@"' for program in domain.release]
    stages = (("prepare/begin", before), ("release/end", after))
    written = "".join(_stage(stage, lines) for stage, lines in stages if lines)
    return f'  {quote(domain.name)})\n    case "$2/$3" in\n{written}    esac\n    ;;\n' if written else ""


def _stage(stage: str, lines: list[str]) -> str:
    return f"      {stage})\n" + "".join(f"        {line}\n" for line in lines) + "        ;;\n"
