"""Does a domain have what the plan needs? Read with lxml, sharing nothing with the patch but the plan.

``SAID`` are the patch's own words for what it could not do: where it says so, the place is not held against it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from lxml import etree

from optimux.pci import Address
from optimux.plan.model import DomainPlan

Element = etree._Element
QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"
APART = (None, "pcie-root", "pci-expander-bus", "pcie-expander-bus")  # buses that firmware numbers by themselves
UNITS = {"M": 20, "MiB": 20, "K": 10, "KiB": 10, "G": 30, "GiB": 30, "b": 0, "bytes": 0, "": 0}


def problems(document: bytes, plan: DomainPlan, concerns: Collection[str], said: Collection[str] = ()) -> list[str]:
    """What each concern should have brought about and did not, readable; empty when all is well."""
    root = etree.fromstring(document)
    return [f"{name}: {line}" for name in concerns for line in CHECKS[name](root, plan, " ".join(said))]


def _one(root: Element, path: str) -> Element | None:
    return next(iter(_all(root, path)), None)


def _all(root: Element, path: str) -> list[Element]:
    found: Any = _compiled(path)(root)
    return list(found)


_compiled = cache(etree.XPath)  # the same few hundred for every domain


def _has(root: Element, path: str) -> Iterator[str]:
    if not _all(root, path):
        yield f"no {path}"


def _hyperv(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    for wanted in plan.hyperv:
        path = f"/domain/features/hyperv[not(@mode='passthrough')]/{wanted.name}[@state='on']"
        yield from _has(root, path)
        for node in _all(root, path):
            if any(node.get(name) != value for name, value in wanted.attributes):
                yield f"{wanted.name} has other attributes"
        for child in wanted.children:
            yield from _has(root, f"{path}/{child}[@state='on']")
    if plan.features.kvm_hidden:
        yield from _has(root, "/domain/features/kvm/hidden[@state='on']")
    if not plan.features.vmport:
        yield from _has(root, "/domain/features/vmport[@state='off']")
    if any(e.name == "stimer" for e in plan.hyperv):
        yield from _has(root, "/domain/clock/timer[@name='hypervclock'][@present='yes']")
    for name in ("features", "features/hyperv", "features/kvm", "clock", "features/kvm/hidden"):
        if len(_all(root, f"/domain/{name}")) > 1:
            yield f"{name} doubled"


def _address(element: Element | None) -> Address | None:
    if element is None or element.get("type", "pci") != "pci" or element.get("slot") is None:
        return None
    return Address(*(int(element.get(key) or "0", 0) for key in ("domain", "bus", "slot", "function")))


def _sources(root: Element) -> list[tuple[Address | None, Element]]:
    devices = _all(root, "/domain/devices/hostdev[@type='pci']")
    return [(_address(_one(device, "source/address")), device) for device in devices]


def _gpu(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    for wanted in plan.host_devices:
        found = [device for source, device in _sources(root) if source == wanted.source]
        if len(found) != 1:
            yield f"{wanted.source} is there {len(found)} times"
        elif found[0].get("managed") != ("yes" if wanted.managed else "no") or found[0].get("mode") != "subsystem":
            yield f"{wanted.source} is managed by another than planned"
        elif wanted.rom and any(
            value and not _all(found[0], f"rom[@{name}='{value}']")
            for name, value in (("bar", wanted.rom.bar), ("file", wanted.rom.file))
        ):
            yield f"{wanted.source} without its ROM"


def _pci(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    _number(root)
    yield from _collisions(root)
    ports = {
        int(port.get("index", "-1"))
        for port in _all(root, "/domain/devices/controller[@type='pci'][@model='pcie-root-port']")
    }
    slots: dict[tuple[int, int, int], set[Any]] = {}
    numbers = guest_numbers(root)
    for wanted in plan.host_devices:
        for source, device in _sources(root):
            if source != wanted.source:
                continue
            place = _address(_one(device, "address"))
            if place is None:
                yield f"{wanted.source} has no place"
                continue
            slots.setdefault(wanted.guest.device, set()).add(place.device)
            if place.function != wanted.guest.function:
                yield f"{wanted.source} is function {place.function}"
            if place.bus and place.bus not in ports:
                yield f"{wanted.source} is on bus {place.bus}, which no root port has"
            seen = place.replace(bus=numbers.get(place.bus, -1))
            anywhere = wanted.source.device != plan.host_devices[0].source.device and not wanted.stated
            if seen != wanted.guest and not anywhere and f"the guest's {wanted.guest.at_function(0)}" not in said:
                yield f"{wanted.source} is at {seen} in the guest, not {wanted.guest}, and nothing is said of it"
            if wanted.placement.multifunction and not _all(device, "address[@multifunction='on']"):
                yield f"{wanted.source} does not say that there are more functions"
    yield from (f"the functions of {slot} are apart" for slot, places in slots.items() if len(places) > 1)
    indices = Counter(c.get("index") for c in _all(root, "/domain/devices/controller[@type='pci'][@index]"))
    yield from (f"PCI controller {index} is there twice" for index, count in indices.items() if count > 1)
    if plan.video.address and _all(root, "/domain/devices/video/model[@type='vga']"):
        yield from _has(root, "/domain/devices/video/address[@type='pci'][@slot]")


def _number(root: Element) -> None:
    """Write down the index that libvirt gives a controller without one: the lowest that is free."""
    for node in _all(root, "/domain/devices/controller[@type='pci'][not(@index)]"):
        used = {c.get("index") for c in _all(root, "/domain/devices/controller[@type='pci'][@index]")}
        node.set("index", next(str(number) for number in range(1 << 16) if str(number) not in used))


def guest_numbers(root: Element) -> dict[int, int]:
    """The guest's number of each bus by libvirt's index, from the controllers that say where they are."""
    _number(root)
    below: dict[int, list[tuple[int, int, int]]] = {}
    for node in _all(root, "/domain/devices/controller[@type='pci'][@index]"):
        place = _address(_one(node, "address[@type='pci']"))
        if place is not None and node.get("model") not in APART:
            below.setdefault(place.bus, []).append((place.slot, place.function, int(node.get("index") or 0)))
    numbers: dict[int, int] = {}

    def visit(bus: int) -> None:
        numbers[bus] = len(numbers)
        for _, _, child in sorted(below.get(bus, [])):
            visit(child)

    visit(0)
    return numbers


def _collisions(root: Element) -> Iterator[str]:
    places = [_address(a) for a in _all(root, "/domain/devices/*/address[@type='pci'][@slot]")]
    for option, values in _arguments(root):
        if option == "-device" and str(values.get("bus", "")) == "pcie.0" and values.get("addr"):
            slot, _, function = str(values["addr"]).partition(".")
            places.append(Address(0, 0, int(slot, 16), int(function or "0", 16)))
    yield from (f"two devices at {place}" for place, count in Counter(places).items() if count > 1)
    for place in places:
        if place is not None and place.function and place.slot != 0x1F and place.at_function(0) not in places:
            yield f"{place} without a function 0"
        if place is not None and place.bus == 0 and place.slot == 0:
            yield f"{place} is the host bridge's"


def _arguments(root: Element) -> list[tuple[str, dict[str, Any]]]:
    words = [str(w.get("value")) for w in root.iterfind(f"{QEMU}commandline/{QEMU}arg")]
    understood = ("-device", "-object", "-acpitable")
    return [(option, _values(option, value)) for option, value in pairwise(words) if option in understood]


def _values(option: str, text: str) -> dict[str, Any]:
    if text.startswith("{"):
        values: dict[str, Any] = json.loads(text)
        return values
    first = {"-device": "driver=", "-object": "qom-type="}.get(option, "")
    parts = (first + text if "=" not in text.split(",")[0] else text).split(",")
    return dict(part.partition("=")[::2] for part in parts)


def _bytes(value: Any) -> int:
    text = str(value)
    return int(text[:-1]) << {"K": 10, "M": 20, "G": 30}[text[-1].upper()] if text[-1].isalpha() else int(text)


def _memory(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    memory = plan.shared_memory
    if memory is None:
        return
    objects = [values for option, values in _arguments(root) if option == "-object"]
    mine = [values for values in objects if str(values.get("mem-path", "")).startswith(("/dev/kvmfr", "/dev/shm/look"))]
    shmems = _all(root, "/domain/devices/shmem[starts-with(@name, 'looking-glass')]")
    if memory.kind == "shm":
        yield from (f"{values['mem-path']} is left" for values in mine)
        found = [s for s in shmems if s.get("name") == memory.name]
        if len(found) != 1:
            yield f"{len(found)} <shmem> of the name"
            return
        size = _one(found[0], "size")
        assert size is not None
        if int(size.text or "0") << UNITS[size.get("unit", "")] != memory.size.bytes and "<size" not in said:
            yield "the size is another"
        yield from _has(found[0], "model[@type='ivshmem-plain']")
        return
    yield from (f"<shmem name='{s.get('name')}'> is left" for s in shmems)
    found_objects = [values for values in mine if values["mem-path"] == memory.path]
    if len(found_objects) != 1:
        yield f"{len(found_objects)} objects with {memory.path}"
        return
    backend = found_objects[0]
    if _bytes(backend.get("size", 0)) != memory.size.bytes or backend.get("share") not in (True, "on", "yes", "true"):
        yield f"wrong backend {backend}"
    devices = [v for o, v in _arguments(root) if o == "-device" and v.get("memdev") == backend["id"]]
    if [d["driver"] for d in devices] != ["ivshmem-plain"]:
        yield f"devices of the memory: {devices}"
    elif plan.ivshmem and "addr" not in devices[0]:
        yield "the memory's device has no place"


def _battery(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.battery is None:
        return
    yield from _has(root, "/domain/features/acpi")
    tables = [t for t in _all(root, "/domain/os/acpi/table") if (t.text or "").strip() == plan.battery_path]
    options = [v.get("file") for o, v in _arguments(root) if o == "-acpitable"]
    counts = (len(tables), options.count(plan.battery_path))
    if counts != ((1, 0) if plan.battery_in_acpi else (0, 1)):
        yield f"{counts[0]} tables, {counts[1]} arguments"
    if any(table.get("type") != "raw" for table in tables):
        yield "the table is not raw"
    others = [t.text or "" for t in _all(root, "/domain/os/acpi/table") if t not in tables]
    known = [path for path in others if "ssdt1" in path.lower()]
    known += [o for o in options if o and o != plan.battery_path and "ssdt1" in o.lower()]
    yield from (f"a second battery {path}" for path in known)


def _memballoon(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if not plan.memballoon:
        found = _all(root, "/domain/devices/memballoon")
        if [(b.get("model"), len(b.attrib), len(_all(b, "*"))) for b in found] != [("none", 1, 0)]:
            yield f"{len(found)} balloons"


def _video(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    models = [model.get("type") for model in _all(root, "/domain/devices/video/model")]
    if "the configuration states no display" in said or "it is a display already" in said:
        return
    if plan.video.model not in models:
        yield f"displays {models}"
    primary = _all(root, "/domain/devices/video/model[@primary='yes']") or _all(root, "/domain/devices/video/model")
    if primary and primary[0].get("type") != plan.video.model:
        yield f"the primary display is {primary[0].get('type')}"


def _input(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    is_off = bool(_all(root, "/domain/devices/controller[@type='usb'][@model='none']"))
    for item in plan.inputs if plan.shared_memory is not None or plan.requested.states("inputs") else ():
        if not (item.bus == "usb" and is_off):
            yield from _has(root, f"/domain/devices/input[@type='{item.type}'][@bus='{item.bus}']")
    for evdev in plan.evdev:
        if len(_all(root, f"/domain/devices/input[@type='evdev']/source[@dev='{evdev.dev}']")) != 1:
            yield f"{evdev.dev} is not there once"
    if plan.shared_memory is None:
        return
    if _all(root, "/domain/devices/input[@type='tablet']") and not any(i.type == "tablet" for i in plan.inputs):
        yield "a tablet"
    if plan.spice.enable:
        yield from _has(root, "/domain/devices/graphics[@type='spice']")


def _audio(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if "it is a sound card already" in said or (plan.shared_memory is None and not plan.requested.states("sound")):
        return
    backend = plan.sound.backend
    yield from _has(root, f"/domain/devices/audio[@type='{backend}']")
    ids = Counter(audio.get("id") for audio in _all(root, "/domain/devices/audio"))
    yield from (f"audio {number} is there twice" for number, count in ids.items() if count > 1)
    if plan.sound.model == "none":
        return
    cards = _all(root, "/domain/devices/sound")
    if not cards:
        if "sound.model (USB is switched off" not in said:
            yield "no sound card"
        return
    link = _one(cards[0], "audio")
    if link is not None and not _all(root, f"/domain/devices/audio[@type='{backend}'][@id='{link.get('id')}']"):
        yield "the card plays elsewhere"


def _tpm(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.tpm.backend != "none":
        yield from _has(root, "/domain/devices/tpm/backend")


def _cpu(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    options = plan.cpu
    yield from _has(root, f"/domain/cpu[@mode='{options.mode}']")
    if options.mode == "host-passthrough" and _all(root, "/domain/cpu/model"):
        yield "a named model"
    if options.cache != "none" and "<cache" not in said:
        yield from _has(root, f"/domain/cpu/cache[@mode='{options.cache}']")
    for name, policy in plan.cpu.features:
        yield from _has(root, f"/domain/cpu/feature[@name='{name}'][@policy='{policy}']")
    topology = _one(root, "/domain/cpu/topology")
    vcpu = _one(root, "/domain/vcpu")
    if topology is not None:
        product = 1
        for level in topology.attrib:
            product *= int(str(topology.get(str(level), "1")))
        if vcpu is not None and product != int((vcpu.text or "").strip()):
            yield f"{product} CPUs by the topology, {(vcpu.text or '').strip()} by <vcpu>"
    if plan.requested.states("cpu.topology") and "the number of CPUs" not in said:
        yield from _has(root, f"/domain/cpu/topology[@cores='{options.topology.cores}']")


def _kib(node: Element | None) -> int:
    """The bytes of an element with a unit, KiB where none stands."""
    if node is None:
        return -1
    return int((node.text or "0").strip()) << UNITS[str(node.get("unit", "KiB"))]


def _resources(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.requested.states("memory") and "keys: memory" not in said and "resources: memory" not in said:
        found = _kib(_one(root, "/domain/memory"))
        if found != plan.ram.bytes:
            yield f"{found} bytes of memory, not {plan.ram.bytes}"
    if plan.requested.states("cpuTune.emulatorPin"):
        yield from _has(root, f"/domain/cputune/emulatorpin[@cpuset='{plan.cpu_tune.emulator_pin}']")


def _clock(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.requested.states("clock.offset"):
        yield from _has(root, f"/domain/clock[@offset='{plan.clock.offset}']")
    if plan.requested.states("clock.timers.tscNative") and plan.clock.timers.tsc_native:
        yield from _has(root, "/domain/clock/timer[@name='tsc'][@mode='native']")


def _features(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.requested.states("features.pmu"):
        yield from _has(root, f"/domain/features/pmu[@state='{'on' if plan.features.pmu else 'off'}']")


def _power(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.requested.states("lifecycle.onCrash"):
        yield from _has(root, f"/domain/on_crash[normalize-space()='{plan.lifecycle.on_crash}']")


def _firmware(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.requested.states("firmware.secureBoot") and "firmware.secureBoot" not in said:
        for name, on in plan.firmware.features:
            enabled = "yes" if on else "no"
            yield from _has(root, f"/domain/os/firmware/feature[@name='{name}'][@enabled='{enabled}']")


def _smbios(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.smbios is not None and plan.requested.states("smbios"):
        yield from _has(root, f"/domain/os/smbios[@mode='{plan.smbios.mode}']")


def _disks(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.requested.states("disks"):
        for disk in plan.disks:
            if disk.source:
                yield from _has(root, f"/domain/devices/disk/source[@file='{disk.source}' or @dev='{disk.source}']")


def _networks(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.requested.states("networks"):
        for kind in {network.type for network in plan.networks}:
            yield from _has(root, f"/domain/devices/interface[@type='{kind}']")


def _usb(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.requested.states("usb.hostDevices") and "usb.hostDevices" not in said:
        found = len(_all(root, "/domain/devices/hostdev[@type='usb']"))
        if found < len(plan.usb.host_devices):
            yield f"{found} USB devices of the host"


def _spice(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.requested.states("spice.port") and plan.spice.enable:
        yield from _has(root, f"/domain/devices/graphics[@type='spice'][@port='{plan.spice.port}']")


def _ports(root: Element, plan: DomainPlan, said: str) -> Iterator[str]:
    if plan.requested.states("channels"):
        for channel in plan.channels:
            yield from _has(root, f"/domain/devices/channel/target[@name='{channel.name}']")


CHECKS: dict[str, Callable[[Element, DomainPlan, str], Iterator[str]]] = {
    "hyperv": _hyperv,
    "gpu": _gpu,
    "pci": _pci,
    "memory": _memory,
    "battery": _battery,
    "memballoon": _memballoon,
    "video": _video,
    "input": _input,
    "audio": _audio,
    "tpm": _tpm,
    "cpu": _cpu,
    "resources": _resources,
    "clock": _clock,
    "features": _features,
    "power": _power,
    "firmware": _firmware,
    "smbios": _smbios,
    "disks": _disks,
    "networks": _networks,
    "usb": _usb,
    "spice": _spice,
    "ports": _ports,
}
