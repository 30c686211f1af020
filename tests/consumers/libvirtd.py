"""A real libvirtd inside a session: what does it take, and what does it keep?"""

from __future__ import annotations

import shlex
import tempfile
import time
from typing import TYPE_CHECKING

from tests.consumers.errors import Refused

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType
    from typing import Self

    from tests.consumers.session import Session

_READY_SECONDS = 120


class Libvirtd:
    """The system libvirtd of a session, with QEMU's capabilities probed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        self._daemons = [self._session.start([daemon], self._log) for daemon in ("virtlogd", "libvirtd")]
        deadline = time.monotonic() + _READY_SECONDS
        while self._virsh("version", check=False).returncode:
            if time.monotonic() > deadline or any(daemon.poll() is not None for daemon in self._daemons):
                raise RuntimeError(f"libvirtd did not come up: {self.log()}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for daemon in self._daemons:
            daemon.terminate()
        for daemon in self._daemons:
            daemon.wait(timeout=30)
        self._log.close()

    def _virsh(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self._session.run(
            ["virsh", "-q", "-c", "qemu:///system", *arguments], timeout=_READY_SECONDS, check=check
        )

    def log(self) -> str:
        """What the daemons wrote so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def version(self) -> str:
        """libvirt's version, such as ``11.3.0``."""
        return self._virsh("version", "--daemon").stdout.rsplit(None, 1)[-1]

    def has_kvm(self) -> bool:
        """Whether domains of type kvm can be defined: it takes a ``/dev/kvm`` that QEMU can open."""
        return "<domain type='kvm'>" in self._virsh("capabilities").stdout

    def define(self, xml: str) -> None:
        """Define a domain. Raises ``Refused`` with libvirt's own words."""
        self._session.put("/tmp/domain.xml", xml)
        done = self._virsh("define", "/tmp/domain.xml", check=False)
        if done.returncode:
            raise Refused(done.stderr.strip())

    def dumpxml(self, name: str, *, inactive: bool = True) -> str:
        """What libvirt keeps of a domain."""
        return self._virsh("dumpxml", *(["--inactive"] if inactive else []), name).stdout

    def undefine(self, name: str) -> None:
        """Forget a domain and its firmware variables."""
        self._virsh("undefine", "--nvram", name)

    def kept(self, xml: str, name: str) -> str:
        """Define, dump and undefine: what libvirt kept of ``xml``, whose domain is called ``name``."""
        self.define(xml)
        try:
            return self.dumpxml(name)
        finally:
            self.undefine(name)

    def domxml_to_native(self, name: str) -> list[str]:
        """The QEMU command line of a defined domain, environment first.

        libvirt refuses host devices on a machine without an IOMMU.
        """
        return shlex.split(self._virsh("domxml-to-native", "qemu-argv", "--domain", name).stdout)
