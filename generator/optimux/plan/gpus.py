"""The cards: their functions, checked against the IOMMU groups that the facts show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from optimux.declare.kind import joined
from optimux.facts import Facts
from optimux.findings import Findings, doubled
from optimux.options.gpus import Function, Gpu
from optimux.pci import Address
from optimux.plan.model import GpuPlan, PlannedFunction

_BY_DEVICES = ("facts.devices",)
_INTEL = 0x8086
_COMPARE = "Compare with lspci -Dnn, or detect again."


def resolve_bindings(gpus: Mapping[str, Gpu], facts: Facts, findings: Findings) -> dict[str, Gpu]:
    """The cards with the time at which each can be bound.

    A virtual function of SR-IOV does not exist yet when the initramfs binds, and has the id of the physical one,
    which the host needs to make it: it is bound when the VM starts.
    """
    return {name: _bindable(gpu, f"gpus.{name}", facts, findings) for name, gpu in gpus.items()}


def _bindable(gpu: Gpu, path: str, facts: Facts, findings: Findings) -> Gpu:
    virtual = next((function for _, function in functions_of(gpu) if _is_virtual(function, facts)), None)
    if virtual is None or gpu.bind == "on-demand":
        return gpu
    remedy = "It is bound on demand: at boot it does not exist yet, and the function that makes it has its id."
    findings.warn(f"{path}.bind", f"{gpu.bind}, of the virtual function {virtual.address}", "on-demand", remedy)
    return gpu.replace(bind="on-demand")


def _is_virtual(function: Function, facts: Facts) -> bool:
    """As the facts show; else by the place: Intel's integrated GPU is 00:02.0, the slot's others are virtual."""
    device = facts.device(function.address)
    if device is not None:
        return device.sriov is not None and device.sriov.role == "virtual"
    slot = (0, 0, 2)
    return function.id.vendor == _INTEL and function.address.device == slot and function.address.function > 0


def resolve_gpus(gpus: Mapping[str, Gpu], facts: Facts, findings: Findings) -> tuple[GpuPlan, ...]:
    """Every card of the options, in their order."""
    _check_shared_functions(gpus, findings)
    given = {function.address for gpu in gpus.values() for _, function in functions_of(gpu)}
    for name, gpu in gpus.items():
        path = joined("gpus", name)
        _check_power(gpu, path, findings)
        _check_passed(gpu, path, findings)
        if gpu.keep_free and gpu.bind != "on-demand":
            remedy = "Leave it out: a card that is bound at boot is not the desktop's anyway."
            findings.warn(f"{path}.keepFree", f'true, with bind = "{gpu.bind}"', 'true with bind = "on-demand"', remedy)
        if facts.devices:
            _check_present(gpu, path, facts, findings)
        _check_slot(gpu, path, findings)
        _advise_drivers(gpu, path, facts, findings)
        if facts.devices:
            _check_group(gpu, path, facts, findings)
            _check_twins(given, gpu, path, facts, findings)
    _advise_module_wide(gpus, findings)
    return tuple(_planned(name, gpu) for name, gpu in gpus.items())


def _planned(name: str, gpu: Gpu) -> GpuPlan:
    return GpuPlan(name, planned_functions(gpu), gpu.bind, gpu.d3cold_allowed, gpu.disable_idle_d3, gpu.keep_free)


def planned_functions(gpu: Gpu) -> tuple[PlannedFunction, ...]:
    """Everything that a card's entry names, its own functions first."""
    return tuple(PlannedFunction(f.address, f.id, f.pass_through) for _, f in functions_of(gpu))


def functions_of(gpu: Gpu) -> Iterator[tuple[str, Function]]:
    """The card's functions and other devices, each with its key and index."""
    for key, functions in (("functions", gpu.functions), ("otherDevices", gpu.other_devices)):
        yield from ((f"{key}[{index}]", function) for index, function in enumerate(functions))


def _check_shared_functions(gpus: Mapping[str, Gpu], findings: Findings) -> None:
    placed = (
        (f"{joined('gpus', name)}.{key}.address", function.address)
        for name, gpu in gpus.items()
        for key, function in functions_of(gpu)
    )
    for path, address, first in doubled(placed):
        findings.error(path, address, "each host address once", f"It stands at {first} already.", [first])
        findings.lose(path)


def _check_power(gpu: Gpu, path: str, findings: Findings) -> None:
    if gpu.disable_idle_d3 and gpu.d3cold_allowed:
        remedy = "Set d3coldAllowed = false to keep the card in D0, or leave disableIdleD3 out."
        findings.error(
            f"{path}.disableIdleD3", "true", "not together with d3coldAllowed", remedy, [f"{path}.d3coldAllowed"]
        )


