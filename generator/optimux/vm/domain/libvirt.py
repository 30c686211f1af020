"""libvirt's own translation of domains into QEMU's arguments, by virsh and a private driver.

``qemu:///embed`` runs libvirt's QEMU driver within virsh, over a folder of its own: no daemon is asked, and nothing is
defined where the user would see it (https://libvirt.org/drvqemu.html#embedded-driver).
"""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import quote

from optimux.record import Record
from optimux.vm.domain.reduce import NAME
from optimux.vm.errors import VmError, tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SECONDS = 120
_EACH_SECONDS = 2
# As many domains as one virsh is given: each takes a descriptor, and a share of one word's greatest length.
_MOST = 100
_MARK = "=optimux="


class Answer(Record):
    """What libvirt made of a domain, or its own words where it made nothing (``fault``)."""

    text: str
    fault: str


class Libvirt:
    """virsh over a private driver, whose files lie in ``folder``. ``prefix`` is what virsh is run by (a root)."""

    def __init__(self, folder: str, prefix: Sequence[str] = ()) -> None:
        self.folder, self._prefix = folder, tuple(prefix)

    def normal(self, documents: Sequence[str]) -> list[Answer]:
        """Each domain as libvirt keeps it, with every address that it gives."""
        words = f"define {{file}}; dumpxml --inactive {NAME}; undefine --nvram {NAME}"
        return [answer.replace(text=_document(answer.text)) for answer in self._asked(documents, words)]

    def arguments(self, documents: Sequence[str]) -> list[Answer]:
        """Each domain as words of a command line, which ``words_of`` splits."""
        return self._asked(documents, "domxml-to-native qemu-argv --xml {file}")

    def _asked(self, documents: Sequence[str], words: str) -> list[Answer]:
        starts = range(0, len(documents), _MOST)
        return [answer for start in starts for answer in self._batch(documents[start : start + _MOST], words)]

    def _batch(self, documents: Sequence[str], words: str) -> Iterator[Answer]:
        files = [_memory_file(document) for document in documents]
        try:
            script = "; ".join(
                f"echo {_MARK}; echo --err {_MARK}; {words.format(file=f'/proc/self/fd/{file}')}" for file in files
            )
            done = self._run(["-c", f"qemu:///embed?root={quote(self.folder)}", script], files)
        finally:
            for file in files:
                os.close(file)
        texts, faults = done.stdout.split(_MARK)[1:], done.stderr.split(_MARK)[1:]
        if len(texts) != len(documents):
            remedy = "Install its QEMU driver (Debian, Ubuntu: libvirt-daemon-system; Fedora: libvirt-daemon-kvm)."
            raise VmError("libvirt's private driver does not come up", remedy, [("virsh said", tail(done.stderr))])
        yield from (Answer(text, _fault(fault)) for text, fault in zip(texts, faults, strict=True))

    def _run(self, words: Sequence[str], files: Iterable[int]) -> subprocess.CompletedProcess[str]:
        """virsh, with its caches in the private folder too. Raises ``VmError`` where it is not there or hangs."""
        places = {"HOME": self.folder, "XDG_CACHE_HOME": self.folder, "XDG_CONFIG_HOME": self.folder}
        environment = [f"{key}={value}" for key, value in places.items()]
        command = [*self._prefix, "env", "-u", "XDG_RUNTIME_DIR", *environment, "LC_ALL=C.UTF-8", "virsh", "-q", *words]
        descriptors = tuple(files)
        try:
            return subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                pass_fds=descriptors, timeout=_SECONDS + _EACH_SECONDS * len(descriptors), check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise VmError("libvirt's private driver does not answer", "Does virsh --version answer?") from None
        except OSError as error:
            raise VmError(f"{command[0]}: {error.strerror}", "Install coreutils and libvirt's virsh.") from None


def words_of(arguments: str) -> list[str]:
    """The program and its words, without the environment that libvirt puts before them."""
    words = shlex.split(arguments)
    start = next((number for number, word in enumerate(words) if word.startswith("/")), 0)
    return words[start:]


def _document(text: str) -> str:
    return text[text.find("<domain") :].strip()


def _fault(words: str) -> str:
    """libvirt's reason, behind what virsh says of its own command."""
    lines = [line.removeprefix("error: ").strip() for line in words.strip().splitlines()]
    told = [line for line in lines if line and not line.startswith("Failed to define domain")]
    return told[0] if told else ""


def _memory_file(text: str) -> int:
    """A file without a name, which virsh inherits: its path holds in every root."""
    file = os.memfd_create("optimux-domain")
    os.write(file, text.encode())
    return file
