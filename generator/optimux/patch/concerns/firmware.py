"""Firmware and SMBIOS strings: only what is stated."""

from __future__ import annotations

from optimux.emit.domain_xml.platform import sysinfo
from optimux.emit.xml import element, yes_no
from optimux.patch.concerns.stated import WHY, Handler, child_of, put, run
from optimux.patch.draft import Draft
from optimux.patch.node import Node, new_node

_RENEW = f"{WHY}; the variables that are there stay: virsh start --reset-nvram renews them"
_BIOS = "the domain starts by BIOS, and a system that was installed so does not start by UEFI"


def firmware(draft: Draft) -> None:
    """Secure Boot, and the paths of an explicit image."""
    given = draft.machine.firmware_argument
    if given is None:
        run(draft, _FIRMWARE)
        return
    for key in filter(draft.states, _FIRMWARE):
        draft.unpatched(key, f"the argument {given} gives the firmware")


def _os(draft: Draft) -> Node:
    return draft.ensure(draft.root, "os")


def _secure_boot(draft: Draft) -> None:
    os = _os(draft)
    wanted = draft.plan.firmware
    if os.get("firmware") != "efi":
        if os.child("loader") is not None:
            draft.unpatched("firmware.secureBoot", "the domain names its firmware image: name another loader")
        else:
            draft.unpatched("firmware.secureBoot", _BIOS)
        return
    block, before = draft.ensure(os, "firmware"), len(draft.changes)
    for name, on in wanted.features:
        put(draft, block, element("feature", enabled=yes_no(on), name=name), _RENEW, by=("name",))
    if len(draft.changes) > before:
        _let_libvirt_choose(draft, os)
    if wanted.secure_boot != "off":
        why = "Secure Boot's firmware needs it"
        put(draft, draft.ensure(draft.root, "features"), element("smm", state="on"), why)


def _let_libvirt_choose(draft: Draft, os: Node) -> None:
    """libvirt writes the image that it chose beside the wish; the old choice would contradict the new wish."""
    if (loader := os.child("loader")) is not None:
        draft.remove(loader, "it is the image of the earlier wish; libvirt chooses anew")
    if (nvram := os.child("nvram")) is not None:
        for name in ("template", "templateFormat"):
            draft.unset(nvram, name, "it is the template of the earlier image")


def _path(key: str, tag: str, attribute: str | None) -> Handler:
    def handler(draft: Draft) -> None:
        planned = draft.plan.firmware
        value = {"loader": planned.loader, "nvramTemplate": planned.nvram_template, "nvram": planned.nvram}[key]
        present = _os(draft).child(tag)
        if value is None:
            return
        if present is None and tag == "loader":
            draft.unpatched("firmware.loader", "libvirt chooses the image: leave firmware='efi' or edit the domain")
        elif present is None:
            attributes = {"template": value} if attribute else {}
            draft.insert(_os(draft), element(tag, text=None if attribute else value, **attributes), WHY)
        elif attribute:
            draft.set(present, attribute, value, WHY)
        else:
            draft.set_text(present, value, WHY)

    return handler


_FIRMWARE: dict[str, Handler] = {
    "firmware.secureBoot": _secure_boot,
    "firmware.loader": _path("loader", "loader", None),
    "firmware.nvramTemplate": _path("nvramTemplate", "nvram", "template"),
    "firmware.nvram": _path("nvram", "nvram", None),
}


def smbios(draft: Draft) -> None:
    """The mode, and each string by its name; strings that nothing speaks of stay."""
    planned = draft.plan.smbios
    if planned is None or not draft.states("smbios"):
        return
    put(draft, _os(draft), element("smbios", mode=planned.mode))
    built = sysinfo(planned)
    if built is not None:
        _strings(draft, new_node(built))


def _is_domains(draft: Draft, uuid: str) -> bool:
    node = draft.root.child("uuid")
    return node is not None and node.words.lower() == uuid.lower()


def _strings(draft: Draft, wanted: Node) -> None:
    present = draft.root.child("sysinfo", type_="smbios")
    if present is None:
        present = draft.add(draft.root, Node("sysinfo", "sysinfo", "", {"type": "smbios"}))
        draft.did("added <sysinfo>", WHY)
    for block in wanted.children:
        into = draft.ensure(present, block.local)
        for entry in block.children:
            if (block.local, entry.get("name")) == ("system", "uuid") and not _is_domains(draft, entry.words):
                draft.unpatched("smbios.system.uuid", "libvirt wants the domain's own UUID there")
                continue
            same = into.child("entry", name=entry.get("name"))
            if same is None:
                draft.add(into, child_of(entry))
                draft.did(f"added <entry> {block.local}.{entry.get('name')}", WHY)
            else:
                draft.set_text(same, entry.words, WHY)
