"""The configurations whose files the L1 machines have, and the domains that they start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from optimux.options.load import read_config
from optimux.patch import patch_domain
from optimux.plan.resolve import plan_from
from optimux.vm.evidence.checks import subject_of

_OPTIONS = Path(__file__).with_name("options.toml")
USER = "alice"  # the desktop's user, whom the image makes
VM, OTHER_VM = "win", "other"
GPU, AUDIO = CARD = ("0000:01:00.0", "0000:01:00.1")
USB = "0000:01:00.2"  # of the machine ``on_demand`` alone
NETWORK = "0000:02:00.0"
OTHER_GPU = "0000:03:00.0"


def by_id_config(memory: str = "kvmfr") -> dict[str, Any]:
    """The emulated card with a network card beside it, bound by the ids of their functions, and its VM."""
    options: dict[str, Any] = read_config(str(_OPTIONS))
    options["lookingGlass"]["memory"] = memory
    return options


def by_address_config() -> dict[str, Any]:
    """The emulated card, bound by its address: the machine has another card with the same id."""
    options = by_id_config()
    del options["gpus"]["card"]["otherDevices"]
    options["gpus"]["card"]["bind"] = "address"
    return options


def on_demand_config() -> dict[str, Any]:
    """The emulated card and its USB controller, which the host has while no VM runs."""
    options = by_id_config("shm")
    card = options["gpus"]["card"]
    del card["otherDevices"]
    card["bind"] = "on-demand"
    card["functions"].append({"address": USB, "id": "1b36:000d"})
    # What a start takes longest for where it is emulated, and has no part in handing the card over. libvirt asks QEMU
    # for hundreds of the processor's properties to see whether it has Hyper-V's: see fixtures.
    options["vms"][VM] |= {"tpm": {"backend": "none"}, "hyperv": {"enable": False}, "memory": "128MiB"}
    # A second VM for the same card; VMs without it: whose huge pages are made, or are more than there is memory; one
    # with CPUs of its own.
    options["vms"][OTHER_VM] = {key: value for key, value in options["vms"][VM].items() if key != "serials"}
    backed = {"memoryBacking": {"hugepages": True}, "whileRunning": {"hugepages": True}, "networks": []}
    options["vms"]["pages"] = {**backed, "memory": "64MiB"}
    options["vms"]["too-much"] = {**backed, "memory": "64GiB"}
    alone = {"vcpus": 2, "cpuTune": {"vcpuPin": {"0": "1", "1": "2-3"}}, "whileRunning": {"isolateCpus": True}}
    options["vms"]["alone"] = {**alone, "networks": [], "memory": "64MiB"}
    return options


def ids(options: dict[str, Any]) -> list[str]:
    """The ids of everything that a configuration names."""
    card = options["gpus"]["card"]
    return [function["id"] for function in (*card["functions"], *card["otherDevices"])]


def domains(memory: str) -> dict[str, str]:
    """The domain of ``by_id_config``, one that was patched for it, and those of the twins."""
    without_audio, larger = by_id_config(memory), by_id_config(memory)
    without_audio["gpus"]["card"]["functions"][1]["passThrough"] = False
    larger["lookingGlass"]["size"] = "64MiB"
    plan = plan_from(by_id_config(memory))
    return {
        VM: subject_of(plan.domains[0]).xml,
        "patched": patch_domain(PLAIN.encode(), plan.domains[0]).document.decode(),
        "without-audio": subject_of(plan_from(without_audio).domains[0]).xml,
        "another-size": subject_of(plan_from(larger).domains[0]).xml,
    }


# A VM as virt-manager makes one: no card, no shared memory, no battery, a balloon; its ports write where ours do.
PLAIN = f"""<domain type='kvm'>
  <name>{VM}</name>
  <uuid>0b3f5f2e-4f3a-4c55-9f59-6f9f2ba1a111</uuid>
  <title>made by hand</title>
  <memory unit='KiB'>262144</memory>
  <vcpu placement='static'>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-10.0'>hvm</type>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='host-model' check='partial'/>
  <devices>
    <serial type='file'>
      <source path='/var/log/libvirt/qemu/win-console.log'/>
      <target type='isa-serial' port='0'/>
    </serial>
    <serial type='file'>
      <source path='/var/log/libvirt/qemu/win-report.log'/>
      <target type='isa-serial' port='1'/>
    </serial>
    <input type='tablet' bus='usb'/>
    <graphics type='spice' autoport='yes'/>
    <video><model type='qxl'/></video>
    <memballoon model='virtio'/>
  </devices>
</domain>
"""
