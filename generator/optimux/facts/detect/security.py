"""Security modules, Secure Boot, lockdown: what decides whether QEMU may open a node and the kernel take a module."""

from __future__ import annotations

from optimux.declare import Choice
from optimux.declare.values import SecurityModule
from optimux.facts.detect.root import Root, clean
from optimux.facts.detect.words import known
from optimux.facts.software import Lockdown, SecurityFacts, SelinuxMode

EFI = "/sys/firmware/efi"
GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
SHIM = "605dab50-e046-4300-abb6-3dd810dd8b23"
# Where DKMS, Ubuntu's shim-signed and Fedora's akmods keep the key that they sign with.
KEYS = ("/var/lib/dkms/mok.pub", "/var/lib/shim-signed/mok/MOK.der", "/etc/pki/akmods/certs/public_key.der")


def security(root: Root) -> SecurityFacts:
    """What the kernel and the firmware enforce."""
    modules = (root.text("/sys/kernel/security/lsm") or "").split(",")
    return SecurityFacts(
        modules=tuple(word for word in (clean(word, 64) for word in modules[:32]) if word),
        selinux=known(Choice(SelinuxMode), _selinux(root)),
        lockdown=known(Choice(Lockdown), _chosen(root.text("/sys/kernel/security/lockdown"))),
        secure_boot=_secure_boot(root),
        own_key=_own_key(root),
    )


def _selinux(root: Root) -> str | None:
    enforce = root.text("/sys/fs/selinux/enforce")
    return {"1": "enforcing", "0": "permissive"}.get(enforce or "")


def _chosen(text: str | None) -> str | None:
    """The word in brackets."""
    return (text or "").partition("[")[2].partition("]")[0] or None


def _secure_boot(root: Root) -> bool | None:
    """Four bytes of attributes, then the value; without UEFI there is none."""
    if not root.exists(EFI):
        return False if root.exists("/sys/firmware") else None
    data = root.data(f"{EFI}/efivars/SecureBoot-{GLOBAL}", 16)
    return data[4] == 1 if data and len(data) > 4 else None


def _own_key(root: Root) -> bool | None:
    """Whether the certificate stands in the list that shim hands to the kernel."""
    keys = [data for path in KEYS if root.exists(path) and (data := root.data(path, 1 << 16))]
    path = f"{EFI}/efivars/MokListRT-{SHIM}"
    enrolled = root.data(path) if root.exists(path) else None
    return any(key in enrolled for key in keys) if keys and enrolled is not None else (False if keys else None)


def confines_qemu(root: Root, facts: SecurityFacts) -> SecurityModule | None:
    """The module that confines guests; ``None`` where the kernel does not say which it has."""
    if facts.selinux:
        return "selinux"
    if "apparmor" in facts.modules or root.text("/sys/module/apparmor/parameters/enabled") == "Y":
        return "apparmor"
    return "none" if facts.modules else None
