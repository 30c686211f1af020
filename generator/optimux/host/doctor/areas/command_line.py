"""The kernel's command line of this boot: what the plan wants is on it, and what is on it means something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.check import Result, broken, check, holds, unseen

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look

CMDLINE = "/proc/cmdline"
# Parameters that passthrough has to do with. Sources: Linux, Documentation/admin-guide/kernel-parameters.txt, and the
# module_param lines of drivers/vfio, drivers/iommu and arch/x86/kvm; dracut.cmdline(7); Looking Glass' kvmfr.
KNOWN = (
    "intel_iommu", "amd_iommu", "amd_iommu_intr", "amd_iommu_dump", "iommu", "iommu.passthrough", "iommu.strict",
    "iommu.forcedac", "vfio_pci.ids", "vfio_pci.disable_vga", "vfio_pci.disable_idle_d3", "vfio_pci.nointxmask",
    "vfio_pci.enable_sriov", "vfio_pci.disable_denylist", "vfio_iommu_type1.allow_unsafe_interrupts",
    "vfio_iommu_type1.disable_hugepages", "vfio_iommu_type1.dma_entry_limit", "vfio.enable_unsafe_noiommu_mode",
    "kvmfr.static_size_mb", "initcall_blacklist", "module_blacklist", "modprobe.blacklist", "rd.driver.pre",
    "rd.driver.blacklist", "rd.driver.post", "pcie_acs_override", "pcie_aspm", "pcie_port_pm", "hugepages",
    "hugepagesz", "default_hugepagesz", "transparent_hugepage", "kvm.ignore_msrs", "kvm.report_ignored_msrs",
    "kvm_intel.nested", "kvm_amd.nested", "kvm_amd.avic",
)  # fmt: skip
_NEAR = re.compile("vfio|iommu|kvmfr|acs_over|hugepage|initcall|_?blacklist|rd\\.?driver", re.IGNORECASE)
_IDS = re.compile("[0-9a-f]{4}:[0-9a-f]{4}(:[0-9a-f:]*)?(,[0-9a-f]{4}:[0-9a-f]{4}(:[0-9a-f:]*)?)*", re.IGNORECASE)
_VALUES = {"intel_iommu": ("on", "off", "igfx_off", "forcedac", "strict", "sp_off", "sm_on", "sm_off", "tboot_noforce")}


def words_of(look: Look) -> tuple[tuple[str, ...], str, str | None]:
    """The words, where they stood, and why there are none: of an earlier boot its log repeats them."""
    if not look.previous:
        why = None if look.facts.kernel_params else "the command line cannot be read"
        return look.facts.kernel_params, CMDLINE, why
    said = look.log.find(r"^(?:Kernel command line|Command line): (.*)")
    return (tuple(said[-1][1][1].split()) if said else ()), look.log.where, None if said else "not in the log"


@check(
    "commandLine.parameters",
    "the plan's parameters on the command line of this boot",
    "A parameter that was written, but never reached the kernel, changes nothing: the boot entry was not renewed, or "
    "another one was started.",
    of_log=True,
)
def parameters(look: Look) -> Iterator[Result]:
    """Every word of the plan, and that no later word takes it back."""
    if look.plan is None or not look.plan.host.kernel_params:
        return
    words, where, missing = words_of(look)
    if missing:
        yield unseen(missing, where)
        return
    wanted = look.plan.host.kernel_params
    absent = [word for word in wanted if _plain(word) not in map(_plain, words)]
    undone = [later for word in wanted if word not in absent and (later := _undone(word, words))]
    if absent:
        files = look.facts.boot.kernel_param_files
        place = f" (from {' or '.join(files[:3])})" if files else ""
        remedy = f"Renew the boot entries{place}, reboot, and see that one of them is started."
        yield broken(f"without {' '.join(absent)}", where, remedy, "optimux apply")
    elif undone:
        yield broken(f"{undone[0]} stands later and wins", where, f"Take {undone[0]} off the command line.")
    else:
        yield holds(" ".join(wanted), where)


def _plain(word: str) -> str:
    """The kernel takes a dash in a parameter's name for an underscore (kernel/params.c: parameq)."""
    name, sign, value = word.partition("=")
    return f"{name.replace('-', '_')}{sign}{value}"


def _undone(word: str, words: tuple[str, ...]) -> str | None:
    """A later word that gives the same parameter another value; hugepages come in pairs of size and count."""
    name, sign, _ = word.partition("=")
    if not sign or name in ("hugepages", "hugepagesz", "iommu", "console", "initcall_blacklist"):
        return None
    later = [other for other in words if _plain(other).partition("=")[0] == _plain(word).partition("=")[0]]
    return later[-1] if later and _plain(later[-1]) != _plain(word) else None


@check(
    "commandLine.spelling",
    "no misspelt parameter",
    "The kernel passes over a parameter that it does not know, in silence.",
    of_log=True,
)
def spelling(look: Look) -> Iterator[Result]:
    """Words that are near to one which matters here and are not it, and values of the wrong form."""
    words, where, missing = words_of(look)
    if missing:
        yield unseen(missing, where)
        return
    wrong = [said for word in words if (said := misspelt(word))]
    for word, meant in wrong:
        yield broken(word, where, f"Write {meant}.", subject=word.partition("=")[0])
    if not wrong:
        yield holds("every word that passthrough knows is spelt as the kernel knows it", where)


def misspelt(word: str) -> tuple[str, str] | None:
    """A word of the command line, and what was meant; ``None`` where nothing is wrong."""
    name, _, value = word.partition("=")
    plain = name.replace("-", "_")
    if plain == "vfio_pci.ids":
        return None if _IDS.fullmatch(value) else (word, f"{name}=VVVV:DDDD,… with four hexadecimal digits each")
    if plain in _VALUES:
        odd = [part for part in value.split(",") if part not in _VALUES[plain]]
        return (word, f"{plain}=on") if odd else None
    close = None if plain in KNOWN else _meant(plain)
    return (word, f"{close}={value}" if value else close) if close else None


def _meant(name: str) -> str | None:
    """The known parameter that a name is near to: nearer, where no word in it is one of passthrough's."""
    from difflib import get_close_matches

    cutoff = 0.6 if _NEAR.search(name) else 0.87
    return next(iter(get_close_matches(re.sub("^vfio_pci_", "vfio_pci.", name), KNOWN, n=1, cutoff=cutoff)), None)


@check(
    "commandLine.aspm",
    "no pcie_aspm=off beside a card that may lose power",
    'With it cards come back from D3cold with "Unable to change power state from D3cold to D0, device inaccessible".',
    of_log=True,
)
def aspm(look: Look) -> Iterator[Result]:
    """The two that do not go together."""
    words, where, missing = words_of(look)
    if missing or not any(card.d3cold for card in look.cards):
        return
    if "pcie_aspm=off" in words:
        yield broken("pcie_aspm=off", where, "Take it off, or state d3coldAllowed = false for the card.")
    else:
        yield holds("absent", where)


CHECKS = (parameters, spelling, aspm)
