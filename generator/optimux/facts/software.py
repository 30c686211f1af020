"""What is installed and in use: distribution, boot, security, Looking Glass' module, tools that write the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import BOOT_LOADER, INITRAMFS, TEXT

if TYPE_CHECKING:
    from optimux.declare.values import BootLoader, Initramfs


class Os(Declared):
    id: str | None = option("id", TEXT, default=None, doc="ID of os-release.", example="fedora")
    id_like: tuple[str, ...] = option("idLike", ListOf(TEXT), default=(), doc="ID_LIKE, in its order.")
    name: str | None = option("name", TEXT, default=None, doc="PRETTY_NAME.")
    version_id: str | None = option("versionId", TEXT, default=None, doc="VERSION_ID.")
    variant_id: str | None = option("variantId", TEXT, default=None, doc="VARIANT_ID.")
    image_based: bool = option("imageBased", Bool(), default=False, doc="Whether an image was booted (ostree, bootc).")


class Seen(Declared):
    name: str = option("name", TEXT, doc="What it is.")
    evidence: str = option("evidence", TEXT, doc="The file that shows it.")


class SeenInitramfs(Declared):
    name: Initramfs = option("name", INITRAMFS, doc="The tool.")
    evidence: str = option("evidence", TEXT, doc="The file that shows it.")


class SeenLoader(Declared):
    name: BootLoader = option("name", BOOT_LOADER, doc="The boot loader, or what writes its entries.")
    evidence: str = option("evidence", TEXT, doc="The file that shows it.")


class BootFacts(Declared):
    initramfs: tuple[SeenInitramfs, ...] = option(
        "initramfs",
        ListOf(Table(SeenInitramfs)),
        default=(),
        doc="Each tool that builds initramfs images here: mkinitcpio, dracut, initramfs-tools, booster. More than one, "
        "or none, settles nothing.",
    )
    loaders: tuple[SeenLoader, ...] = option(
        "loaders",
        ListOf(Table(SeenLoader)),
        default=(),
        doc="Each boot loader that shows itself; the one that firmware started comes first.",
    )
    kernel_param_files: tuple[str, ...] = option(
        "kernelParamFiles", ListOf(TEXT), default=(), doc="Where kernel parameters live, as far as it is there."
    )
    cmdline_drop_ins: tuple[str, ...] | None = option(
        "cmdlineDropIns",
        ListOf(TEXT),
        default=None,
        doc="Files in /etc/cmdline.d but for Optimux' own, where mkinitcpio makes unified images and so reads them; "
        "null: nothing reads them.",
    )


SelinuxMode = Literal["enforcing", "permissive", "disabled"]
Lockdown = Literal["none", "integrity", "confidentiality"]


class SecurityFacts(Declared):
    modules: tuple[str, ...] = option("modules", ListOf(TEXT), default=(), doc="The kernel's security modules.")
    selinux: SelinuxMode | None = option("selinux", Choice(SelinuxMode), default=None, doc="SELinux' mode.")
    lockdown: Lockdown | None = option("lockdown", Choice(Lockdown), default=None, doc="The kernel's lockdown.")
    secure_boot: bool | None = option("secureBoot", Bool(), default=None, doc="Whether firmware checks signatures.")
    own_key: bool | None = option(
        "ownKey",
        Bool(),
        default=None,
        doc="Whether a key that DKMS or akmods signs with is enrolled; null: none found.",
    )


KvmfrState = Literal["loaded", "installed", "packaged", "missing"]


class KvmfrFacts(Declared):
    state: KvmfrState | None = option("state", Choice(KvmfrState), default=None, doc="How near the module is.")
    evidence: str | None = option("evidence", TEXT, default=None, doc="What shows it.")
    sizes: tuple[int, ...] = option("sizes", ListOf(Int()), default=(), doc="Sizes of its devices.", unit="MiB")
    devices: tuple[str, ...] = option("devices", ListOf(TEXT), default=(), doc="Its device nodes.")
    false_devices: tuple[str, ...] = option(
        "falseDevices", ListOf(TEXT), default=(), doc="Regular files at the place of a device, as QEMU makes them."
    )


class FirmwareImage(Declared):
    path: str = option("path", TEXT, doc="The image for QEMU.")
    secure_boot: bool = option("secureBoot", Bool(), default=False, doc="Whether it can check signatures.")
    enrolled_keys: bool = option("enrolledKeys", Bool(), default=False, doc="Whether Microsoft's keys are in it.")
    template: str | None = option("template", TEXT, default=None, doc="The template of its variable store.")
    keys: tuple[int, ...] = option(
        "keys",
        ListOf(Int(2000, 2100)),
        default=(),
        doc="The years of Microsoft's keys in the template, as far as seen.",
    )


TPM = Text("[12](\\.[0-9])?", "a version such as 2.0")


class FirmwareFacts(Declared):
    efi: bool | None = option("efi", Bool(), default=None, doc="Whether the host booted by UEFI.")
    tpm: str | None = option("tpm", TPM, default=None, doc="The version of the host's TPM.")
    swtpm: str | None = option("swtpm", TEXT, default=None, doc="The program that emulates one.")
    images: tuple[FirmwareImage, ...] = option(
        "images", ListOf(Table(FirmwareImage)), default=(), doc="UEFI images for x86-64 guests."
    )


AudioServer = Literal["pipewire", "pulseaudio"]


class SessionFacts(Declared):
    audio: AudioServer | None = option("audio", Choice(AudioServer), default=None, doc="What plays sound.")
