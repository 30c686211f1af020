"""The memory balloon, which costs time and gains nothing with passed devices."""

from __future__ import annotations

from optimux.emit.xml import element
from optimux.patch.draft import Draft


def memballoon(draft: Draft) -> None:
    """``<memballoon model='none'/>``, unless the configuration asks for one."""
    wanted = "virtio" if draft.plan.memballoon else "none"
    node = draft.devices.child("memballoon")
    why = "VFIO pins all memory" if wanted == "none" else "the configuration asks for a balloon"
    if node is None:
        draft.insert(draft.devices, element("memballoon", model=wanted), why)
        return
    if wanted == "virtio":
        if node.get("model") == "none":
            draft.set(node, "model", wanted, why)
        return
    draft.set(node, "model", "none", why)
    for name in [name for name in node.attributes if name != "model"]:
        draft.unset(node, name, "there is no balloon")
    for child in tuple(node.children):
        draft.remove(child, "there is no balloon")
