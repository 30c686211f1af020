"""libvirt's hook for VMs: cards on demand, the user's own programs, no start with a card that the host drives."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostFile
from optimux.emit.cards import cards_files
from optimux.rules import families

if TYPE_CHECKING:
    from optimux.emit.artifact import HostEntry
    from optimux.plan.model import DomainPlan, Plan

PATH = "/etc/libvirt/hooks/qemu.d/optimux"
HOOK_SECONDS = 20
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
# libvirt waits for a hook without a limit; what it prints on standard error is what virsh shows.
_ON_DEMAND = f"""\
# The card comes from the host's drivers and goes back to them, or the start is refused with the reason.
card() {{
  PATH=$PATH:/usr/local/bin:/usr/bin:/run/current-system/sw/bin
  command -v optimux >/dev/null || {{
    echo "optimux is not installed for all users: without it the card cannot be handed over" >&2
    return 1
  }}
  timeout --kill-after=2 {HOOK_SECONDS} optimux gpu hook "$1" "$2" "$3" </dev/null
  status=$?
  [ "$status" -ne 124 ] || echo "handing the card over took more than {HOOK_SECONDS} s (optimux gpu status)" >&2
  return "$status"
}}

"""

# systemd.resource-control(5): an empty list lets a unit have every CPU again. set-property leaves a file beside the
# value; one that was not there before goes, so that what the user writes later is not overruled until the next boot.
_WHILE_RUNNING = """\
# The CPUs of lists such as 2-7,10, one a line.
each_of() {
  for part in $(echo "$*" | tr , ' '); do
    seq "${part%-*}" "${part#*-}"
  done
}

# What a VM wants of one kind while it runs, or nothing any more; others wait until descriptor 9 is closed.
wish() {
  PATH=$PATH:/usr/bin:/run/current-system/sw/bin
  kept=/run/optimux/$1
  mkdir -p "$kept/vms"
  exec 9>"$kept.lock"
  flock 9
  rm -f "$kept/vms/$2"
  [ -z "$3" ] || echo "$3" >"$kept/vms/$2"
}

# The host's programs off the CPUs of a VM; without a list the VM has ended. What each unit had is kept in /run before
# the first VM, and comes back after the last.
isolate() {
  wish cpus "$1" "$2"
  taken=$(cat "$kept"/vms/* 2>/dev/null)
  for unit in system.slice user.slice init.scope; do
    old=$kept/$unit
    own=/run/systemd/system.control/$unit.d/50-AllowedCPUs.conf
    set_to="systemctl set-property --runtime -- $unit"
    if [ -n "$taken" ]; then
      if [ ! -e "$old" ]; then
        [ ! -e "$own" ] || : >"$old.own"
        systemctl show --value --property=AllowedCPUs -- "$unit" >"$old.new" || continue
        mv "$old.new" "$old"
      fi
      had=$(cat "$old")
      left=$(each_of "${had:-$(cat /sys/devices/system/cpu/present)}" | grep -vxF "$(each_of "$taken")" | paste -sd, -)
      if [ -n "$left" ]; then
        $set_to "AllowedCPUs=$left" || echo "$unit stays on the VMs' CPUs" >&2
      else
        echo "$unit stays on the VMs' CPUs: it has no others" >&2
      fi
    elif [ -e "$old" ]; then
      had=$(cat "$old")
      # An empty list is not written to the control group, which keeps what it had.
      [ -n "$had" ] || $set_to "AllowedCPUs=$(cat /sys/devices/system/cpu/present)" || continue
      $set_to "AllowedCPUs=$had" || continue
      [ -e "$old.own" ] || rm -f "$own"
      rm -f "$old" "$old.own"
    fi
  done
  exec 9>&-
}

# The governor of a VM; without one it has ended, and another that runs has its own again. What each policy had is kept
# in /run before the first VM, and comes back after the last.
governor() {
  wish governor "$1" "$2"
  wanted=$2
  for vm in "$kept"/vms/*; do
    [ -n "$wanted" ] || [ ! -e "$vm" ] || wanted=$(cat "$vm")
  done
  for policy in /sys/devices/system/cpu/cpufreq/policy*; do
    [ -e "$policy/scaling_governor" ] || continue
    old="$kept/${policy##*/}"
    if [ -n "$wanted" ]; then
      [ -e "$old" ] || cat "$policy/scaling_governor" >"$old"
      echo "$wanted" >"$policy/scaling_governor" || echo "no governor $wanted for ${policy##*/}" >&2
    elif [ -e "$old" ]; then
      cat "$old" >"$policy/scaling_governor" && rm "$old"
    fi
  done
  exec 9>&-
}

