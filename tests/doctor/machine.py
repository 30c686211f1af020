"""A machine on which everything holds, as a recorded tree in a tar; a case changes some of its files.

A tar, because it can have character devices, owners and access control lists without root.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import tarfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from optimux.facts.detect import Root, detect
from optimux.facts.detect.archive import Archive, members_of
from optimux.guest.agent import AgentSilent
from optimux.guest.provisioning import Report as GuestReport
from optimux.guest.provisioning import Row
from optimux.host.doctor import Look, examine
from optimux.host.doctor.findings import Report, report_of
from optimux.options.load import read_config
from tests.detect.tree import plant
from tests.doctor.images import archive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optimux.facts.detect.archive import Member
    from optimux.facts.detect.store import Status, Store
    from optimux.host.doctor import Check, Result

GUEST = "the guest's agent"  # not a file: what it says
HERE = Path(__file__).parent
CONFIG = HERE / "optimux.toml"


class Guarded:
    """A store of which some paths are root's alone."""

    def __init__(self, store: Store, hidden: Iterable[str]) -> None:
        self._store, self._hidden = store, tuple(hidden)

    def kind(self, path: str) -> str:
        return self._seen(path).kind(path)

    def status(self, path: str) -> Status:
        return self._seen(path).status(path)

    def target(self, path: str) -> str:
        return self._seen(path).target(path)

    def entries(self, path: str) -> list[str]:
        return self._opened(path).entries(path)

    def read(self, path: str, limit: int) -> bytes:
        return self._opened(path).read(path, limit)

    def _seen(self, path: str) -> Store:
        if any(path.startswith(f"{hidden}/") for hidden in self._hidden):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return self._store

    def _opened(self, path: str) -> Store:
        if path in self._hidden:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return self._seen(path)


class Node:
    """A member that is more than text: its type, mode, owner, group, and headers of its own."""

    def __init__(
        self,
        kind: bytes = tarfile.CHRTYPE,
        mode: int = 0o660,
        uid: int = 0,
        gid: int = 0,
        acl: str = "",
        label: str = "",
        text: str = "",
        modified: int = 0,
    ) -> None:
        self.kind, self.mode, self.uid, self.gid, self.text = kind, mode, uid, gid, text
        self.modified = modified
        self.headers = {"SCHILY.acl.access": acl, "RHT.security.selinux": label}


HIDDEN = Node(tarfile.REGTYPE, 0)  # what is there and only root may look at; a folder where something lies beneath
Change = str | bytes | Node | None
Members = dict[str, Change]


@cache
def planted() -> tuple[tuple[str, tarfile.TarInfo, bytes], ...]:
    """The machine's tree as members of a tar, from ``machine.toml`` and its files."""
    import tomllib

    described = tomllib.loads((HERE / "machine.toml").read_text(encoding="utf-8"))
    with TemporaryDirectory() as scratch:
        plant(Path(scratch), described)
        memory, found = io.BytesIO(), []
        with tarfile.open(fileobj=memory, mode="w") as tar:
            tar.add(scratch, arcname="", filter=_in_whole_seconds)
        memory.seek(0)
        with tarfile.open(fileobj=memory) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isreg() else None
                found.append((f"/{member.name}", member, file.read() if file else b""))
    return tuple(found)


