"""Firmware, features, clock and power elements."""

from __future__ import annotations

from optimux.emit.xml import Element, element, on_off, yes_no
from optimux.plan.guest import Enlightenment, Firmware, Lifecycle, PowerManagement, Smbios
from optimux.plan.model import DomainPlan


def sysinfo(smbios: Smbios | None) -> Element | None:
    """``<sysinfo type='smbios'>``, with mode sysinfo."""
    if smbios is None or smbios.mode != "sysinfo":
        return None
    blocks = (("bios", smbios.bios), ("system", smbios.system), ("baseBoard", smbios.base_board))
    children = [
        element(name, *(element("entry", text=value, name=key) for key, value in entries.items()))
        for name, entries in blocks
        if entries
    ]
    return element("sysinfo", *children, type_="smbios")


def os_element(domain: DomainPlan) -> Element:
    """``<os>``: machine, firmware, battery table."""
    firmware = domain.firmware
    table = element("table", text=domain.battery_path, type_="raw")
    return element(
        "os",
        element("type", text="hvm", arch="x86_64", machine=domain.machine),
        firmware_features(firmware) if firmware.automatic else None,
        _loader(firmware),
        _nvram(firmware),
        element("acpi", table) if domain.battery and domain.battery_in_acpi else None,
        element("smbios", mode=domain.smbios.mode) if domain.smbios else None,
        raw=domain.extra_xml.os,
        firmware="efi" if firmware.automatic else None,
    )


def firmware_features(firmware: Firmware) -> Element:
    """Both features decide which OVMF image libvirt picks."""
    return element("firmware", *(element("feature", enabled=yes_no(on), name=name) for name, on in firmware.features))


def _loader(firmware: Firmware) -> Element | None:
    if firmware.loader is None:
        return None
    secure = "yes" if firmware.secure_boot != "off" else None
    return element("loader", text=firmware.loader, readonly="yes", secure=secure, type_="pflash")


def _nvram(firmware: Firmware) -> Element | None:
    if firmware.type == "bios" or not (firmware.nvram or firmware.nvram_template):
        return None
    return element("nvram", text=firmware.nvram, template=firmware.nvram_template)


def features(domain: DomainPlan) -> Element:
    """``<features>``."""
    options = domain.features
    return element(
        "features",
        element("acpi"),
        element("apic"),
        element("hyperv", *(enlightenment(e) for e in domain.hyperv), mode="custom") if domain.hyperv else None,
        element("kvm", element("hidden", state="on")) if options.kvm_hidden else None,
        element("pmu", state=on_off(options.pmu)) if options.pmu is not None else None,
        element("vmport", state=on_off(options.vmport)),
        element("smm", state="on") if options.smm else None,
        element("ioapic", driver=options.ioapic) if options.ioapic != "default" else None,
        raw=domain.extra_xml.features,
    )


def enlightenment(item: Enlightenment) -> Element:
    """A child of ``<hyperv>``."""
    children = (element(name, state="on") for name in item.children)
    return element(item.name, *children, state="on", **dict(item.attributes))


def clock(domain: DomainPlan) -> Element:
    """``<clock>``."""
    timers = domain.clock.timers
    ticks = (("rtc", timers.rtc_tickpolicy), ("pit", timers.pit_tickpolicy))
    present = (
        ("hpet", timers.hpet),
        ("kvmclock", timers.kvmclock),
        ("hypervclock", timers.hypervclock),
    )
    return element(
        "clock",
        *(element("timer", name=name, tickpolicy=policy) for name, policy in ticks if policy != "none"),
        *(element("timer", name=name, present=yes_no(on)) for name, on in present if on is not None),
        element("timer", name="tsc", present="yes", mode="native") if timers.tsc_native else None,
        raw=domain.extra_xml.clock,
        offset=domain.clock.offset,
    )


def lifecycle(options: Lifecycle) -> list[Element]:
    """``<on_poweroff>``, ``<on_reboot>``, ``<on_crash>``."""
    return [
        element("on_poweroff", text=options.on_poweroff),
        element("on_reboot", text=options.on_reboot),
        element("on_crash", text=options.on_crash),
    ]


def power_management(options: PowerManagement) -> Element:
    """``<pm>``."""
    return element(
        "pm",
        element("suspend-to-mem", enabled=yes_no(options.suspend_to_mem)),
        element("suspend-to-disk", enabled=yes_no(options.suspend_to_disk)),
    )
