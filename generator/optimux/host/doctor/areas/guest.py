"""What a VM needs of the host before it starts (memory, huge pages, locked memory, TPM), and what its guest says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.check import Result, broken, check, for_root, holds, unlogged, unseen
from optimux.sizes import Size

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look
    from optimux.plan.model import DomainPlan

HUGEPAGES = "/sys/kernel/mm/hugepages"
# What a host without a desktop takes at least.
SPARE = Size(1 << 30)


@check("memory.fits", "memory for the guest and the host", "All of a guest's memory is pinned: none of it is swapped.")
def fits(look: Look) -> Iterator[Result]:
    """Each guest alone, beside all that the host has."""
    has = look.facts.memory
    for domain in look.domains:
        if has is None:
            yield unseen("the host's memory is not shown", "/proc/meminfo", subject=domain.name)
            continue
        seen = f"{domain.ram} of {has.bytes / (1 << 30):.1f}GiB"
        if domain.ram.bytes + SPARE.bytes <= has.bytes:
            yield holds(seen, "/proc/meminfo", domain.name)
        else:
            remedy = f"State less for vms.{domain.key}.memory: the host needs some too."
            yield broken(seen, "/proc/meminfo", remedy, "optimux define CONFIG", domain.name)


@check(
    "memory.hugepages",
    "as many free huge pages as the guest takes",
    "A VM that is to have huge pages does not start without them, and a host that runs finds few.",
)
def hugepages(look: Look) -> Iterator[Result]:
    """The free ones of the size that is asked for, else of the host's default."""
    for domain in look.domains:
        backing = domain.memory_backing
        if not backing.hugepages or look.running(domain.name):
            continue
        if domain.makes_hugepages:
            yield holds("made when it starts, or its start is refused", HUGEPAGES, domain.name)
            continue
        size = backing.hugepage_size or _default(look)
        pages = next((pages for pages in look.facts.hugepages if size and pages.size == size), None)
        if pages is None or size is None:
            yield unseen("the kernel's huge pages are not shown", HUGEPAGES, subject=domain.name)
            continue
        needed = -(-domain.ram.bytes // size.bytes)
        where = f"{HUGEPAGES}/hugepages-{size.bytes >> 10}kB"
        seen = f"{pages.free} of {size} free, {needed} needed"
        if pages.free >= needed:
            yield holds(seen, where, domain.name)
        else:
            remedy = "Reserve them at boot (host.hugepages), or try now, while memory is in one piece."
            yield broken(
                seen, where, remedy, f"echo {pages.count + needed - pages.free} > {where}/nr_hugepages", domain.name
            )


def _default(look: Look) -> Size | None:
    match = re.search(r"^Hugepagesize:\s*([0-9]{1,10}) kB", look.root.text("/proc/meminfo") or "", re.MULTILINE)
    return Size(int(match[1]) << 10) if match else Size(2 << 20) if look.facts.hugepages else None


@check(
    "memory.locked",
    "a limit of locked memory above the guest's",
    'VFIO pins all that a guest may reach: "vfio_pin_pages_remote: RLIMIT_MEMLOCK exceeded", and the VM stops.',
    of_log=True,
)
def locked(look: Look) -> Iterator[Result]:
    """The limit of each VM that runs, and the kernel's complaint."""
    yield from (result for domain in look.domains if (result := _limit(look, domain)))
    if look.log.missing or not look.domains:
        yield from unlogged(look) if look.domains else ()
        return
    lines = look.log.find(r"RLIMIT_MEMLOCK \(?[0-9]+\)? exceeded")
    if lines:
        yield broken(lines[-1][0].text, look.log.where, RAISE, _raise(look.domains[0]))
    else:
        yield holds("no complaint", look.log.where)


RAISE = "libvirt sets the limit by what it knows: give the VM one that covers the shared memory too."


def _raise(domain: DomainPlan) -> str:
    """Two GiB above the guest's memory, in KiB."""
    return f"virsh memtune {shlex.quote(domain.name)} --hard-limit {(domain.ram.bytes >> 10) + (2 << 20)} --config"


def _limit(look: Look, domain: DomainPlan) -> Result | None:
    """What the running VM's process may lock (proc(5): limits); ``None`` where no VM runs, or it has no card."""
    pid = look.root.number(f"/run/libvirt/qemu/{domain.name}.pid")
    where = f"/proc/{pid}/limits"
    if pid is None or not domain.host_devices or not look.root.exists(f"/proc/{pid}"):
        return None
    match = re.search(r"^Max locked memory\s+([0-9]{1,20}|unlimited)", look.root.text(where) or "", re.MULTILINE)
    if match is None:
        return for_root("its process' limits are not shown", where, domain.name)
    if match[1] == "unlimited" or int(match[1]) >= domain.ram.bytes:
        return holds(f"{match[1]} bytes" if match[1] != "unlimited" else match[1], where, domain.name)
    seen = f"{match[1]} bytes, of {domain.ram} that are pinned"
    return broken(seen, where, RAISE, _raise(domain), domain.name)


@check("tpm.swtpm", "swtpm, which emulates the guest's TPM", "Windows 11 wants one, and a VM with one does not start.")
def swtpm(look: Look) -> Iterator[Result]:
    """The program, and the tool that prepares a TPM's state."""
    if not any(domain.tpm.backend == "emulator" for domain in look.domains):
        return
    program = look.facts.firmware.swtpm
    setup = program.replace("/swtpm", "/swtpm_setup") if program else ""
    if not look.root.names("/usr/bin") and not program:
        yield unseen("this tree has no programs", "/usr/bin/swtpm")
    elif program is None:
        yield broken("missing", "/usr/bin/swtpm", "Install the packages swtpm and swtpm-tools.", "optimux apply")
    elif not look.root.exists(setup):
        yield broken("without swtpm_setup", setup, "Install the package swtpm-tools.", "optimux apply")
    else:
        yield holds("there", program)


@check(
    "tpm.state",
    "a TPM that its emulator could start",
    'A state that swtpm cannot read ends the start of the VM: "CMD_INIT: 0x101".',
)
def state(look: Look) -> Iterator[Result]:
    """The last words of each VM's swtpm; a VM that never started has none."""
    for domain in look.domains:
        path = f"/var/log/swtpm/libvirt/qemu/{domain.name}-swtpm.log"
        if domain.tpm.backend != "emulator" or not look.root.exists("/var/log/swtpm/libvirt/qemu"):
            continue
        if not look.may_read(path):
            yield for_root("root's alone", path, domain.name)
            continue
        said = (look.root.text(path) or "")[-4096:].splitlines()[-20:]
        wrong = [line for line in said if re.search("CMD_INIT: 0x|[Ee]rror:|[Ff]ailed|Permission denied", line)]
        if wrong:
            folder = f"/var/lib/libvirt/swtpm/{domain.uuid}"
            remedy = f"Is {folder} whole, and swtpm's own? A new state loses what Windows sealed in it (BitLocker)."
            yield broken(wrong[-1], path, remedy, f"ls -lRn {folder}", domain.name)
        else:
            yield holds("no complaint", path, domain.name)


@check(
    "guest.report",
    "a guest that has what the plan needs of it",
    "The host's side can be right, and the picture stay black: driver, display and Looking Glass live in the guest.",
)
def report(look: Look) -> Iterator[Result]:
    """What the agent in a running guest says of each step of its setup, and of its devices."""
    from optimux.errors import OptimuxError

    for domain in look.domains:
        if look.ask is None or not look.running(domain.name):
            continue
        where = f"{domain.name}'s guest agent"
        try:
            said = look.ask(domain.name)
        except OptimuxError as error:
            yield unseen(str(error), where, "The setup in the guest installs the agent.", subject=domain.name)
            continue
        command = f"optimux guest setup {shlex.quote(domain.name)}"
        for row in said.rows:
            if row.outcome == "holds":
                yield holds(row.found, where, row.step)
            else:
                yield broken(f"{row.outcome}: {row.found}", where, row.next or "Run the setup.", command, row.step)
        for name, title, code in said.devices:
            if code:
                seen = f"{title or name}: {f'problem {code}' if code > 0 else 'not there'}"
                yield broken(seen, where, PROBLEMS.get(code, "See the device manager in the guest."), "", title or name)


# Windows' problem codes of devices (Microsoft, "Error codes in Device Manager").
PROBLEMS = {
    -1: "Is it passed, and does the VM start with it?",
    10: "Its driver could not start: install the maker's newest one in the guest.",
    12: "It found no room for its memory: give the VM more (pci.hole64).",
    14: "Restart the guest.",
    22: "Somebody switched it off in the device manager.",
    28: "It has no driver: install the maker's one in the guest.",
    31: "Its driver does not load: install it anew.",
    43: "The driver gave up: a battery, hidden KVM and the card's own ids are what laptop drivers look for.",
    52: "Windows refuses its driver's signature: install the maker's signed one.",
}

CHECKS = (fits, hugepages, locked, swtpm, state, report)
