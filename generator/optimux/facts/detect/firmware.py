"""The host's firmware and TPM, and the UEFI images that QEMU's descriptions name for guests."""

from __future__ import annotations

from typing import Any

from optimux.facts.detect.root import Root, clean
from optimux.facts.detect.variable_store import MOST_STORE, years
from optimux.facts.software import FirmwareFacts, FirmwareImage

# docs/interop/firmware.json of QEMU: the user's descriptions come before the distribution's.
DESCRIPTIONS = ("/etc/qemu/firmware", "/usr/share/qemu/firmware", "/run/current-system/sw/share/qemu/firmware")
MOST = 64
TPM = "/sys/class/tpm/tpm0/tpm_version_major"


def firmware(root: Root) -> FirmwareFacts:
    """What the host boots by, and what guests can."""
    version = root.text(TPM) if root.exists(TPM) else None
    programs = ("/usr/bin/swtpm", "/usr/local/bin/swtpm", "/run/current-system/sw/bin/swtpm")
    return FirmwareFacts(
        efi=root.exists("/sys/firmware/efi") if root.exists("/sys/firmware") else None,
        tpm={"2": "2.0", "1": "1.2"}.get(version or ""),
        swtpm=next((path for path in programs if root.exists(path)), None),
        images=_images(root),
    )


def _images(root: Root) -> tuple[FirmwareImage, ...]:
    described: dict[str, str] = {}
    for folder in DESCRIPTIONS:
        for name in root.names(folder)[:MOST]:
            if name.endswith(".json"):
                described.setdefault(name, f"{folder}/{name}")
    found: dict[str, FirmwareImage] = {}
    for _, path in sorted(described.items()):
        image = _image(root, path)
        if image:
            found.setdefault(image.path, image)
    return tuple(found.values())


def _image(root: Root, path: str) -> FirmwareImage | None:
    """One description, where it is of a UEFI image for q35 on x86-64; a broken one is passed over, as by libvirt."""
    import json

    try:
        data: Any = json.loads(root.text(path) or "{}")
        targets = {target["architecture"]: target["machines"] for target in data["targets"]}
        file = data["mapping"]["executable"]["filename"]
        if "uefi" not in data["interface-types"] or not any("q35" in word for word in targets["x86_64"]):
            return None
        template = data["mapping"].get("nvram-template", {}).get("filename")
        features = data.get("features", [])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    name = clean(file) if isinstance(file, str) else None
    if name is None:
        return None
    store = clean(template) if isinstance(template, str) and template.startswith("/") else None
    enrolled = "enrolled-keys" in features
    return FirmwareImage(
        path=name,
        secure_boot="secure-boot" in features,
        enrolled_keys=enrolled,
        template=store,
        keys=_years(root, store) if store and enrolled else (),
    )


def _years(root: Root, template: str) -> tuple[int, ...]:
    content = root.data(template, MOST_STORE)
    return (years(content) if content else None) or ()
