"""libvirt's hook with a real libvirtd and a real systemd: unseen, beside another one; what it sets and brings back."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from lab.scenarios import libvirt
from lab.scenarios.handover import FUNCTIONS, HOOK, call_hook, domain, hurried, state, usable

_SECONDS = 120
UNITS = ("system.slice", "user.slice", "init.scope")
_CONTROL = Path("/run/systemd/system.control")
_OTHER = f"""#!/bin/sh
[ "$2" = prepare ] || exit 0
driver=$(readlink /sys/bus/pci/devices/{FUNCTIONS[0]}/driver)
echo "not today, though ${{driver##*/}} has it" >&2
exit 1
"""


def unseen(options: str, xml: str) -> dict[str, Any]:
    """A hook that came after libvirtd: what libvirt and doctor say then, and after a reload.

    The folder that has it is not there either while libvirtd starts. Once there was a reload it takes the card, as
    another tool's hook tells, which refuses then; the card is the host's again.
    """
    hurried()
    started, before, kept = domain(xml), state(), HOOK.read_bytes()
    HOOK.unlink()
    HOOK.parent.rmdir()
    try:
        _run("systemctl", "restart", "libvirtd")
        # Asked, it answers once its drivers are there: until then it ignores a reload.
        _run("virsh", "-c", "qemu:///system", "list")
    finally:
        HOOK.parent.mkdir()
        HOOK.write_bytes(kept)
        HOOK.chmod(0o755)
    _give_kill()
    late, words = hook_seen(options), libvirt.refusal(started)
    assert state() == before, (state(), before)
    _run("systemctl", "reload", "libvirtd")
    reloaded, beside = hook_seen(options), _beside_another(started)
    usable()
    assert state() == before, (state(), before)
    return {"words": words, "late": late, "reloaded": reloaded, "beside": beside}


def _give_kill() -> None:
    """What systemd reloads libvirtd with: procps', which the small root is without."""
    program = Path("/usr/bin/kill")
    if not program.exists():
        program.write_text('#!/bin/sh\nkill "$@"\n')
        program.chmod(0o755)


def hook_seen(options: str) -> list[str]:
    """What doctor has against the hook; it looks at it alone."""
    from optimux.facts.detect import Root
    from optimux.facts.model import Facts
    from optimux.files.documents import read_json
    from optimux.host.doctor import BROKEN, Look, examine
    from optimux.host.doctor.areas.hook import seen
    from optimux.plan.resolve import plan_from

    results = examine(Look(Root.at(), Facts(), plan_from(read_json(options))), [seen])
    assert results
    return [result.seen for result in results if result.outcome == BROKEN]


def _beside_another(started: str) -> str:
    """libvirt's words where another tool's hook refuses after ours, and says who has the card then."""
    other = HOOK.with_name("zz-other")
    other.write_text(_OTHER)
    other.chmod(0o755)
    try:
        return libvirt.refusal(started)
    finally:
        other.unlink()


def isolated(name: str) -> dict[str, Any]:
    """What systemd and the kernel allow each unit: before, while a VM has CPUs of its own, after, after a reload.

    One of them has a setting of the user's, which stays; ``files`` are those that set-property has left.
    """
    _run("systemctl", "set-property", "user.slice", "AllowedCPUs=0")
    seen = [_allowed()]
    for stage in (("prepare", "begin"), ("release", "end")):
        code, said = call_hook(name, *stage)
        assert code == 0, said
        seen.append(_allowed())
    files = [str(path) for path in _CONTROL.glob("*.d/*")]
    _run("systemctl", "daemon-reload")
    return {"seen": [*seen, _allowed()], "files": files}


def _allowed() -> dict[str, list[str]]:
    """systemd's property, and the control group's own file."""
    said = _run("systemctl", "show", "--property=AllowedCPUs", *UNITS).split("\n\n")
    properties = dict(zip(UNITS, (words.removeprefix("AllowedCPUs=") for words in said), strict=True))
    return {unit: [cpus, _cpuset(unit)] for unit, cpus in properties.items()}


def _cpuset(unit: str) -> str:
    path = Path(f"/sys/fs/cgroup/{unit}/cpuset.cpus")
    return path.read_text().strip() if path.exists() else ""


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout.strip()
