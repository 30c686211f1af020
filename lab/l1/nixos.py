"""A machine with the settings of an evaluated NixOS node, on the Debian root.

What NixOS makes of its options is made here of the same values: modprobe.d and modules-load.d in both stages, kernel
parameters, udev's rules, tmpfiles, qemu.conf, groups, units. Stage 1 is dracut's with systemd, as NixOS' is systemd's.
What it is not: NixOS' own scripts that turn options into files, its kernel, its libvirt and its QEMU.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.l1.configs import USER
from lab.l1.guest import put_guest, told_of
from lab.l1.image import BUILD_SECONDS, RIVALS, Boot, build_image, link, put_all, release_of
from lab.l1.saved import Making
from lab.l1.store import THERE
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lab.consumers.roots import Root
    from lab.consumers.session import Session
    from lab.l1.store import Store

_STAGE_1 = "/stage-1"  # becomes the root of the initramfs
_DRACUT_MODULES = "base systemd systemd-initrd systemd-modules-load systemd-udevd rootfs-block fs-lib"
_DISK_DRIVERS = ("virtio_pci", "virtio_blk", "ext4")
_LISTS = {
    "after": "After",
    "before": "Before",
    "requires": "Requires",
    "wants": "Wants",
    "conflicts": "Conflicts",
    "partOf": "PartOf",
}


class System(Record):
    """A node: its settings as the stand-in's toplevel has them, and the store that they refer to, as in the machine."""

    settings: dict[str, Any]
    store: Store


def read_system(toplevel: Path, store: Store) -> System:
    """``store`` holds what a script refers to as well."""
    return System(json.loads(store.text(toplevel.read_text(encoding="utf-8"))), store)


def nixos_machine(name: str, root: Root, system: System, modules: Callable[[], Mapping[str, str | bytes]]) -> Making:
    """The root with the settings of ``system``; ``modules`` gives those of its packages."""
    wanted = modules() if system.settings["boot"]["extraModulePackages"] else {}

    def settle(session: Session) -> Boot:
        session.run(["sh", "-c", f"mkdir -p {THERE} && cp -r --preserve=mode /store/. {THERE}"])
        put_all(session, {**_files(system), **wanted})
        put_guest(session, root)
        _users(session, system.settings)
        for name, unit in system.settings["everything"]["systemd"]["services"].items():
            if unit["enable"]:
                _unit(session, "", name, unit)
        return Boot(_initramfs(session, system), _parameters(system.settings["boot"]))

    source, settings = Path(__file__).read_text(encoding="utf-8"), system.settings
    inputs = (source, *told_of(root), settings, system.store.names, sorted(wanted.items()))
    binds = {system.store.folder: "/store"}
    return Making(name, root, inputs, lambda folder: build_image(root, folder, settle, binds))


def _files(system: System) -> dict[str, str | bytes]:
    """What NixOS writes for the options, where Debian looks for it."""
    settings, here = system.settings, system.store.here
    boot, everything = settings["boot"], settings["everything"]
    qemu = 'user = "root"\ngroup = "root"\n'  # libvirtd.qemu.runAsRoot
    tmpfiles = everything["systemd"]["tmpfiles"]
    of_tmpfiles, of_udev = (map(here, each["packages"]) for each in (tmpfiles, everything["services"]["udev"]))
    return {
        "/etc/modprobe.d/nixos.conf": _modprobe(boot),
        "/etc/modules-load.d/nixos.conf": _lines(boot["kernelModules"]),
        "/etc/tmpfiles.d/nixos.conf": _tmpfiles(tmpfiles["settings"]),
        **{f"/etc/tmpfiles.d/{file.name}": file.read_bytes() for file in _below(of_tmpfiles, "*.conf")},
        # Debian's libvirtd reads the first, NixOS' the second, at which the units look.
        "/etc/libvirt/qemu.conf": qemu + settings["libvirtd"]["qemu"]["verbatimConfig"],
        "/var/lib/libvirt/qemu.conf": qemu + settings["libvirtd"]["qemu"]["verbatimConfig"],
        **{f"/etc/udev/rules.d/{file.name}": file.read_bytes() for file in _below(of_udev, "*.rules")},
        **_etc({name: here(entry["source"]) for name, entry in everything["environment"]["etc"].items()}),
        **_hooks(settings["libvirtd"]["hooks"]["qemu"]),
    }


def _below(packages: Iterable[Path], pattern: str) -> list[Path]:
    return [file for package in packages for file in package.rglob(pattern) if "modprobe.d" not in file.parts]


