"""The configurations whose files the first-level machines have, and whose domains they start."""

from __future__ import annotations

from typing import Any

from first_level.machine import AUDIO, GPU, NETWORK

IDS = {GPU: "1234:1111", AUDIO: "8086:293e", NETWORK: "8086:10d3"}
CARD = (GPU, AUDIO)
USER = "alice"  # the desktop's user, whom the test makes
VM = "win"
# Where the second level's guest writes: its console, and its report.
LOGS = ("/var/log/libvirt/qemu/win-console.log", "/var/log/libvirt/qemu/win-report.log")


def by_id_config(memory: str = "kvmfr") -> dict[str, Any]:
    """The emulated card with a network card beside it, bound by the ids of their functions, and its VM."""
    return _config({"otherDevices": [{"address": NETWORK, "id": IDS[NETWORK]}]}, memory)


def without_audio(config: dict[str, Any]) -> dict[str, Any]:
    """The VM gets all but the card's second function."""
    config["gpus"]["card"]["functions"][1]["passThrough"] = False
    return config


def by_address_config() -> dict[str, Any]:
    """The emulated card, bound by its address: the machine has another card with the same id."""
    return _config({"bind": "address"})


def _config(gpu: dict[str, Any], memory: str = "kvmfr") -> dict[str, Any]:
    functions = [{"address": address, "id": IDS[address]} for address in CARD]
    serials = [{"type": "file", "path": path, "port": port} for port, path in enumerate(LOGS)]
    vm = {
        "gpu": "card",
        "memory": "512MiB",
        "vcpus": 1,
        "networks": [],
        "serials": serials,
        # The emulated processor is AMD's, whatever the emulated IOMMU.
        "hyperv": {"evmcs": False},
        # QEMU's emulation of SVM (7.2, 10.0) fails an assertion when a guest writes CR8 while an interrupt waits,
        # which UEFI firmware does.
        "firmware": {"type": "bios"},
    }
    return {
        "host": {"distribution": "debian", "cpuVendor": "intel"},
        "gpus": {"card": {"functions": functions, **gpu}},
        "lookingGlass": {"user": USER, "memory": memory, "displays": [{"width": 1920, "height": 1080}]},
        "vms": {VM: vm},
    }


# A VM as virt-manager makes one: no card, no shared memory, no battery, a balloon; its ports write where ours do.
PLAIN = f"""<domain type='kvm'>
  <name>{VM}</name>
  <uuid>0b3f5f2e-4f3a-4c55-9f59-6f9f2ba1a111</uuid>
  <title>made by hand</title>
  <memory unit='KiB'>524288</memory>
  <vcpu placement='static'>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-10.0'>hvm</type>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='host-model' check='partial'/>
  <devices>
    <serial type='file'>
      <source path='{LOGS[0]}'/>
      <target type='isa-serial' port='0'/>
    </serial>
    <serial type='file'>
      <source path='{LOGS[1]}'/>
      <target type='isa-serial' port='1'/>
    </serial>
    <input type='tablet' bus='usb'/>
    <graphics type='spice' autoport='yes'/>
    <video><model type='qxl'/></video>
    <memballoon model='virtio'/>
  </devices>
</domain>
"""
