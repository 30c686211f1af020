"""What a generated domain must give up to run in a machine that is itself emulated, and nothing more.

L1 has nested virtualisation also when it runs without KVM: QEMU emulates AMD's SVM. There only the disk
is replaced, by a direct boot of the small guest. An L1 without /dev/kvm emulates once more, and loses what is
KVM's.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Iterator

    Boot = dict[str, str]  # kernel, cmdline, mostly initrd: the children of <os> for a direct boot

# Paths below <domain> of what only KVM has.
KVM_ONLY = ("features/hyperv", "features/kvm", "features/ioapic", "cpu/cache", "clock/timer[@name='hypervclock']")
_PREFIXES = {
    "qemu": "http://libvirt.org/schemas/domain/qemu/1.0",
    "libosinfo": "http://libosinfo.org/xmlns/libvirt/domain/1.0",
}


def adapted(xml: str, boot: Boot, kvm: bool) -> str:
    """The domain with a direct boot; without ``kvm`` also of type qemu, with the fullest emulated CPU."""
    for prefix, name in _PREFIXES.items():
        ElementTree.register_namespace(prefix, name)
    domain = ElementTree.fromstring(xml)
    system = _only(domain, "os")
    for name, value in boot.items():
        ElementTree.SubElement(system, name).text = value
    if not kvm:
        _give_up_kvm(domain)
    return ElementTree.tostring(domain, encoding="unicode")


def changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """The elements, as ``path {attributes} text``, that only the first and that only the second domain has."""
    one, other = (Counter(_lines(ElementTree.fromstring(xml), "")) for xml in (before, after))
    return sorted((one - other).elements()), sorted((other - one).elements())


def _give_up_kvm(domain: Any) -> None:
    domain.set("type", "qemu")
    for path in KVM_ONLY:
        parent = _only(domain, path.rpartition("/")[0])
        for element in domain.findall(path):
            parent.remove(element)
    cpu = _only(domain, "cpu")
    cpu.set("mode", "maximum")


def _only(domain: Any, path: str) -> Any:
    found = domain.find(path)
    if found is None:
        raise ValueError(f"the domain has no {path}")
    return found


def _lines(element: Any, path: str) -> Iterator[str]:
    here = f"{path}/{element.tag}" if path else element.tag
    yield f"{here} {dict(sorted(element.attrib.items()))} {(element.text or '').strip()}".rstrip()
    for child in element:
        yield from _lines(child, here)
