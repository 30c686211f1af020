"""The libvirt domain: https://libvirt.org/formatdomain.html, elements in libvirt's own order."""

from __future__ import annotations

from optimux.emit.domain_xml.commandline import commandline, overrides
from optimux.emit.domain_xml.compute import (
    blockio,
    cpu,
    cpu_tune,
    memory,
    memory_backing,
    vcpu,
)
from optimux.emit.domain_xml.devices import devices
from optimux.emit.domain_xml.platform import clock, features, lifecycle, os_element, power_management, sysinfo
from optimux.emit.xml import element, render
from optimux.notation.libvirt import LIBOSINFO, QEMU
from optimux.plan.guest import ExtraXml
from optimux.plan.model import DomainPlan


def domain_xml(domain: DomainPlan) -> str:
    """The domain as libvirt reads it, UTF-8 text ending in a line feed."""
    arguments, properties = commandline(domain), overrides(domain)
    root = element(
        "domain",
        element("name", text=domain.name),
        element("uuid", text=domain.uuid),
        element(
            "metadata",
            element(
                "libosinfo:libosinfo",
                element("libosinfo:os", id=domain.os_id),
                xmlns__libosinfo=LIBOSINFO,
            ),
        ),
        *memory(domain.ram),
        memory_backing(domain.memory_backing),
        vcpu(domain.vcpus),
        blockio(domain.cpu_tune),
        cpu_tune(domain.cpu_tune),
        sysinfo(domain.smbios),
        os_element(domain),
        features(domain),
        cpu(domain.cpu, domain.extra_xml.cpu),
        clock(domain),
        *lifecycle(domain.lifecycle),
        power_management(domain.power_management),
        devices(domain),
        arguments,
        properties,
        raw=domain.extra_xml.domain,
        type_="kvm",
        xmlns__qemu=QEMU if arguments or properties or _names_qemu(domain.extra_xml) else None,
    )
    return render(root)


def _names_qemu(extra: ExtraXml) -> bool:
    """Whether the user's own elements may use the prefix, which the root has to declare for them."""
    fragments = (extra.domain, extra.os, extra.features, extra.cpu, extra.clock, extra.devices)
    return any("qemu:" in fragment for fragment in fragments)