def _etc(entries: dict[str, Path]) -> dict[str, bytes]:
    """What is linked below /etc: files, and folders as a whole."""
    sources = {f"/etc/{name}": source for name, source in entries.items()}
    files = {path: source for path, source in sources.items() if source.is_file()}
    for path, source in sources.items():
        files |= {f"{path}/{file.relative_to(source)}": file for file in source.rglob("*") if file.is_file()}
    return {path: source.read_bytes() for path, source in files.items()}


def _hooks(hooks: dict[str, str]) -> dict[str, str]:
    """libvirt's hooks, called where NixOS' libvirt has them too."""
    return {f"/etc/libvirt/hooks/qemu.d/{name}": f'#!/bin/sh\nexec sh {path} "$@"\n' for name, path in hooks.items()}


def _modprobe(boot: dict[str, Any]) -> str:
    """One file in both stages, the blacklist first."""
    return _lines(f"blacklist {name}" for name in boot["blacklistedKernelModules"]) + str(boot["extraModprobeConfig"])


def _tmpfiles(settings: dict[str, dict[str, dict[str, dict[str, str]]]]) -> str:
    return _lines(
        f"{kind} '{path}' {rule['mode']} {rule['user']} {rule['group']} {rule['age']} {rule['argument']}"
        for file in settings.values()
        for path, kinds in file.items()
        for kind, rule in kinds.items()
    )


def _users(session: Session, settings: dict[str, Any]) -> None:
    for name, user in settings["everything"]["users"]["users"].items():
        if name != USER:
            session.run(["useradd", "--create-home", name])
        for group in user["extraGroups"]:
            session.run(["groupadd", "--force", "--system", group])
            session.run(["usermod", "--append", "--groups", group, name])


def _initramfs(session: Session, system: System) -> str:
    """Stage 1: systemd loads the modules in ``initrd.kernelModules`` and runs ``initrd.systemd.services``."""
    boot = system.settings["boot"]
    initrd = boot["initrd"]
    session.put(f"{_STAGE_1}/etc/modules-load.d/nixos.conf", _lines(initrd["kernelModules"]))
    session.put(f"{_STAGE_1}/etc/modprobe.d/nixos.conf", _modprobe(boot))
    for path in initrd["systemd"]["storePaths"]:
        session.put(f"{_STAGE_1}{path}", system.store.here(path).read_bytes(), 0o755)
    for name, unit in initrd["systemd"]["services"].items():
        _unit(session, _STAGE_1, name, unit)
    assert set(RIVALS) <= set(initrd["availableKernelModules"]), "coming first would mean nothing"
    drivers = " ".join((*_DISK_DRIVERS, *initrd["availableKernelModules"], *initrd["kernelModules"]))
    path, release = "/boot/initrd-nixos.img", release_of(session)
    command = ["dracut", "--force", "--quiet", "--no-hostonly", "--no-early-microcode", "--no-compress"]
    command += ["--modules", _DRACUT_MODULES, "--drivers", drivers, "--include", _STAGE_1, "/", "--kver", release, path]
    session.run(command, timeout=BUILD_SECONDS)
    return path


def _parameters(boot: dict[str, Any]) -> tuple[str, ...]:
    """Without AppArmor, which NixOS does not enable by itself."""
    return (*boot["kernelParams"], "apparmor=0")


def _unit(session: Session, root: str, name: str, unit: dict[str, Any]) -> None:
    """A unit file below ``root``, its script beside it, and what wants it."""
    folder = "/etc/systemd/system"
    sections = {
        "Unit": {"Description": unit.get("description", ""), **unit.get("unitConfig", {})}
        | {key: " ".join(unit[option]) for option, key in _LISTS.items() if unit.get(option)},
        "Service": dict(unit["serviceConfig"]),
    }
    if script := unit.get("script"):
        path = f"{folder}/{name}.sh"
        session.put(root + path, f"#!/bin/sh\nset -e\n{script}", 0o755)
        sections["Service"]["ExecStart"] = path
    text = (_lines([f"[{section}]", *map(_setting, values.items())]) for section, values in sections.items())
    session.put(f"{root}{folder}/{name}.service", "\n".join(text))
    for target in unit["wantedBy"]:
        link(session, f"{root}{folder}/{target}.wants/{name}.service", f"../{name}.service")


def _setting(item: tuple[str, Any]) -> str:
    key, value = item
    return f"{key}={str(value).lower() if isinstance(value, bool) else value}"


def _lines(lines: Any) -> str:
    return "".join(f"{line}\n" for line in lines)
