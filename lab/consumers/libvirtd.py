"""A real libvirtd inside a session: what does it take, and what does it keep?"""

from __future__ import annotations

import functools
import os
import re
import shlex
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import lab
from lab.errors import Refused

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType
    from typing import Self

    from lab.consumers.roots import Root
    from lab.consumers.session import Session

_READY_SECONDS = 120
_SHIPPED = "default"
# What lists them, and what is done to each.
_FORGOTTEN = (
    ("list --uuid", "destroy"),
    ("list --uuid --all", "undefine --nvram"),
    ("net-list --name", "net-destroy"),
    ("net-list --name --all", "net-undefine"),
    ("pool-list --name", "pool-destroy"),
    ("pool-list --name --all", "pool-undefine"),
)
_PROBED = "var/cache/libvirt/qemu/capabilities"
_KVM = re.compile(r"(<domain\b[^>]*\btype=['\"])kvm\b")
# What the commands after one that was refused say.
_NOT_THERE = re.compile(r"^error: failed to get domain .*\n?", re.MULTILINE)
_QEMU = re.compile(r"(<domain\b[^>]*\btype=['\"])qemu\b")


class Libvirtd:
    """The system libvirtd of a session, with QEMU's capabilities probed.

    The first start over a root probes QEMU, which takes four times as long as the rest: what libvirtd keeps of that is
    kept for the next ones, as on a machine that starts it once more. libvirtd itself probes again where it no longer
    holds, so it is kept with the time of QEMU's last change: a file of a root gets links in other roots, and libvirtd
    takes it for another program. Entering raises ``Refused`` with the daemon's log where it stops, for instance over
    its configuration.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> Self:
        probed = self._probed()
        was_kept = probed.exists()
        if was_kept:
            self._session.run(["tar", "-xC", "/"], input=probed.read_bytes())
        self._log = tempfile.TemporaryFile()
        self._daemons = [self._session.start([daemon], self._log) for daemon in ("virtlogd", "libvirtd")]
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        if not was_kept:
            self._keep(probed)
        return self

    def _probed(self) -> Path:
        """Where it is kept: apart for each kernel, for a session without KVM, and for QEMU as it was changed last."""
        with_kvm = self._session.run(["test", "-e", "/dev/kvm"], check=False).returncode == 0
        programs = (self._session.root / "usr/bin").glob("qemu-system-*")
        changed = max((int(program.lstat().st_ctime) for program in programs), default=0)
        name = f"{self._session.root.name}-{os.uname().release}{'-kvm' if with_kvm else ''}"
        return lab.cache() / "probed" / f"{name}.{changed}.tar"

    def _keep(self, probed: Path) -> None:
        """For the next ones, complete or not at all; what was kept of an earlier QEMU goes."""
        probed.parent.mkdir(parents=True, exist_ok=True)
        content = self._session.run_bytes(["tar", "-cC", "/", _PROBED]).stdout
        with tempfile.NamedTemporaryFile(dir=probed.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(probed)
        for earlier in probed.parent.glob(f"{probed.name.rsplit('.', 2)[0]}.*tar"):
            if earlier != probed:
                earlier.unlink(missing_ok=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _wait(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while self._virsh("version", check=False).returncode:
            if time.monotonic() > deadline or any(daemon.poll() is not None for daemon in self._daemons):
                raise Refused(f"libvirtd did not come up: {self.log()}")
            time.sleep(0.1)

    def _stop(self) -> None:
        for daemon in self._daemons:
            self._session.end(daemon)
        self._log.close()

    def _virsh(self, *arguments: str, check: bool = True, input: str = "") -> subprocess.CompletedProcess[str]:
        command = ["virsh", "-q", "-c", "qemu:///system", *arguments]
        return self._session.run(command, timeout=_READY_SECONDS, check=check, input=input)

    def log(self) -> str:
        """What the daemons wrote so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def version(self) -> str:
        """libvirt's version, such as ``11.3.0``."""
        return self._virsh("version", "--daemon").stdout.rsplit(None, 1)[-1]

    @functools.cached_property
    def has_kvm(self) -> bool:
        """Whether domains of type kvm can be defined: it takes a ``/dev/kvm`` that QEMU can open."""
        return "<domain type='kvm'" in self._virsh("capabilities").stdout

    def define(self, xml: str) -> None:
        """Define a domain, as type qemu where this machine has no KVM. Raises ``Refused`` with libvirt's own words."""
        self._session.put("/tmp/domain.xml", xml if self.has_kvm else _KVM.sub(r"\1qemu", xml, count=1))
        done = self._virsh("define", "/tmp/domain.xml", check=False)
        if done.returncode:
            raise Refused(done.stderr.strip())

    def dumpxml(self, name: str, *, inactive: bool = True) -> str:
        """What libvirt keeps of a domain."""
        return self._virsh("dumpxml", *(["--inactive"] if inactive else []), name).stdout

    def undefine(self, name: str) -> None:
        """Forget a domain and its firmware variables."""
        self._virsh("undefine", "--nvram", name)

    def forget(self) -> None:
        """Domains, networks and pools end and go; the network that libvirt ships stays, inactive: as it first started.

        What they left in files is the caller's.
        """
        listed = self._virsh("; echo ==; ".join(words for words, _ in _FORGOTTEN)).stdout.split("==")
        words = [
            f"{verb} {shlex.quote(name)}"
            for part, (_, verb) in zip(listed, _FORGOTTEN, strict=True)
            for name in part.splitlines()
            if name and (verb, name) != ("net-undefine", _SHIPPED)
        ]
        self._virsh("; ".join((*words, f"net-autostart --disable {_SHIPPED}")))

    def kept(self, xml: str, name: str) -> str:
        """Define, dump and undefine, in one virsh: what libvirt kept of ``xml``, whose domain is called ``name``.

        Where this machine has no KVM, the type that ``define`` changed is put back.
        """
        ours = xml if self.has_kvm else _KVM.sub(r"\1qemu", xml, count=1)
        called = shlex.quote(name)
        words = f"define /proc/self/fd/0; dumpxml --inactive {called}; undefine --nvram {called}"
        done = self._virsh(words, check=False, input=ours)
        if done.returncode:
            raise Refused(_NOT_THERE.sub("", done.stderr).strip())
        kept = done.stdout.strip() + "\n"
        return kept if self.has_kvm or not _KVM.search(xml) else _QEMU.sub(r"\1kvm", kept, count=1)

    def domxml_to_native(self, name: str) -> list[str]:
        """The QEMU command line of a defined domain, environment first.

        libvirt refuses host devices on a machine without an IOMMU.
        """
        return shlex.split(self._virsh("domxml-to-native", "qemu-argv", "--domain", name).stdout)


def qemu_conf(root: Root, text: str) -> None:
    """libvirtd starts with ``text`` at the end of the distribution's own qemu.conf.

    libvirt says nothing of a key that it does not know. Raises ``Refused``.
    """
    with root.session() as session:
        session.put("/etc/libvirt/qemu.conf", session.read("/etc/libvirt/qemu.conf") + text.encode())
        with Libvirtd(session):
            pass
