"""The host's side: modules, kernel parameters, access lists."""

from __future__ import annotations

from collections.abc import Iterable

from optimux.facts import Facts
from optimux.findings import Findings
from optimux.notation.kernel import ids_parameter, page_size
from optimux.options.gpus import Gpu
from optimux.options.model import Options
from optimux.pci import Id
from optimux.plan.gpus import functions_of
from optimux.plan.model import Access, DomainPlan, HostPlan, SharedMemory, VfioOptions
from optimux.plan.platform import BY_DISTRIBUTION, BY_INITRAMFS, Platform
from optimux.rules import rules, since
from optimux.version import Version


def resolve_host(
    options: Options,
    platform: Platform,
    facts: Facts,
    memories: tuple[SharedMemory, ...],
    domains: tuple[DomainPlan, ...],
    findings: Findings,
) -> HostPlan:
    """The host plan for cards, memories and domains that are already resolved."""
    early = [gpu for gpu in options.gpus.values() if gpu.bind != "on-demand"]
    in_use = _vendors_in_use(options, facts)
    by_address = [gpu for gpu in early if gpu.bind == "address"]
    if by_address and platform.distribution == "fedora-atomic":
        remedy = 'Bind by id, or with bind = "on-demand".'
        allowed = "an initramfs of this host's own, to bind by address"
        findings.error("host.distribution", "an initramfs that is part of an image", allowed, remedy, BY_DISTRIBUTION)
    if by_address and platform.initramfs == "booster":
        remedy = 'Use host.initramfs = "mkinitcpio" or "dracut", or bind by id.'
        findings.error("host.initramfs", "booster", "an initramfs with hooks, to bind by address", remedy, BY_INITRAMFS)
    return HostPlan(
        platform=platform,
        kernel_params=_kernel_params(options, platform, facts),
        early_modules=_early_modules(platform) if early else (),
        vfio=_vfio_options(options),
        softdeps=_unique(driver for gpu in early for driver in _softdeps(gpu, facts)),
        blacklist=_unique(driver for gpu in options.gpus.values() for driver in _blacklist(gpu, in_use)),
        override_addresses=tuple(f.address for gpu in by_address for _, f in functions_of(gpu)),
        device_acl=_device_acl(options, memories),
        guest_files=_guest_files(memories, domains) if platform.security_module == "apparmor" else (),
        apparmor_drop_in=platform.libvirt >= since("apparmorDropIn"),
        user_groups=_user_groups(memories),
        idle_services=_unique(name for gpu in early for name in _idle_services(gpu, in_use)),
    )


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _kernel_params(options: Options, platform: Platform, facts: Facts) -> tuple[str, ...]:
    table = rules()["kernelParams"]
    params = list(table[platform.cpu_vendor])
    if options.host.iommu_passthrough:
        params += table["passthrough"]
    if any(_releases_framebuffer(gpu, facts) for gpu in options.gpus.values()):
        params += table["releaseFramebuffer"]
    for pages in options.host.hugepages:
        params += [f"hugepagesz={page_size(pages.size)}", f"hugepages={pages.count}"]
    return (*params, *_binding_params(options, platform), *options.host.extra_kernel_params)


def _binding_params(options: Options, platform: Platform) -> tuple[str, ...]:
    """Where the initramfs is part of an image, the command line alone can have vfio-pci take a card early.

    dracut's rd.driver.pre loads it before udev; ``vfio_pci`` with an underscore, as busybox's modprobe ignores a
    hyphen.
    """
    ids = _vfio_options(options).ids
    if platform.initramfs is not None or platform.distribution == "nixos" or not ids:
        return ()
    return "rd.driver.pre=vfio-pci", f"vfio_pci.{ids_parameter(ids)}"


def _releases_framebuffer(gpu: Gpu, facts: Facts) -> bool:
    if gpu.release_framebuffer is not None:
        return gpu.release_framebuffer
    return any((d := facts.device(f.address)) is not None and d.boot_vga for f in gpu.functions)


