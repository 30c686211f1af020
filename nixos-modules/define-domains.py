"""Defines the built domains in libvirt, and keeps what the configuration does not name.

Run by optimux-domains.service: define-domains.py TASK VIRSH STATE. The task (JSON) has the folder with the domains, for
each VM whether its UUID is the configuration's, and whether removed VMs go. The state is what was defined before.
virsh define changes what a domain is at its next start: a running one goes on as it is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

for prefix, space in {
    "qemu": "http://libvirt.org/schemas/domain/qemu/1.0",
    "libosinfo": "http://libosinfo.org/xmlns/libvirt/domain/1.0",
}.items():
    ET.register_namespace(prefix, space)


class Virsh:
    """libvirt, by its own command."""

    def __init__(self, program: str) -> None:
        self._command = [program, "--connect", "qemu:///system"]

    def __call__(self, *arguments: str) -> str:
        """What it prints. Raises ``RuntimeError`` with its own words."""
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def names(self, *which: str) -> list[str]:
        """The domains' names."""
        return [name for name in self("list", "--name", *which).splitlines() if name]

    def definition(self, name: str) -> ET.Element:
        """What a domain will be at its next start."""
        return ET.fromstring(self("dumpxml", "--inactive", "--security-info", name))


def merged(new: ET.Element, old: ET.Element, names_uuid: bool) -> ET.Element:
    """``new`` with UUID, MAC addresses and variable store of ``old``, where it names none."""
    if not names_uuid:
        for uuid in new.findall("uuid"):
            new.remove(uuid)
        ET.SubElement(new, "uuid").text = old.findtext("uuid")
    for mine, theirs in zip(new.iterfind("devices/interface"), old.iterfind("devices/interface"), strict=False):
        mac = theirs.find("mac")
        if mine.find("mac") is None and mac is not None:
            mine.insert(0, ET.Element("mac", address=mac.get("address", "")))
    _keep_variables(new.find("os"), old.find("os"))
    return new


def _keep_variables(new: ET.Element | None, old: ET.Element | None) -> None:
    """The variable store of the old domain, where libvirt would choose one for the same firmware."""
    store = old.findtext("nvram") if old is not None else None
    if new is None or old is None or not store:
        return
    mine = new.find("nvram")
    if new.get("firmware") == "efi" and mine is None:
        ET.SubElement(new, "nvram").text = store
    elif mine is not None and not mine.text and new.findtext("loader") == old.findtext("loader"):
        mine.text = store


def define(virsh: Virsh, path: Path, names_uuid: bool, before: dict[str, str] | None) -> dict[str, str]:
    """Define one domain, which was ``before`` under the same key; its key, name and UUID."""
    domain = ET.parse(path).getroot()
    name = domain.findtext("name") or ""
    if before and not names_uuid:
        rename(virsh, before, name)
    if name in virsh.names("--all"):
        domain = merged(domain, virsh.definition(name), names_uuid)
    with NamedTemporaryFile(suffix=".xml") as file:
        file.write(ET.tostring(domain))
        file.flush()
        virsh("define", file.name)
    return {"key": path.stem, "name": name, "uuid": virsh("domuuid", name).strip()}


def rename(virsh: Virsh, before: dict[str, str], name: str) -> None:
    """Another name in the configuration is the same VM: its UUID has its TPM, its files the variables.

    Raises ``RuntimeError`` for one that runs, which libvirt cannot rename.
    """
    names = virsh.names("--all")
    if before["name"] == name or name in names or before["name"] not in names:
        return
    if virsh("domuuid", before["name"]).strip() == before["uuid"]:
        virsh("domrename", before["name"], name)
        say(f"{before['name']} is called {name} now")


def undefine(virsh: Virsh, domain: dict[str, str]) -> bool:
    """Undefine a domain that is off; whether it is gone. Disks, variable store and TPM stay."""
    if domain["uuid"] not in virsh("list", "--all", "--uuid").split():
        return True
    if domain["uuid"] in virsh("list", "--uuid").split():
        say(f"{domain['name']} is no longer in the configuration, and runs: undefined once it is off")
        return False
    virsh("undefine", domain["uuid"], "--keep-nvram", "--keep-tpm")
    say(f"{domain['name']} is no longer in the configuration: undefined")
    return True


def remove(virsh: Virsh, domains: list[dict[str, str]], wanted: bool) -> list[dict[str, str]]:
    """Undefine what the configuration no longer names, where the user wants that; what is left of it."""
    left = []
    for domain in domains:
        if not wanted:
            say(f"{domain['name']} is no longer in the configuration; left as it is")
        if not wanted or not undefine(virsh, domain):
            left.append(domain)
    return left


def run(task: dict[str, Any], virsh: Virsh, state: Path) -> bool:
    """Do what the task says; whether all of it could be done."""
    before: list[dict[str, str]] = json.loads(state.read_text()) if state.exists() else []
    known = {domain["key"]: domain for domain in before if "key" in domain}
    defined: list[dict[str, str]] = []
    failed = []
    for key, vm in task["vms"].items():
        try:
            defined.append(define(virsh, Path(task["folder"], f"{key}.xml"), vm["uuid"], known.get(key)))
            say(f"{defined[-1]['name']} is defined")
        except RuntimeError as error:
            failed.append(key)
            say(f"vms.{key}: {error}")
    uuids = {domain["uuid"] for domain in defined}
    gone = [domain for domain in before if domain["uuid"] not in uuids]
    # A VM that could not be defined now is not one that was removed.
    left = gone if failed else remove(virsh, gone, task["undefineRemoved"])
    state.write_text(json.dumps([*defined, *left]))
    return not failed


def say(text: str) -> None:
    """One line for the journal."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    task_path, program, state_path = sys.argv[1:]
    sys.exit(not run(json.loads(Path(task_path).read_text()), Virsh(program), Path(state_path)))
