"""The Hyper-V enlightenments that are on, in the order in which libvirt writes them."""

from __future__ import annotations

from optimux.findings import Findings
from optimux.options.vm.platform import Hyperv
from optimux.plan.model import Enlightenment
from optimux.plan.platform import Platform
from optimux.rules import rules
from optimux.version import Version


def resolve_hyperv(
    hyperv: Hyperv, hypervclock: bool, platform: Platform, path: str, findings: Findings
) -> tuple[Enlightenment, ...]:
    """The enlightenments of one VM; what the planned libvirt or CPU cannot do is a problem."""
    if not hyperv.enable:
        return ()
    _check_versions(hyperv, platform, path, findings)
    _check_needs(hyperv, hypervclock, path, findings)
    if hyperv.evmcs and platform.cpu_vendor == "amd":
        findings.error(f"{path}.evmcs", "true", "false on AMD", "VMCS is Intel's; leave it out.")
    evmcs = hyperv.evmcs if hyperv.evmcs is not None else platform.cpu_vendor == "intel"
    direct = ("direct",) if hyperv.stimer_direct else ()
    flushes = (("direct", hyperv.tlbflush_direct), ("extended", hyperv.tlbflush_extended))
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


def _check_versions(hyperv: Hyperv, platform: Platform, path: str, findings: Findings) -> None:
    for key, text in rules()["libvirt"]["hyperv"].items():
        attribute = Hyperv.by_key[key].attribute
        if getattr(hyperv, attribute) and platform.libvirt < Version.parse(text):
            found = f"true, with libvirt {platform.libvirt}"
            findings.error(f"{path}.{key}", found, f"libvirt {text} or newer", "Leave it out, or update libvirt.")


def _check_needs(hyperv: Hyperv, hypervclock: bool, path: str, findings: Findings) -> None:
    """QEMU: stimer needs synic and time, synic needs vpindex; libvirt 11.9 refuses the rest."""
    if hyperv.stimer and not (hyperv.synic and hyperv.vpindex and hypervclock):
        allowed = "stimer together with synic, vpindex and clock.timers.hypervclock"
        findings.error(f"{path}.stimer", "true without one of them", allowed, "Switch stimer off, or those on.")
    elif hyperv.synic and not hyperv.vpindex:
        findings.error(f"{path}.synic", "true", "synic together with vpindex", "Switch synic off, or vpindex on.")
    if hyperv.tlbflush and not hyperv.vpindex:
        findings.error(f"{path}.tlbflush", "true", "tlbflush together with vpindex", "Switch tlbflush off.")
    if hyperv.ipi and not hyperv.vpindex:
        findings.error(f"{path}.ipi", "true", "ipi together with vpindex", "Switch ipi off.")
