"""The TPM, which Windows 11 asks for."""

from __future__ import annotations

from optimux.emit.domain_xml.devices import tpm as elements
from optimux.patch.draft import Draft, describe


def tpm(draft: Draft) -> None:
    """One is added where none is; one that is there stays, for it may hold the keys of the guest's disks."""
    present = draft.devices.child("tpm")
    for element in elements(draft.plan.tpm):
        if present is None:
            draft.insert(draft.devices, element, "Windows 11 asks for a TPM")
        else:
            draft.leave(describe(present), "a TPM may hold the keys of the guest's disks")
