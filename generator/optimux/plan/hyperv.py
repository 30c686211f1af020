"""The Hyper-V enlightenments that are on, in the order in which libvirt writes them."""

from __future__ import annotations

from optimux.options.vm.platform import Hyperv
from optimux.plan.guest import Enlightenment, EnlightenmentPart
from optimux.plan.platform import BY_CPU_VENDOR, BY_LIBVIRT
from optimux.plan.wanted import Wanted
from optimux.rules import rules
from optimux.version import Version


def resolve_hyperv(wanted: Wanted) -> tuple[Enlightenment, ...]:
    """The enlightenments of one VM; what the planned libvirt or CPU cannot do is a problem."""
    hyperv = wanted.vm.hyperv
    if not hyperv.enable:
        return ()
    _check_versions(wanted)
    _check_needs(wanted)
    on_intel = wanted.platform.cpu_vendor == "intel"
    if hyperv.evmcs and not on_intel:
        wanted.error("hyperv.evmcs", "true", "false on AMD", "VMCS is Intel's; leave it out.", BY_CPU_VENDOR)
    evmcs = hyperv.evmcs if hyperv.evmcs is not None else on_intel
    direct: tuple[EnlightenmentPart, ...] = ("direct",) if hyperv.stimer_direct else ()
    flushes: tuple[tuple[EnlightenmentPart, bool], ...] = (
        ("direct", hyperv.tlbflush_direct),
        ("extended", hyperv.tlbflush_extended),
    )
    vendor = (("value", hyperv.vendor_id or ""),)
    table = (
        (hyperv.relaxed, Enlightenment("relaxed")),
        (hyperv.vapic, Enlightenment("vapic")),
        (hyperv.spinlocks, Enlightenment("spinlocks", (("retries", str(hyperv.spinlock_retries)),))),
        (hyperv.vpindex, Enlightenment("vpindex")),
        (hyperv.runtime, Enlightenment("runtime")),
        (hyperv.synic, Enlightenment("synic")),
        (hyperv.stimer, Enlightenment("stimer", (), direct)),
        (hyperv.reset, Enlightenment("reset")),
        (hyperv.vendor_id is not None, Enlightenment("vendor_id", vendor)),
        (hyperv.frequencies, Enlightenment("frequencies")),
        (hyperv.reenlightenment, Enlightenment("reenlightenment")),
        (hyperv.tlbflush, Enlightenment("tlbflush", (), tuple(name for name, on in flushes if on))),
        (hyperv.ipi, Enlightenment("ipi")),
        (evmcs, Enlightenment("evmcs")),
        (hyperv.avic, Enlightenment("avic")),
        (hyperv.emsr_bitmap, Enlightenment("emsr_bitmap")),
        (hyperv.xmm_input, Enlightenment("xmm_input")),
    )
    return tuple(enlightenment for on, enlightenment in table if on)


def _check_versions(wanted: Wanted) -> None:
    libvirt = wanted.platform.libvirt
    for key, text in rules()["libvirt"]["hyperv"].items():
        attribute = Hyperv.by_key[key].attribute
        if getattr(wanted.vm.hyperv, attribute) and libvirt < Version.parse(text):
            found = f"true, with libvirt {libvirt}"
            remedy = "Leave it out, or update libvirt."
            wanted.error(f"hyperv.{key}", found, f"libvirt {text} or newer", remedy, BY_LIBVIRT)


def _check_needs(wanted: Wanted) -> None:
    """QEMU: stimer needs synic and time, synic needs vpindex; libvirt 11.9 refuses the rest."""
    hyperv, hypervclock = wanted.vm.hyperv, wanted.vm.clock.timers.hypervclock
    by = ("hyperv.vpindex", "hyperv.stimer")
    if hyperv.stimer and not (hyperv.synic and hyperv.vpindex and hypervclock):
        allowed = "stimer together with synic, vpindex and clock.timers.hypervclock"
        remedy, because = "Switch stimer off, or those on.", ("hyperv", "clock.timers.hypervclock")
        wanted.error("hyperv.stimer", "true without one of them", allowed, remedy, because)
    elif hyperv.synic and not hyperv.vpindex:
        wanted.error("hyperv.synic", "true", "synic together with vpindex", "Switch synic off, or vpindex on.", by)
    if hyperv.tlbflush and not hyperv.vpindex:
        wanted.error("hyperv.tlbflush", "true", "tlbflush together with vpindex", "Switch tlbflush off.", by)
    if hyperv.ipi and not hyperv.vpindex:
        wanted.error("hyperv.ipi", "true", "ipi together with vpindex", "Switch ipi off.", by)
