"""The one way in: nothing leads out of a root, nothing wakes a device, what cannot be read is named."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.errors import OptimuxError
from optimux.facts.detect import Root, archive, detect
from optimux.facts.detect.store import Folder
from tests.detect.test_machines import seen
from tests.detect.tree import described, link, names, plant, put

if TYPE_CHECKING:
    from optimux.facts import Facts


def packed(tree: Path, mode: str = "w") -> Path:
    """The tree as a tar beside it."""
    file = tree.with_suffix(".tar")
    with tarfile.open(file, mode) as tar:  # type: ignore[call-overload]
        tar.add(tree, arcname=".")
    return file


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_a_tar_says_what_its_tree_says(mode: str, tmp_path: Path) -> None:
    tree = plant(tmp_path / "tree", described("legion-5-pro-16ach6h"))
    assert seen(packed(tree, mode)) == seen(tree)


@pytest.mark.parametrize("name", names())
def test_nothing_wakes_a_device(name: str, tmp_path: Path) -> None:
    root = Root.at(str(plant(tmp_path, described(name))))
    detect(root)
    assert root.trace
    woken = ("config", "vpd", "rom", "current_link_speed", "resource0")
    assert [path for path in root.trace if path.rpartition("/")[2] in woken] == []


def test_reading_config_is_a_defect(tmp_path: Path) -> None:
    root = Root.at(str(plant(tmp_path, described("xps-15-9560"))))
    with pytest.raises(AssertionError, match="resumes a device"):
        root.text("/sys/bus/pci/devices/0000:01:00.0/config")
    link(tmp_path, "/sys/hidden", "bus/pci/devices/0000:01:00.0/config")
    assert root.text("/sys/hidden") is None


@pytest.mark.parametrize(("status", "read"), [("active", True), ("suspended", False)])
def test_bar_sizes_only_of_what_runs(status: str, read: bool, tmp_path: Path) -> None:
    plant(tmp_path, described("xps-15-9560"))
    device = "/sys/bus/pci/devices/0000:01:00.0"
    put(tmp_path, f"{device}/resource1_resize", "0000000000000700\n")
    put(tmp_path, f"{device}/power/runtime_status", f"{status}\n")
    root = Root.at(str(tmp_path))
    sizes = [str(size) for d in detect(root).devices for size in d.bar_sizes]
    assert sizes == (["256MiB", "512MiB", "1GiB"] if read else [])
    assert (f"{device}/resource1_resize" in root.trace) is read


@pytest.mark.parametrize(
    "target",
    ["../../../../../../../etc/hostname", "/etc/hostname", "loop", "../../../../../../../../../proc/self/root"],
)
def test_links_stay_inside(target: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sys").mkdir(parents=True)
    (tree / "sys" / "loop").symlink_to(target)
    root = Root.at(str(tree))
    assert root.text("/sys/loop") is None
    assert root.names("/sys/loop") == []
    put(tree, "/etc/hostname", "inside\n")
    assert Root.at(str(tree)).text("/sys/loop") in (None, "inside")


def test_a_linked_folder_leads_to_the_trees_own(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    put(tree, "/sys/x/file", "inside\n")
    put(tmp_path, "/sys/x/file", "outside\n")
    (tree / "a").symlink_to(f"{tmp_path}/sys")
    (tree / "b").symlink_to("../../../../../../../../sys")
    root = Root.at(str(tree))
    assert (root.text("/a/x/file"), root.text("/b/x/file")) == (None, "inside")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    root = Root.at(str(tmp_path))
    assert root.text("/pipe") is None
    assert root.unseen == {"/pipe": "not a regular file"}


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    """Of a tree that nobody looks at any more, and of one that is closed, twice."""
    tree = plant(tmp_path / "tree", described("xps-15-9560"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        detect(Root.at(str(tree)))
    store = Folder(str(tree))
    store.close()
    store.close()
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_what_may_not_be_read_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    tree = plant(tmp_path / "tree", described("xps-15-9560"))
    (tree / "sys/firmware/acpi/tables/DMAR").chmod(0)
    facts = _as_nobody(tree)
    assert [(item.path, item.reason) for item in facts.unseen] == [
        ("/sys/firmware/acpi/tables/DMAR", "Permission denied")
    ]
    assert (facts.iommu.state, facts.cpu.iommu_bits, len(facts.devices)) == ("on", None, 6)


def _as_nobody(tree: Path) -> Facts:
    """Detection under another effective user where this is root, who may read everything."""
    root = Root.at(str(tree))
    if os.geteuid():
        return detect(root)
    os.seteuid(65534)
    try:
        return detect(root)
    finally:
        os.seteuid(0)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    plant(tmp_path, described("xps-15-9560"))
    put(tmp_path, "/sys/class/dmi/id/product_name", b"caf\xe9\x1b[31m\n")
    place = os.fsencode(tmp_path) + b"/sys/bus/pci/devices/caf\xe9"
    os.mkdir(place)  # noqa: PTH102 - a name of bytes
    facts = detect(Root.at(str(tmp_path)))
    assert facts.machine.model == "caf\ufffd\ufffd[31m"
    assert len(facts.devices) == 6


def test_a_device_that_disappears(tmp_path: Path) -> None:
    plant(tmp_path, described("xps-15-9560"))
    link(tmp_path, "/sys/bus/pci/devices/0000:09:00.0", "/sys/devices/gone")
    (tmp_path / "sys/bus/pci/devices/0000:0a:00.0").mkdir()
    facts = detect(Root.at(str(tmp_path)))
    assert len(facts.devices) == 6


def test_half_a_record(tmp_path: Path) -> None:
    put(tmp_path, "/sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n")
    put(tmp_path, "/sys/bus/pci/devices/0000:02:00.0/class", "nonsense\n")
    facts = detect(Root.at(str(tmp_path)))
    assert facts.devices == ()
    assert {item.reason for item in facts.unseen} == {"no vendor, device and class that can be read"}
    (tmp_path / "empty").mkdir()
    assert detect(Root.at(str(tmp_path / "empty"))).unseen == ()


@pytest.mark.parametrize("compressed", [False, True])
def test_a_tar_bomb(compressed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(archive, "MOST_KEPT", 1 << 19)
    bomb = tmp_path / "bomb.tar"
    with tarfile.open(bomb, "w:gz" if compressed else "w") as tar:
        for index in range(4):
            member = tarfile.TarInfo(f"proc/{index}")
            member.size = 1 << 19
            tar.addfile(member, io.BytesIO(bytes(1 << 19)))
    with pytest.raises(OptimuxError, match="MiB"):
        Root.at(str(bomb))


def test_a_tar_of_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_MEMBERS", 10)
    tree = plant(tmp_path / "tree", described("vm-without-gpu"))
    with pytest.raises(OptimuxError, match="more than 10 members"):
        Root.at(str(packed(tree)))


def test_names_that_lead_out_of_a_tar(tmp_path: Path) -> None:
    file = tmp_path / "out.tar"
    with tarfile.open(file, "w") as tar:
        for name in ("../../etc/x", "/proc/y", "proc/../../z", "proc/cmdline"):
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"abc"))
    root = Root.at(str(file))
    assert root.names("/") == ["proc"]
    assert root.names("/proc") == ["cmdline", "y"]


@pytest.mark.parametrize("content", [b"", b"no tar at all" * 100, b"\x1f\x8b broken", b"BZh9 broken", bytes(100)])
def test_what_is_no_tar(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(OptimuxError, match="tar"):
        Root.at(str(tmp_path / "file"))


@pytest.mark.parametrize("path", ["", "missing", "a\0b"])
def test_what_is_not_there(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptimuxError):
        Root.at(path)


@pytest.mark.parametrize(
    ("call", "path", "code"),
    [
        ("target", "/sys/file", errno.EINVAL),
        ("target", "/sys/none", errno.ENOENT),
        ("target", "/sys/link", None),
        ("entries", "/sys/file", errno.ENOTDIR),
        ("entries", "/sys/none", errno.ENOENT),
        ("entries", "/sys", None),
        ("read", "/sys/link", errno.ELOOP),
        ("read", "/sys", errno.EISDIR),
        ("read", "/sys/none", errno.ENOENT),
        ("read", "/sys/file", None),
    ],
)
def test_a_tar_refuses_as_its_tree_does(call: str, path: str, code: int | None, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    put(tree, "/sys/file", "x")
    (tree / "sys" / "link").symlink_to("file")
    for place in (tree, packed(tree)):
        with contextlib.closing(Root.at(str(place))) as root:
            act = getattr(root.store, call)
            arguments = (path, 9) if call == "read" else (path,)
            if code is None:
                assert act(*arguments)
            else:
                with pytest.raises(OSError) as refused:  # noqa: PT011 - its number is looked at
                    act(*arguments)
                assert refused.value.errno == code


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"MOST_BYTES": (1 << 20) - 1}, "a member of more than 0 MiB"),
        ({"MOST_KEPT": (1 << 20) - 1}, "more than 0 MiB in its files"),
        ({"MOST_BYTES": 1 << 20}, "more than 1 MiB unpacked"),
        ({"MOST_MEMBERS": 0}, "more than 0 members"),
        ({"MOST_KEPT": 1 << 20, "MOST_MEMBERS": 1}, ""),
    ],
)
def test_each_bound_of_a_tar(
    limits: dict[str, int], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("proc/x")
        member.size = 1 << 20
        tar.addfile(member, io.BytesIO(bytes(1 << 20)))
    for name, most in limits.items():
        monkeypatch.setattr(archive, name, most)
    if said:
        with pytest.raises(OptimuxError, match=said):
            Root.at(str(tmp_path / "a.tar"))
    else:
        Root.at(str(tmp_path / "a.tar")).close()


@pytest.mark.parametrize(("folder", "is_one"), [("sys", True), ("proc", True), ("etc", False)])
def test_a_tree_of_no_machine(folder: str, is_one: bool, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir()
    if is_one:
        Root.of_a_machine(str(tmp_path)).close()
    else:
        with pytest.raises(OptimuxError, match="neither /sys nor /proc in it"):
            Root.of_a_machine(str(tmp_path))