def _early_modules(platform: Platform) -> tuple[str, ...]:
    table = rules()["vfio"]
    old = platform.kernel < Version.parse(table["virqfdUntil"])
    return (*table["modules"], *([table["virqfdModule"]] if old else []))


def _vfio_options(options: Options) -> VfioOptions:
    gpus = options.gpus.values()
    return VfioOptions(
        ids=tuple(dict.fromkeys(f.id for gpu in gpus if gpu.bind == "id" for _, f in functions_of(gpu))),
        disable_idle_d3=any(gpu.disable_idle_d3 for gpu in gpus),
        disable_vga=any(gpu.disable_vga for gpu in gpus),
    )


def _softdeps(gpu: Gpu, facts: Facts) -> tuple[str, ...]:
    """The known drivers of the card's vendor, and what the facts show to be bound."""
    if gpu.softdeps is not None:
        return gpu.softdeps
    table = rules()["drivers"]
    known = table["vendors"].get(f"{gpu.functions[0].id.vendor:04x}", {"softdeps": []})["softdeps"]
    companions = table["companions"] if len(gpu.functions) > 1 else []
    devices = [d for _, f in functions_of(gpu) if (d := facts.device(f.address))]
    seen = [name for d in devices for name in (*d.modules, d.driver) if name and name != "vfio-pci"]
    return _unique([*known, *companions, *(name.replace("-", "_") for name in seen if name != "vfio_pci")])


def _vendors_in_use(options: Options, facts: Facts) -> set[int]:
    """PCI vendors whose drivers the host may need: for a card of its own, or for one that it may take back."""
    given = {f.address for gpu in options.gpus.values() for _, f in functions_of(gpu)}
    # Of facts that could not be read whole, a device may lack its class or its id.
    read = (d for d in facts.devices if isinstance(d.pci_class, str) and isinstance(d.id, Id))
    kept = {d.id.vendor for d in read if d.pci_class[:2] == "03" and d.address not in given}
    return kept | {gpu.functions[0].id.vendor for gpu in options.gpus.values() if gpu.bind != "id"}


def _blacklist(gpu: Gpu, in_use: set[int]) -> tuple[str, ...]:
    if gpu.blacklist is not None:
        return gpu.blacklist
    vendor = gpu.functions[0].id.vendor
    known = {} if vendor in in_use else rules()["drivers"]["vendors"].get(f"{vendor:04x}", {})
    return tuple(known.get("blacklist", ()))


def _idle_services(gpu: Gpu, in_use: set[int]) -> tuple[str, ...]:
    """Services of the vendor's driver that would look for a card that is not the host's."""
    vendor = gpu.functions[0].id.vendor
    known = {} if vendor in in_use else rules()["drivers"]["vendors"].get(f"{vendor:04x}", {})
    return tuple(known.get("services", ()))


def _device_acl(options: Options, memories: tuple[SharedMemory, ...]) -> tuple[str, ...]:
    """libvirt's own list and ours: setting ``cgroup_device_acl`` replaces the whole."""
    devices = [memory.path for memory in memories if memory.kind == "kvmfr"] + list(options.host.device_acl)
    return _unique((*rules()["libvirt"]["deviceAcl"], *devices)) if devices else ()


def _guest_files(memories: tuple[SharedMemory, ...], domains: tuple[DomainPlan, ...]) -> tuple[tuple[str, Access], ...]:
    """What virt-aa-helper cannot see: command line arguments, ROM files."""
    files: list[tuple[str, Access]] = [(memory.path, "rw") for memory in memories if memory.kind == "kvmfr"]
    for domain in domains:
        if domain.battery and not domain.battery_in_acpi:
            files.append((domain.battery_path, "r"))
        files += [(device.rom.file, "r") for device in domain.host_devices if device.rom and device.rom.file]
    return tuple(dict.fromkeys(files))


def _user_groups(memories: tuple[SharedMemory, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((memory.user, memory.group) for memory in memories if memory.user))
