"""The guests' firmware: an image for each, and whose signatures the variables of those that are there take."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.facts.detect.variable_store import MOST_STORE, years
from optimux.host.doctor.check import Result, broken, check, for_root, holds, unseen
from optimux.host.doctor.definition import definition

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look
    from optimux.plan.model import DomainPlan

WHERE = "/usr/share/qemu/firmware"


@check("firmware.image", "an image for the guest's firmware", "Without one libvirt refuses to define or start the VM.")
def image(look: Look) -> Iterator[Result]:
    """A stated image, else one of those that QEMU's descriptions name."""
    for domain in look.domains:
        firmware = domain.firmware
        if firmware.type == "efi" and not firmware.automatic and firmware.loader:
            yield _stated(look, domain, firmware.loader)
        elif firmware.type == "efi":
            yield _described(look, domain)


def _described(look: Look, domain: DomainPlan) -> Result:
    """libvirt takes the first image whose features are the wanted ones: one with keys is none for a VM without."""
    images, wanted = look.facts.firmware.images, dict(domain.firmware.features)
    fitting = [
        found
        for found in images
        if (found.secure_boot, found.enrolled_keys) == (wanted["secure-boot"], wanted["enrolled-keys"])
    ]
    if fitting:
        return holds(fitting[0].path, WHERE, domain.name)
    if not look.root.exists("/usr/share") and not images:
        return unseen("this tree has no /usr/share", WHERE, subject=domain.name)
    words = {"on": "Secure Boot and enrolled keys", "capable": "Secure Boot, without keys", "off": "no Secure Boot"}
    seen = f"{len(images)} images, none with {words[domain.firmware.secure_boot]}" if images else "none is described"
    return broken(seen, WHERE, "Install the package (Debian: ovmf).", "optimux apply", domain.name)


def _stated(look: Look, domain: DomainPlan, loader: str) -> Result:
    if look.root.exists(loader):
        return holds("there", loader, domain.name)
    if look.root.live:
        remedy = f"Correct vms.{domain.key}.firmware.loader."
        return broken("missing", loader, remedy, "optimux define CONFIG", domain.name)
    return unseen("not in this tree", loader, subject=domain.name)


@check(
    "firmware.keys",
    "Microsoft's keys of 2023 in a VM's variables, where it has keys",
    "Those of 2011 have expired: what is signed by the newer ones does not start, Windows' newer media among it.",
)
def keys(look: Look) -> Iterator[Result]:
    """What the VM's own store trusts: it is made once, of that day's image, and no update of the image renews it."""
    for domain in look.domains:
        path = variables(definition(look, domain.name)[0] or b"")
        content = look.root.data(path, MOST_STORE) if path else None
        if content is None:
            # One that is not there is made when the VM first starts.
            if path and (look.root.exists(path) or path in look.root.unseen):
                yield for_root("root's alone", path, domain.name)
            continue
        found = years(content)
        if found is None:
            yield unseen("no store of edk2's own form", path, subject=domain.name)
        elif found == (2011,):
            yield broken("the keys of 2011 alone", path, RENEW, _renewing(domain), domain.name)
        else:
            yield holds(f"keys of {' and '.join(map(str, found))}" if found else "no keys", path, domain.name)


RENEW = (
    "Let Windows Update renew them, or renew them from a newer image of OVMF while the VM is off: the TPM then "
    "measures something else, so have BitLocker's recovery key at hand."
)


def _renewing(domain: DomainPlan) -> str:
    return f"virsh start {shlex.quote(domain.name)} --reset-nvram"


def variables(document: bytes) -> str:
    """The file with the variables that a domain names; empty where it names none."""
    from optimux.errors import InvalidInput
    from optimux.patch.source import Source

    try:
        os = Source(document).root.child("os")
    except InvalidInput:
        return ""
    nvram = os.child("nvram") if os is not None else None
    return nvram.words if nvram is not None and nvram.words.startswith("/") else ""


CHECKS = (image, keys)