def _in_whole_seconds(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A fraction would take a header of its own, and as long to write and to read as the member."""
    member.mtime = int(member.mtime)
    return member


@cache
def _blocks() -> dict[str, bytes]:
    """The planted members as they stand in a tar."""
    return {name: _packed(member, data) for name, member, data in planted()}


def _packed(member: tarfile.TarInfo, data: bytes) -> bytes:
    return member.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)


IMAGE = "/boot/initrd.img-6.12.41+deb13-amd64"
NODES: Members = {
    "/dev/kvm": Node(gid=104, mode=0o666),
    "/dev/kvmfr0": Node(gid=104, acl="user::rw-,user:1000:rw-,group::rw-,mask::rw-,other::---"),
    "/dev/null": Node(mode=0o666),
    IMAGE: gzip.compress(archive("usr/lib/modules/6.12/vfio-pci.ko.xz", "etc/modprobe.d/optimux.conf")),
}


@cache
def of_the_plan() -> Members:
    """What the configuration puts on the machine, as apply and define would."""
    import tempfile

    from optimux.emit.artifact import HostFile, HostLines
    from optimux.emit.domain_xml import domain_xml
    from optimux.emit.host import host_entries
    from optimux.emit.merge import merged
    from optimux.host.doctor.findings import plan_on

    with tempfile.TemporaryDirectory() as scratch:
        facts = detect(Root.at(_write(Path(scratch), NODES)))
    plan, problems = plan_on(read_config(str(CONFIG)), facts)
    assert problems == ()
    found: Members = {"/etc/libvirt/qemu/win11.xml": domain_xml(plan.domains[0])}
    for entry in host_entries(plan):
        if isinstance(entry, HostFile):
            found[entry.path] = entry.data
        elif isinstance(entry, HostLines) and entry.path != "/etc/libvirt/qemu.conf":
            found[entry.path] = merged("", entry)
    return found


def tree(place: Path, changes: Mapping[str, Change] | None = None) -> str:
    """Write the tar with the changes: new content, a node, or ``None`` for what is missing with all beneath it."""
    return _write(place, _changed(changes or {}))


def store(place: Path, changes: Mapping[str, Change]) -> Archive:
    """What is read of such a tar. The hundreds of members that no case changes are read of one once."""
    changed = _changed(changes)
    gone = _gone(changed)
    kept = (member for member in _members() if member.path not in changed)
    new = members_of(_tar(place, _blocks_of(changed).values()))
    return Archive(member for member in (*kept, *new) if not member.path.startswith(gone))


def _changed(changes: Mapping[str, Change]) -> Members:
    changed = {**NODES, **of_the_plan(), **changes}
    there = {*(name for name, _, _ in planted()), *changed}
    folders = {name for name, content in changed.items() if content is HIDDEN and _is_folder(name, there)}
    return {name: content for name, content in changed.items() if name not in folders}


def _is_folder(path: str, there: Iterable[str]) -> bool:
    return any(name.startswith(f"{path}/") for name in there)


def _gone(changed: Mapping[str, Change]) -> tuple[str, ...]:
    return tuple(f"{path}/" for path, content in changed.items() if content is None)


def _write(place: Path, changed: Mapping[str, Change]) -> str:
    blocks = {name: block for name, block in _blocks().items() if name not in changed}
    blocks |= _blocks_of(changed)
    gone = _gone(changed)
    return _tar(place, (block for name, block in blocks.items() if not name.startswith(gone)))


def _blocks_of(changed: Mapping[str, Change]) -> dict[str, bytes]:
    return {name: _packed(*_member(name, content)) for name, content in changed.items() if content is not None}


def _tar(place: Path, blocks: Iterable[bytes]) -> str:
    path = place / "machine.tar"
    path.write_bytes(b"".join((*blocks, bytes(2 * tarfile.BLOCKSIZE))))
    return str(path)


@cache
def _members() -> tuple[Member, ...]:
    with TemporaryDirectory() as scratch:
        return tuple(members_of(_tar(Path(scratch), _blocks().values())))


def _member(name: str, content: str | bytes | Node) -> tuple[tarfile.TarInfo, bytes]:
    node = content if isinstance(content, Node) else Node(tarfile.REGTYPE, 0o644)
    data = node.text if isinstance(content, Node) else content
    raw = data.encode() if isinstance(data, str) else data
    info = tarfile.TarInfo(name.lstrip("/"))
    info.type, info.mode, info.uid, info.gid = node.kind, node.mode, node.uid, node.gid
    if node.kind == tarfile.SYMTYPE:
        info.linkname, raw = node.text, b""
    info.size = len(raw)
    info.mtime = node.modified
    info.pax_headers = {key: value for key, value in node.headers.items() if value}
    return info, raw


def link(target: str) -> Node:
    """A symbolic link."""
    return Node(tarfile.SYMTYPE, 0o777, text=target)


def config(place: Path, *edits: tuple[str, str]) -> str:
    """The configuration with words replaced; each must be there."""
    text = CONFIG.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    path = place / "optimux.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def report(
    place: Path,
    changes: Mapping[str, Change] | None = None,
    edits: Iterable[tuple[str, str]] = (),
    *,
    previous: bool = False,
    vm: str | None = None,
) -> Report:
    """What the whole of ``doctor`` finds on the changed machine."""
    return report_of(config(place, *edits), vm, tree(place, changes), previous=previous)


def results_of(
    check: Check, place: Path, changes: Mapping[str, Change] | None = None, edits: Iterable[tuple[str, str]] | None = ()
) -> tuple[Result, ...]:
    """What one check finds on the changed machine, by a plan that fits it; without one where ``edits`` is ``None``."""
    from optimux.host.doctor.findings import plan_on

    changes = dict(changes or {})
    said = changes.pop(GUEST, None)
    hidden = (path for path, content in changes.items() if content is HIDDEN)
    root = Root(Guarded(store(place, changes), hidden))
    facts = detect(root)
    plan = None if edits is None else plan_on(read_config(config(place, *edits)), facts)[0]
    return examine(Look(root, facts, plan, ask=(lambda name: guest(said)) if isinstance(said, str) else None), [check])


def guest(said: str) -> GuestReport:
    """A guest's report of lines: a step, its outcome and what was found, or a problem code and a device."""
    if not said:
        raise AgentSilent("nobody answers")
    words = [line.split(" ", 2) for line in said.splitlines()]
    rows = tuple(Row(step, outcome, found, "") for step, outcome, found in words if step != "device")
    devices = tuple((name, name, int(code)) for step, code, name in words if step == "device")
    return GuestReport("win11", "b7", 0, "", "", rows, devices)
