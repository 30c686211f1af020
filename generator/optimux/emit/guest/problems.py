"""Device Manager's problem codes, each in words with the next step.

Source: Microsoft's "Error codes in Device Manager" (cfgmgr32.h, CM_PROB_*); the next steps are this project's.
"""

from __future__ import annotations

from typing import Final

PROBLEMS: Final[dict[int, str]] = {
    10: "The driver could not start the card. Shut the VM down and start it anew; where it stays, the card was not "
    "reset: look at `optimux doctor` on the host.",
    12: "Windows found no memory range large enough for the card. Set pci.hole64 (64GiB) on the host, or switch "
    "resizable BAR off.",
    14: "Windows must be restarted before the driver works.",
    22: "The device is switched off in Device Manager. Switch it on there.",
    28: "No driver is installed. Run the setup with the network on (Windows Update), or put the vendor's driver into "
    "the payload's folder gpu-driver.",
    31: "Windows could not load the drivers of the device. Remove the device with its driver in Device Manager, "
    "restart, and run the setup again.",
    43: "The driver stopped the card. On laptops NVIDIA's driver does so without a battery (battery.enable), with "
    "zeroed subsystem ids (gpus.<name>.subsystemIds) or with a visible hypervisor (features.kvmHidden); update "
    "the VM with `optimux define` on the host and start it anew.",
    52: "Windows does not trust the driver's signature. Use a signed release; Secure Boot refuses test signatures.",
}

OTHER: Final = "See the device's status in Device Manager, and Microsoft's list of its error codes."
ABSENT: Final = (
    "The card is not in the guest. On the host: `optimux doctor` says who has it; then start the VM anew, as a card "
    "cannot be added while it runs."
)
ZERO_SUBSYSTEM: Final = (
    "The laptop's firmware sets the card's subsystem ids, and the VM has no such firmware: NVIDIA's driver does not "
    "know the card. Set gpus.<name>.subsystemIds, or give a dumped ROM."
)
VENDOR_DRIVER: Final = (
    "Download the vendor's driver for this card, unpack it into the payload's folder gpu-driver, and run the setup "
    "again."
)

# Releases that break virtual displays after a cold boot, as NVIDIA's own forum and the driver's makers report.
BAD_DRIVERS: Final[tuple[tuple[str, str], ...]] = (
    ("32.0.16.1656", "NVIDIA 616.56 breaks virtual displays after a cold boot: install 616.88 or newer."),
    ("32.0.16.1664", "NVIDIA 616.64 breaks virtual displays after a cold boot: install 616.88 or newer."),
)
