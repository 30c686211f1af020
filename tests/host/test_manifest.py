"""The manifest, the tree beside it and INSTALL.md, followed to the letter."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimux.acpi.battery import battery_table
from optimux.emit.artifact import HostCommand, HostFile, HostLines
from optimux.emit.bundle import bundle
from optimux.emit.host import host_entries
from optimux.emit.manifest import MANIFEST, host_artifacts, source
from tests.host.plans import plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.consumers.roots import Root
    from optimux.plan.model import Plan

OURS = re.compile(r"/etc/|/usr/lib/dracut/modules\.d/90optimux/|/var/lib/libvirt/acpi/")
HOSTS: list[dict[str, Any]] = [
    {"distribution": "debian"},
    {"distribution": "debian", "initramfs": "dracut", "bootLoader": "systemd-boot"},
    {"distribution": "debian", "libvirtVersion": "9.0", "qemuVersion": "7.2"},
    {"distribution": "arch"},
    {"distribution": "arch", "initramfs": "booster", "bootLoader": "systemd-boot"},
    {"distribution": "fedora"},
]
EVERYTHING = {"user": "alice", "scream": {"enable": True}}


def _plans() -> Iterator[Plan]:
    for host in HOSTS:
        for bind in ("id", "address", "on-demand"):
            for memory in ("kvmfr", "shm"):
                if (bind, host.get("initramfs")) != ("address", "booster"):
                    yield plan(host=host, gpu={"bind": bind}, lookingGlass={**EVERYTHING, "memory": memory})


PLANS = list(_plans())


def _bundle(planned: Plan) -> dict[str, bytes]:
    return {artifact.path: artifact.content for artifact in host_artifacts(planned, host_entries(planned))}


def _install_md(planned: Plan) -> str:
    return _bundle(planned)["INSTALL.md"].decode()


def _entries(planned: Plan) -> list[dict[str, Any]]:
    manifest = json.loads(_bundle(planned)[MANIFEST])
    assert manifest["version"] == 1
    entries: list[dict[str, Any]] = manifest["entries"]
    return entries


@pytest.mark.parametrize("planned", PLANS)
def test_the_manifest_describes_the_tree(planned: Plan) -> None:
    made, entries = _bundle(planned), _entries(planned)
    sources = {entry["source"]: entry for entry in entries if entry["kind"] == "file"}
    assert set(made) == {*sources, MANIFEST, "INSTALL.md"}
    for path, entry in sources.items():
        assert entry["sha256"] == hashlib.sha256(made[path]).hexdigest()
        assert f"host{entry['path']}" == path
    for entry in entries:
        assert entry["purpose"]
        assert entry["kind"] == "command" or (
            entry["mode"] in ("0600", "0644", "0755") and entry["owner"] == "root:root"
        )
    assert [entry["kind"] for entry in entries].count("lines") == sum(
        isinstance(e, HostLines) for e in host_entries(planned)
    )


@pytest.mark.parametrize("planned", PLANS)
def test_every_file_is_ours_and_says_so(planned: Plan) -> None:
    written = [entry for entry in host_entries(planned) if isinstance(entry, HostFile)]
    assert len({entry.path for entry in written}) == len(written)
    users = {entry.path for entry in host_entries(planned) if isinstance(entry, HostLines)}
    for entry in written:
        assert OURS.match(entry.path)
        assert re.search(r"optimux|kvmfr|looking-glass-client", entry.path)
        assert entry.path not in users
        assert isinstance(entry.content, bytes) or "Written by Optimux" in "".join(entry.content.splitlines()[:2])
        assert (entry.mode == 0o755) == (entry.data.startswith(b"#!") and "/initcpio/" not in entry.path)


@pytest.mark.parametrize("planned", PLANS)
def test_commands_come_once_and_after_what_they_read(planned: Plan) -> None:
    entries = host_entries(planned)
    commands = [entry for entry in entries if isinstance(entry, HostCommand)]
    assert len({command.command for command in commands}) == len(commands)
    rebuild = next((c for c in commands if c.purpose.startswith("rebuilds")), None)
    if planned.host.early_modules:
        assert rebuild is entries[-1]
    first = [isinstance(entry, HostCommand) and entry.first for entry in entries]
    assert first == sorted(first, reverse=True)


def test_the_same_plan_gives_the_same_bytes() -> None:
    assert _bundle(plan(host=HOSTS[0])) == _bundle(plan(host=HOSTS[0]))


def test_nixos_takes_it_from_its_module() -> None:
    assert host_entries(plan(host={"distribution": "nixos"})) == []


def test_batteries_lie_where_the_domains_look() -> None:
    path = "/var/lib/libvirt/acpi/shared.aml"
    vm = {"gpu": "card", "memory": "8GiB", "battery": {"path": path}}
    planned = plan(vms={"a": vm, "b": vm, "c": {"memory": "1GiB", "battery": {"enable": False}}})
    (entry,) = (entry for entry in host_entries(planned) if isinstance(entry, HostFile) and entry.path == path)
    battery = planned.domains[0].battery
    assert battery is not None
    assert entry.content == battery_table(battery)


@pytest.mark.parametrize("path", ["/a/../b", "/./a", "a", "//a", "/a/"])
def test_no_entry_leaves_the_tree(path: str) -> None:
    with pytest.raises(ValueError, match="no plain absolute path"):
        source(HostFile(path, "", "test"))


PATHS = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\"'/,:"), min_size=1, max_size=20
)


@settings(max_examples=60, deadline=None)
@given(PATHS.filter(lambda name: name.strip(".")))
def test_names_stay_names_in_install_md(name: str) -> None:
    path = f"/srv/{name}/x.aml"
    vm = {"gpu": "card", "memory": "8GiB", "battery": {"path": path}}
    text = _install_md(plan(host={"securityModule": "none"}, vms={"a": vm}))
    (line,) = (line for line in text.splitlines() if line.startswith("install ") and "/srv/" in line)
    assert shlex.split(line)[-2:] == [f"host{path}", path]


def _section(text: str, title: str) -> str:
    """The commands below a heading."""
    block = text.split(f"\n## {title}\n")[1].split("```sh\n")[1]
    return block.split("```")[0]


def test_install_md_installs(trixie: Root) -> None:
    """Its own words, run by root in a real Debian."""
    odd = {"gpu": "card", "memory": "8GiB", "battery": {"path": "/var/lib/libvirt/acpi/a $(touch pwned);b.aml"}}
    planned = plan(gpu={"bind": "address"}, lookingGlass={"user": "games"}, vms={"odd": odd})
    made = _bundle(planned)
    text = made["INSTALL.md"].decode()
    with trixie.session() as session:
        for path, content in made.items():
            session.put(f"/bundle/{path}", content)
        session.run(["sh", "-eu"], input=f"cd /bundle\n{_section(text, 'Copy')}")
        for entry in _entries(planned):
            if entry["kind"] == "file":
                assert hashlib.sha256(session.read(entry["path"])).hexdigest() == entry["sha256"]
                shown = session.run(["stat", "-c", "0%a %U:%G", entry["path"]]).stdout.strip()
                assert shown == f"{entry['mode']} {entry['owner']}"
        assert session.run(["find", "/bundle", "-name", "pwned"]).stdout == ""
        assert "update-initramfs -u -k all" in _section(text, "Run")


def test_install_md_says_what_selinux_needs() -> None:
    fedora = {"distribution": "fedora"}
    assert "ausearch" in _install_md(plan(host=fedora))
    assert "`svirt_image_t`" in _install_md(plan(host=fedora))
    assert "ausearch" not in _install_md(plan(host=fedora, lookingGlass={"memory": "shm"}))
    assert "ausearch" not in _install_md(plan())


@pytest.mark.parametrize("planned", PLANS)
def test_both_say_what_they_were_planned_for(planned: Plan) -> None:
    host = planned.host.platform
    stated = json.loads(_bundle(planned)[MANIFEST])["plannedFor"]
    expected = {"libvirt": str(host.libvirt), "qemu": str(host.qemu), "kernel": str(host.kernel)}
    assert stated == {"distribution": host.distribution, **expected}
    name = host.distribution.capitalize()
    line = f"Planned for {name}: libvirt {host.libvirt}, QEMU {host.qemu}, Linux {host.kernel}."
    assert line in _install_md(planned).splitlines()


def test_stated_versions_are_the_planned_ones() -> None:
    text = _install_md(plan(host={"libvirtVersion": "9.0", "qemuVersion": "7.2", "kernelVersion": "6.1"}))
    assert "Planned for Debian: libvirt 9.0, QEMU 7.2, Linux 6.1." in text
    assert "libvirt 11.3" not in text


@pytest.mark.parametrize("planned", PLANS)
def test_a_person_is_told_what_an_anchor_matches(planned: Plan) -> None:
    """The words for files that hold settings of the user's are the emitters' own, none is the general one."""
    general = HostLines("/x", (), None, "test").how
    text = _install_md(planned)
    for entry in host_entries(planned):
        if isinstance(entry, HostLines):
            assert (entry.how == general) == (entry.anchor is None), entry.path
            assert f"In `{entry.path}`, {entry.how}:\n" in text


@pytest.mark.parametrize("distribution", ["arch", "fedora"])
def test_grubs_words_keep_the_users_own_setting(distribution: str) -> None:
    """Followed literally, on a file whose own setting the machine needs to boot."""
    planned = plan(host={"distribution": distribution, "bootLoader": "grub"})
    instruction, block = _install_md(planned).split("In `/etc/default/grub`, ")[1].split(":\n", 1)
    append, replace = instruction.split("; ")
    assert append == "append at the end of the file"
    (ending,) = re.findall(r"replace only an earlier line that ends in `(.*)`, never your own", replace)
    ours = block.split("```\n")[1]
    user = 'GRUB_CMDLINE_LINUX_DEFAULT="cryptdevice=UUID=1:root"\n'
    once = user + ours
    again = [line for line in once.splitlines() if not line.endswith(ending)] + [ours]
    for text in (once, "\n".join(again)):
        script = f'{text}\nprintf %s "$GRUB_CMDLINE_LINUX_DEFAULT"'
        seen = subprocess.run(["sh", "-eu"], input=script, capture_output=True, text=True, check=True, timeout=30)
        assert seen.stdout.split() == ["cryptdevice=UUID=1:root", "intel_iommu=on", "iommu=pt"]


def test_the_vms_are_defined_by_their_own_files() -> None:
    vms = {"one": {"gpu": "card", "memory": "8GiB"}, "two": {"gpu": "card", "memory": "1GiB"}}
    planned = plan(lookingGlass={"user": "alice"}, vms=vms)
    text = _install_md(planned)
    files = re.findall(r"^virsh --connect qemu:///system define (\S+)$", text, re.MULTILINE)
    assert files == [artifact.path for artifact in bundle(planned) if artifact.path.startswith("domains/")]
    assert len(files) == 2
    assert "usermod -aG libvirt alice\n" in text
    assert "NAME.xml" not in text


def test_without_vms_nothing_is_defined() -> None:
    text = _install_md(plan(vms={}))
    assert " define " not in text
    assert "-aG libvirt" not in text
