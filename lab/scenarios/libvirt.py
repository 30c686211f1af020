"""libvirt inside L1, through virsh."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

_SECONDS = 120
_START_SECONDS = 400  # with a hook, where others compute as well
_SOCKET = Path("/run/libvirt/libvirt-sock")
QEMU_CONF = Path("/etc/libvirt/qemu.conf")  # on NixOS it is elsewhere, and written anew at each start


def start(xml: str, *, paused: bool = False) -> None:
    """Create a domain that is gone once it stops; paused it takes no time from the machine.

    Raises ``RuntimeError`` with libvirt's words and QEMU's log.
    """
    if words := _create(xml, *(("--paused",) if paused else ())):
        logs = [path.read_text(errors="replace")[-2000:] for path in Path("/var/log/libvirt/qemu").glob("*.log")]
        raise RuntimeError("\n".join((words, *logs)))


def both(*domains: str) -> list[str]:
    """libvirt's words for each of some domains that are created at once; empty for one that runs, paused."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(domains)) as pool:
        return list(pool.map(lambda xml: _create(xml, "--paused"), domains))


def unconfined(xml: str) -> str:
    """A domain under no profile of AppArmor's, whose compiler takes an emulated machine as long as QEMU."""
    return xml.replace("</domain>", "<seclabel type='none'/></domain>")


def bare(xml: str) -> str:
    """A domain that something is to refuse, without what takes an emulated machine longest at a start and has no part
    in it: AppArmor's profile, the TPM's keys, and the hundreds of questions that libvirt has for Hyper-V's features.
    """
    domain = ElementTree.fromstring(unconfined(xml))
    for where, what in (("devices", "tpm"), ("features", "hyperv")):
        for parent in domain.findall(where):
            for element in parent.findall(what):
                parent.remove(element)
    return ElementTree.tostring(domain, encoding="unicode")


def refusal(xml: str) -> str:
    """libvirt's words when it refuses to start the domain; empty where it starts, and is stopped again."""
    words = _create(xml, "--paused")
    if not words:
        stop(name_of(xml))
    return words


def stop(name: str) -> None:
    """As pulling the plug."""
    _virsh("destroy", name, check=True)


def state(name: str) -> str:
    """What libvirt says of a domain: "paused"."""
    return _virsh("domstate", name, check=True).stdout.strip()


def live_xml(name: str) -> str:
    """The running domain as libvirt has it."""
    return _virsh("dumpxml", name, check=True).stdout


def definition(name: str) -> str:
    """What a domain will be at its next start."""
    return _virsh("dumpxml", "--inactive", name, check=True).stdout


def qmp(name: str, command: str) -> Any:
    """What the domain's QEMU answers to a QMP command without arguments."""
    words = json.dumps({"execute": command})
    return json.loads(_virsh("qemu-monitor-command", name, words, check=True).stdout)["return"]


def serial_files(xml: str) -> tuple[Path, Path]:
    """The files that a domain's two serial ports write to: its console's, its report's."""
    sources = ElementTree.fromstring(xml).iterfind("devices/serial[@type='file']/source")
    console, report = (Path(source.attrib["path"]) for source in sources)
    return console, report


def name_of(xml: str) -> str:
    """A domain's name."""
    return xml.partition("<name>")[2].partition("</name>")[0]


def reconfigure(text: str) -> None:
    """Have libvirtd read another qemu.conf."""
    QEMU_CONF.write_text(text)
    subprocess.run(["systemctl", "restart", "libvirtd"], check=True, timeout=_SECONDS)


def _create(xml: str, *options: str) -> str:
    if not _SOCKET.exists():  # systemd listens for it once it is that far
        subprocess.run(["systemctl", "start", "libvirtd"], check=True, timeout=_SECONDS)
    file = Path(f"/run/{name_of(xml)}.xml")
    file.write_text(xml)
    done = _virsh("create", str(file), *options, check=False, seconds=_START_SECONDS)
    return done.stderr.strip() or f"virsh exited with {done.returncode}" if done.returncode else ""


def _virsh(*arguments: str, check: bool, seconds: float = _SECONDS) -> subprocess.CompletedProcess[str]:
    command = ["virsh", "-q", "-c", "qemu:///system", *arguments]
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=seconds)
