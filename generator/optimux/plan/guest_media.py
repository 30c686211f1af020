"""The medium that sets a Windows guest up, and what the release of Looking Glass decides of its devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.options.vm.devices import Disk
from optimux.options.vm.machine import DEFAULT_INPUTS
from optimux.plan.devices import settled
from optimux.plan.guest import GuestFile, GuestMedia

if TYPE_CHECKING:
    from optimux.options.looking_glass import Release
    from optimux.options.vm import Vm
    from optimux.plan.wanted import Wanted


def for_release(vm: Vm, key: str, release: Release | None) -> Vm:
    """The options with the defaults of a release (``None``: no Looking Glass), and the medium among the disks.

    The idd release brings its own input driver, and plays sound over a USB device that SPICE redirects. What stands
    there by default is told by its value: NixOS hands every option over, stated or not.
    """
    if release == "idd" and vm.inputs == DEFAULT_INPUTS:
        vm = vm.replace(inputs=())
    wants_sound = vm.usb.model != "none" and vm.spice.enable
    if release == "idd" and wants_sound and not vm.usb.redirection_ports:
        vm = vm.replace(usb=vm.usb.replace(redirection_ports=(0,)))
    media = vm.guest_media
    if media.enable and media.attach:
        vm = vm.replace(disks=(*vm.disks, Disk(device="cdrom", source=_path(vm, key))))
    return vm


def resolve_media(wanted: Wanted) -> GuestMedia:
    """What is on the medium and where it lies."""
    media = wanted.vm.guest_media
    if media.attach and not media.enable:
        remedy = "Set guestMedia.enable too, or leave attach out."
        wanted.error("guestMedia.attach", "true without enable", "a medium that is made", remedy)
    files = tuple((name, GuestFile(file.sha256, file.url)) for name, file in sorted(media.files.items()))
    return settled(GuestMedia, media, path=_path(wanted.vm, wanted.key), files=files)


def _path(vm: Vm, key: str) -> str:
    return vm.guest_media.path or f"/var/lib/libvirt/images/optimux-{key}.iso"
