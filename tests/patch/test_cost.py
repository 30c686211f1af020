"""What a patch costs grows with the domain and no faster: operations are counted, not seconds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from optimux.errors import InvalidInput
from optimux.patch.source import MAX_ATTRIBUTES, MAX_ELEMENTS
from tests.calls import counted, grows_with_the_square
from tests.patch.passthrough import patch_domain
from tests.patch.plans import GPU, domain, plan

SMALL = 250


def passed(number: int) -> str:
    bus, rest = number % 250 + 2, number // 250
    place = f"<address domain='0' bus='{bus}' slot='{rest % 32}' function='0'/>"
    return f"<hostdev mode='subsystem' type='pci'><source>{place}</source></hostdev>"


def port(number: int) -> str:
    place = f"<address type='pci' bus='0' slot='{number % 30 + 1}' function='{number % 8}'/>"
    return f"<controller type='pci' index='{number + 1}' model='pcie-root-port'>{place}</controller>"


def pair(number: int) -> tuple[str, ...]:
    backend = f"memory-backend-file,id=m{number},mem-path=/dev/kvmfr0,size=1M"
    return ("-device", f"ivshmem-plain,id=d{number},memdev=m{number}", "-object", backend)


SHAPES: dict[str, Callable[[int], str]] = {
    "devices left alone": lambda n: domain(GPU + "".join(map(passed, range(n)))),
    "tablets that go": lambda n: domain(GPU + "<input type='tablet' bus='usb'/>" * n),
    "memories that go": lambda n: domain(GPU + "<shmem name='looking-glass'/>" * n),
    "memories of others": lambda n: domain(GPU + "<shmem name='other'/>" * n),
    "displays": lambda n: domain(GPU + "<video><model type='qxl'/></video>" * n),
    "evdev": lambda n: domain(GPU + "".join(f"<input type='evdev'><source dev='/d{i}'/></input>" for i in range(n))),
    "ports": lambda n: domain(GPU + "".join(map(port, range(n)))),
    "children": lambda n: domain(GPU + "<a/>" * n),
    "text": lambda n: domain(rest=f"<title>{'a<!-- -->' * n}</title>"),
    "namespaces": lambda n: domain(rest="".join(f"<a xmlns:n{i}='urn:x'/>" for i in range(n))),
    "tables": lambda n: domain().replace(
        "</os>", "<acpi>" + "<table type='raw'>/x/ssdt1.dat</table>" * n + "</acpi></os>"),
    "overrides": lambda n: domain(rest="<qemu:override>" + "".join(
        f"<qemu:device alias='hostdev{i}'/>" for i in range(n)) + "</qemu:override>"),
    "kvmfr arguments": lambda n: domain(arguments=tuple(w for i in range(n) for w in pair(i))),
    "table arguments": lambda n: domain(arguments=tuple(w for i in range(n) for w in ("-acpitable", f"file=/x{i}"))),
    "batteries": lambda n: domain(arguments=("-acpitable", "file=/ssdt1.dat") * n),
    "settings": lambda n: domain(
        arguments=tuple(w for i in range(n) for w in ("-set", f"device.hostdev0.x-{i}=1"))),
    "passed by arguments": lambda n: domain(arguments=("-device", "vfio-pci,host=01:00.0") * n),
}  # fmt: skip


def calls(document: bytes, planned: Any) -> int:
    """How many functions a patch calls."""

    def patched() -> None:
        with contextlib.suppress(InvalidInput):
            patch_domain(document, planned)

    return counted(patched)


@pytest.mark.parametrize("name", SHAPES)
def test_twice_as_much_costs_twice_as_much(name: str) -> None:
    planned = plan(lookingGlass={"memory": "shm"}) if name.startswith("memories") else plan()
    assert grows_with_the_square(lambda times: calls(SHAPES[name](SMALL * times).encode(), planned)) is None


def test_more_than_any_machine_has_is_refused_at_once() -> None:
    attributes = " ".join(f"a{number}=''" for number in range(MAX_ATTRIBUTES + 1))
    for text in (domain("<a/>" * MAX_ELEMENTS), domain(f"<a {attributes}/>")):
        with pytest.raises(InvalidInput, match=f"more than {MAX_ELEMENTS} elements"):
            patch_domain(text.encode(), plan())