def _check_passed(gpu: Gpu, path: str, findings: Findings) -> None:
    for key, function in functions_of(gpu):
        if not function.pass_through:
            remedy = "Pass it too: neither host nor guest can use it now."
            findings.warn(f"{path}.{key}.passThrough", "bound, not passed", "true", remedy)


def _check_slot(gpu: Gpu, path: str, findings: Findings) -> None:
    first = gpu.functions[0].address
    for index, function in enumerate(gpu.functions):
        if function.address.device != first.device:
            where = f"{path}.functions[{index}].address"
            remedy = "Functions share domain, bus and slot; put other devices into otherDevices."
            findings.error(where, function.address, f"a function of {first}'s slot", remedy, [f"{path}.functions[0]"])


def _check_present(gpu: Gpu, path: str, facts: Facts, findings: Findings) -> None:
    for key, function in functions_of(gpu):
        device = facts.device(function.address)
        if device is None:
            where, allowed = f"{path}.{key}.address", "a device that the facts show"
            findings.error(where, function.address, allowed, _where_it_is(function, facts), _BY_DEVICES)
            findings.lose(where)
        elif device.is_bridge:
            remedy = "Leave bridges out: they stay with the host, and do not hold a group."
            findings.error(f"{path}.{key}.address", f"{function.address}, a bridge", "no bridge", remedy, _BY_DEVICES)
        elif device.id != function.id:
            remedy = f"Write {device.id}."
            allowed, because = f"{device.id}, which is at {function.address}", [f"{path}.{key}.address", *_BY_DEVICES]
            findings.error(f"{path}.{key}.id", function.id, allowed, remedy, because)


def _where_it_is(function: Function, facts: Facts) -> str:
    having = [device.address for device in facts.devices if device.id == function.id]
    return f"Write {having[0]}, which is {function.id}." if len(having) == 1 else _COMPARE


def _check_group(gpu: Gpu, path: str, facts: Facts, findings: Findings) -> None:
    """VFIO gives a group away whole: a member that a host driver holds makes it "not viable"."""
    mine = {function.address for _, function in functions_of(gpu)}
    groups = {d.iommu_group for address in mine if (d := facts.device(address))} - {None}
    for device in facts.devices:
        if device.iommu_group in groups and not device.is_bridge and device.address not in mine:
            same_slot = device.address.device == gpu.functions[0].address.device
            where = "functions" if same_slot else "otherDevices"
            remedy = f'Add {{ address = "{device.address}", id = "{device.id}" }} to {where}.'
            found = f"no {device.address} ({device.id}) of IOMMU group {device.iommu_group}"
            because = [f"{path}.functions", f"{path}.otherDevices", *_BY_DEVICES]
            findings.error(f"{path}.{where}", found, "every member of the group", remedy, because)


def _check_twins(given: set[Address], gpu: Gpu, path: str, facts: Facts, findings: Findings) -> None:
    """``ids=`` takes every device with the id, also one that the host needs."""
    if gpu.bind != "id":
        return
    for key, function in functions_of(gpu):
        twins = [d for d in facts.devices if d.id == function.id and d.address not in given]
        if twins:
            found = f"{function.id}, which {twins[0].address} has too"
            remedy = f'Set {path}.bind = "address".'
            findings.error(f"{path}.{key}.id", found, "an id of its own", remedy, ["gpus", *_BY_DEVICES])


def _advise_drivers(gpu: Gpu, path: str, facts: Facts, findings: Findings) -> None:
    """Only the facts, or the user, can tell what drives a device that is no GPU."""
    if gpu.bind == "on-demand" or gpu.softdeps is not None:
        return
    for index, device in enumerate(gpu.other_devices):
        if facts.device(device.address) is None:
            found = f"{device.address} with an unknown driver"
            remedy = f"Name it in {path}.softdeps, beside the GPU's, or give --facts: it must load after vfio-pci."
            findings.warn(f"{path}.otherDevices[{index}]", found, "a driver that waits for vfio-pci", remedy)


def _advise_module_wide(gpus: Mapping[str, Gpu], findings: Findings) -> None:
    """disable_idle_d3 is a parameter of the module, not of a device."""
    keeping = [name for name, gpu in gpus.items() if gpu.disable_idle_d3]
    for name, gpu in gpus.items():
        if keeping and gpu.d3cold_allowed:
            remedy = f"gpus.{keeping[0]}.disableIdleD3 keeps every card of vfio-pci awake; set it for both or none."
            findings.warn(f"{joined('gpus', name)}.d3coldAllowed", "true", "false beside disableIdleD3", remedy)
