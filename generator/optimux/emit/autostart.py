"""VMs that start with the host: a unit and its script, which waits for what they need."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostFile
from optimux.emit.libvirt_start import VIRSH

if TYPE_CHECKING:
    from optimux.emit.artifact import HostEntry
    from optimux.plan.model import DomainPlan, Plan

SCRIPT = "/etc/optimux/autostart"
NAME = "optimux-autostart.service"
UNIT = f"/etc/systemd/system/{NAME}"
# udev and slow cards: vfio-pci may bind long after libvirt is up.
_SECONDS = 60
_HEAD = f"""\
#!/bin/sh
# Written by Optimux: starts VMs once their cards, their networks and the shared memory are there.
status=0

# A file in the place of a kvmfr device is QEMU's own mistake, so only a device counts.
missing() {{
  for path in "$@"; do
    case "$path" in
      /dev/kvmfr*) [ -c "$path" ] ;;
      *) [ -e "$path" ] ;;
    esac || {{ echo "$path"; return; }}
  done
}}

start() {{
  name=$1
  shift
  left={_SECONDS}
  while [ -n "$(missing "$@")" ] && [ "$left" -gt 0 ]; do
    sleep 1
    left=$((left - 1))
  done
  if [ -n "$(missing "$@")" ]; then
    echo "$name: not started, as there is no $(missing "$@")" >&2
    status=1
  elif [ "$({VIRSH} domstate "$name" | head -n 1)" != running ]; then
    {VIRSH} start "$name" || status=1
  fi
}}

"""


def autostart_entries(plan: Plan) -> list[HostEntry]:
    """The script and the unit that runs it at boot; nothing is started now."""
    if not any(domain.autostart for domain in plan.domains):
        return []
    return [
        HostFile(SCRIPT, autostart_script(plan), "starts VMs once what they need is there", 0o755),
        HostFile(UNIT, _unit(), "runs it at boot"),
        HostCommand(
            f"systemctl enable {NAME}",
            "starts the VMs with autostart at the next boot",
            unless=f"systemctl is-enabled --quiet {NAME}",
            undo=f"systemctl disable {NAME}",
            offline=True,
        ),
    ]


def autostart_script(plan: Plan) -> str:
    """A line for each VM that starts with the host, in their order."""
    lines = [_start(domain) for domain in plan.domains if domain.autostart]
    return _HEAD + "".join(f"{line}\n" for line in lines) + 'exit "$status"\n'


def _start(domain: DomainPlan) -> str:
    """The VM's name and the paths that it waits for. vfio-pci is looked after by libvirt, which binds what is left."""
    paths = [f"/sys/bus/pci/devices/{device.source}" for device in domain.host_devices]
    paths += [domain.shared_memory.path] if domain.shared_memory else []
    return " ".join(["start", quote(domain.name), *map(quote, paths)])


def _unit() -> str:
    return f"""\
# Written by Optimux: VMs that start with the host.
[Unit]
Description=Start VMs once their GPU, networks and shared memory are there
After=libvirtd.service virtqemud.service virtnetworkd.service network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={SCRIPT}

[Install]
WantedBy=multi-user.target
"""