"""
# hugetlbpage.rst of the kernel: it makes as many as it finds room for, and says how many that are. A write that lasts
# ends at a signal. How many there were is in /run before there are more; beside another VM only the own ones go.
_HUGEPAGES = """\
# As many huge pages of a size (KiB, 0: the host's default) as memory of so many KiB takes; without it, back to before.
huge_pages() {
  PATH=$PATH:/usr/bin:/run/current-system/sw/bin
  size=$2
  [ "$size" -ne 0 ] || size=$(sed -n 's/^Hugepagesize: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo)
  count=/sys/kernel/mm/hugepages/hugepages-${size}kB/nr_hugepages
  kept=/run/optimux/hugepages-$size
  mkdir -p "$kept"
  exec 9>"$kept.lock"
  flock 9
  now=$(cat "$count") || return 1
  if [ -z "$3" ]; then
    [ -e "$kept/$1" ] || return 0
    left=$((now - $(cat "$kept/$1")))
    rm "$kept/$1"
    [ -n "$(ls "$kept")" ] || left=$(cat "$kept.before")
    echo "$left" >"$count"
  elif [ ! -e "$kept/$1" ]; then
    own=$((($3 + size - 1) / size))
    free=$(sed -n 's/^MemAvailable: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo)
    [ $((own * size)) -lt "$free" ] || {
      echo "the guest takes $((own * size)) KiB of huge pages, and $free KiB of memory are available" >&2
      return 1
    }
    [ -n "$(ls "$kept")" ] || echo "$now" >"$kept.before"
    echo "$own" >"$kept/$1"
    for try in 1 2 3; do
      echo "$((now + own))" | timeout 5 tee "$count" >/dev/null
      made=$(($(cat "$count") - now))
      [ "$made" -lt "$own" ] || return 0
      [ "$try" -eq 3 ] || echo 1 >/proc/sys/vm/compact_memory
    done
    echo "$now" >"$count"
    rm "$kept/$1"
    echo "only $made of $own huge pages of $size KiB can be made: memory is in too small pieces." >&2
    echo "End large programs, or reserve them at boot (host.hugepages)." >&2
    return 1
  fi
}

"""


def hook_entries(plan: Plan) -> list[HostEntry]:
    """The hook, where a VM has work for it; libvirt looks for hooks as it starts."""
    if not plan.has_hook:
        return []
    services = " ".join(families()["hostCommands"]["libvirtServices"][plan.host.platform.distribution])
    return [
        *cards_files(plan),
        HostFile(PATH, hook_script(plan), "your programs around the VMs, and cards on demand", 0o755),
        HostCommand(
            f"systemctl try-restart {services}", "has libvirt read qemu.conf and look for its hook", after=(PATH,)
        ),
    ]


def hook_script(plan: Plan) -> str:
    """A shell script with a case for each VM."""
    cases = "".join(map(_case, plan.domains))
    demand = _ON_DEMAND if any(domain.hands_over for domain in plan.domains) else ""
    settings = _WHILE_RUNNING if any(d.isolated_cpus or d.governor for d in plan.domains) else ""
    settings += _HUGEPAGES if any(domain.makes_hugepages for domain in plan.domains) else ""
    return f'{_HEAD}{demand}{settings}case "$1" in\n{cases}esac\n'


def _case(domain: DomainPlan) -> str:
    before = [f"not_the_hosts {' '.join(map(str, domain.guarded))}"] if domain.guarded else []
    before += [f'run {quote(program)} "$@" || exit' for program in domain.prepare]
    after = [f'run {quote(program)} "$@"' for program in domain.release]
    if domain.hands_over:  # after what stops its users, before what starts them again
        before.append('card "$@" || exit 1')
        after.insert(0, 'card "$@"')
    if domain.makes_hugepages:
        stated = domain.memory_backing.hugepage_size
        called = f"huge_pages {quote(domain.name)} {stated.bytes >> 10 if stated else 0}"
        before.append(f"{called} {domain.ram.bytes >> 10} || exit 1")
        after.insert(0, f'{called} ""')
    if domain.isolated_cpus:
        before.append(f"isolate {quote(domain.name)} {domain.isolated_cpus}")
        after.insert(0, f'isolate {quote(domain.name)} ""')
    if domain.governor:
        before.append(f"governor {quote(domain.name)} {quote(domain.governor)}")
        after.insert(0, f'governor {quote(domain.name)} ""')
    stages = (("prepare/begin", before), ("release/end", after))
    written = "".join(_stage(stage, lines) for stage, lines in stages if lines)
    return f'  {quote(domain.name)})\n    case "$2/$3" in\n{written}    esac\n    ;;\n' if written else ""


def _stage(stage: str, lines: list[str]) -> str:
    return f"      {stage})\n" + "".join(f"        {line}\n" for line in lines) + "        ;;\n"
