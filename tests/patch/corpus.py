"""libvirt's own test inputs: the ``qemuxmlconfdata`` folder of Debian trixie's libvirt source package.

apt fetches and checks the package at test time; the folder is kept in the user's cache, never in the checkout.
"""

from __future__ import annotations

import fcntl
import functools
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from lab.consumers import apt, roots
from lab.errors import Unavailable
from optimux.record import Record

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_FOLDER = "tests/qemuxmlconfdata/"
# An output is named after its input: NAME.ARCH-VERSION.xml, or NAME.ARCH-VERSION+CAPABILITY.xml.
_OUTPUT = re.compile(r"\.[a-z0-9_]+-(latest|\d+\.\d+\.\d+)[^/]*$")
_HELPER = "/usr/lib/apt/apt-helper"
_URI = re.compile(r"'(?P<uri>[^']+)' (?P<name>libvirt_[0-9.]+\.orig\.tar\.[a-z0-9]+) [0-9]+ (?P<hash>\S+)")
_SECONDS = 300


class Input(Record):
    """One file: its name without ``.xml``, and its bytes."""

    name: str
    document: bytes


@functools.cache
def libvirt_inputs() -> tuple[Input, ...]:
    """Every ``.xml`` file of the folder that is a test's input (not its expected output), sorted by name.

    Raises ``Unavailable`` where this machine has no apt, no mirror, or cannot reach it.
    """
    files = sorted(folder().glob("*.xml"))
    return tuple(Input(path.stem, path.read_bytes()) for path in files if not _OUTPUT.search(path.stem))


@functools.cache
def folder() -> Path:
    """The unpacked folder, fetched first where it is not in the cache. Raises ``Unavailable``."""
    target = roots.cache().parent / "libvirt-inputs-trixie"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.is_dir():
                _fetch(target)
    return target


def _fetch(target: Path) -> None:
    if not shutil.which("apt-get"):
        raise Unavailable("apt-get is not installed")
    if not _KEYRING.exists():
        raise Unavailable(f"{_KEYRING} is missing (Debian package debian-archive-keyring)")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        work = Path(scratch)
        _unpack(_download(work), work / "inputs")
        (work / "inputs").rename(target)


def _download(work: Path) -> Path:
    """The upstream archive, by apt under a configuration of its own: the machine's own sources stay as they are."""
    for name in ("lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/apt.conf.d"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    source = f"deb-src [signed-by={_KEYRING}] {apt.mirror()} trixie main\n"
    (work / "etc/sources.list").write_text(source, encoding="utf-8")
    configuration = [
        *apt.options(),
        f'Dir::State::lists "{work}/lists";',
        f'Dir::State::status "{work}/status";',
        f'Dir::Cache "{work}/cache";',
        f'Dir::Etc::sourcelist "{work}/etc/sources.list";',
        f'Dir::Etc::sourceparts "{work}/etc/none";',
        'APT::Sandbox::User "";',
        'Acquire::Languages "none";',
    ]
    (work / "apt.conf").write_text("\n".join(configuration), encoding="utf-8")
    _apt(work, "apt-get", "update")
    # Only this one of the package's files is needed, and mirrors that serve binaries may lack the .dsc.
    found = _URI.search(_apt(work, "apt-get", "source", "--print-uris", "libvirt"))
    if not found:
        raise Unavailable("apt knows no source package libvirt of trixie")
    archive = work / found["name"]
    _apt(work, _HELPER, "download-file", found["uri"], str(archive), found["hash"])
    return archive


def _apt(work: Path, program: str, *command: str) -> str:
    done = subprocess.run(
        [program, "-c", str(work / "apt.conf"), *command],
        cwd=work, capture_output=True, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Unavailable(f"{program} {' '.join(command)}: {done.stderr.strip()[-400:]}")
    return done.stdout


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name)
            if _FOLDER in member.name and name.suffix == ".xml" and (member.isfile() or member.issym()):
                content = tar.extractfile(member)
                if content is not None:
                    (folder / name.name).write_bytes(content.read())
