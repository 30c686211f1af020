"""The steps inside the guest, as a text file beside the files that they speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.windows_virtio import virtio_steps

if TYPE_CHECKING:
    from collections.abc import Collection

    from optimux.plan.model import DomainPlan

_HOST_FOLDER = r"C:\Program Files\Looking Glass (host)"
_GPU_DRIVER = "Install the driver of the GPU's vendor."
_VDD = r"""Copy vdd_settings.xml into C:\VirtualDisplayDriver first: the driver reads it when it loads.
Then install Virtual-Display-Driver from its release archive, which holds the driver, with nefcon beside it:
    nefconw --create-device-node --hardware-id Root\MttVDD --class-name Display
        --class-guid 4d36e968-e325-11ce-bfc1-08002be10318 --no-duplicates
    nefconw --install-driver --inf-path MttVDD.inf
(winget's package of that name is a control panel, not the driver.) It takes the GPU with the most memory: install it
after the GPU's driver. NVIDIA 616.56 and 616.64 break virtual displays after a cold boot; 616.88 does not."""
_IDD_SAMPLE = r"""Copy option.txt to C:\IddSampleDriver\option.txt, then install IddSampleDriver.
The driver reads the file only when it is there first."""
_PLUG = "Put a dummy plug, or a monitor, into an output of the GPU: without a display there is nothing to capture."
_ONLY_DISPLAY = """Restart Windows. In Settings, System, Display, show the desktop only on the new display:
Looking Glass captures the screens of the passed GPU, not the emulated one."""
_IDD_INSTALL = r"""Import the display modes:
    reg import looking-glass-idd.reg
Install the release of Looking Glass that the client has, with the driver of the shared memory:
    looking-glass-idd-setup.exe /S /ivshmem
No dummy plug and no other virtual display is needed. A mode that does not fit into the shared memory is dropped."""
_MEDIUM = """
optimux-guest.iso does it all: attach it to the VM, and start setup.cmd on it as an administrator. By hand it goes so:

"""
_AGENT = "Install the SPICE guest tools, for the clipboard."
_SCREAM = "Install Scream and make it the default output."


def readme(domain: DomainPlan, files: Collection[str]) -> str:
    """Numbered steps for the VM's release and files. Lines end in line feeds."""
    memory = domain.shared_memory
    release = domain.looking_glass.release
    steps = [*virtio_steps(domain), _GPU_DRIVER, *(_idd() if release == "idd" else (*_b7(domain, files), _AGENT))]
    if domain.looking_glass.has_scream:
        steps.append(_SCREAM)
    size = f", shared memory {memory.size} at {memory.path} on the host" if memory else ""
    head = f"Written by Optimux for the guest {domain.name}: Looking Glass {_RELEASES[release]}{size}.\n"
    numbered = "".join(f"\n{number}. {_indented(step)}\n" for number, step in enumerate(steps, 1))
    medium = _MEDIUM if domain.guest_media.enable else ""
    return f"{head}{medium}Do this in Windows, as an administrator, in this folder.\n{numbered}"


_RELEASES = {"b7": "B7", "idd": "with its own display driver"}


def _idd() -> list[str]:
    return [_IDD_INSTALL]


def _b7(domain: DomainPlan, files: Collection[str]) -> list[str]:
    display = domain.looking_glass.windows.virtual_display
    install = "Install Looking Glass B7, host and client must be of one release:\n    looking-glass-host-setup.exe /S"
    if "looking-glass-host.ini" in files:
        install += f"\nCopy looking-glass-host.ini into {_HOST_FOLDER}."
    return [{"vdd": _VDD, "iddsample": _IDD_SAMPLE, "none": _PLUG}[display], install, _ONLY_DISPLAY]


def _indented(step: str) -> str:
    return step.replace("\n", "\n   ")
