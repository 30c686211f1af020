"""An evening with a VM: what must hold before its start, the start, its client, and its end."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from optimux.errors import OptimuxError
from optimux.host.handover.kernel import Refused
from optimux.host.handover.take import is_polite, refusal
from optimux.host.handover.verdict import CANNOT, CLOSE_FIRST, verdict
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.host.handover.cards import Card
    from optimux.host.handover.picture import Picture

Say = Callable[[str], None]
SHUTDOWN_SECONDS = 120.0
PICTURE_SECONDS = 120.0  # Windows, its updates, and the program that starts with it


class Vm(Protocol):
    """What a session needs of a domain (``libvirt.machine``)."""

    @property
    def name(self) -> str: ...
    @property
    def runs(self) -> bool: ...
    def xml(self) -> str: ...
    def start_network(self, name: str) -> bool: ...
    def start(self) -> None: ...
    def resume(self) -> None: ...
    def shut_down(self) -> None: ...


class Client(Record):
    """How the picture is shown: the shared memory's path, and where SPICE listens, if it does."""

    memory: str | None
    host: str | None = None
    port: int | None = None
    socket: str | None = None

    def command(self, settings: str | None, *, idd: bool = False) -> tuple[str, ...]:
        """The client's line. It reads its files first, ``settings`` over them, and what this VM has over all."""
        words = [f"app:configFile={settings}"] if settings else []
        if self.memory:
            words.append(f"{'lgmp:shmDevice' if idd else 'app:shmFile'}={self.memory}")
        if self.socket:
            words += [f"spice:host={self.socket}", "spice:port=0"]
        elif self.port:
            words += [f"spice:host={self.host or '127.0.0.1'}", f"spice:port={self.port}"]
        return ("looking-glass-client", *words)


class Needs(Record):
    """What a domain's XML says that its start and its picture need."""

    networks: tuple[str, ...]
    client: Client


def read_needs(xml: str) -> Needs:
    """From libvirt's XML, live or not."""
    from lxml import etree

    root = etree.fromstring(xml.encode())
    networks = [source.get("network") for source in root.iterfind("devices/interface[@type='network']/source")]
    graphics = root.find("devices/graphics[@type='spice']")
    host = port = socket = None
    if graphics is not None:
        listen = graphics.find("listen")
        host, socket = graphics.get("listen"), None if listen is None else listen.get("socket")
        port = int(graphics.get("port", "-1"))
    client = Client(_memory(root), host, port if port and port > 0 else None, socket)
    return Needs(tuple(dict.fromkeys(name for name in networks if name)), client)


def _memory(root: object) -> str | None:
    """``<shmem>`` of the file variant, else the path of a memory backend on QEMU's command line."""
    import re

    from lxml import etree

    assert isinstance(root, etree._Element)
    shmem = root.find("devices/shmem")
    if shmem is not None:
        return f"/dev/shm/{shmem.get('name')}"
    found = re.search(r"/dev/kvmfr[0-9]", etree.tostring(root, encoding="unicode"))
    return found[0] if found else None


def prepare(vm: Vm, cards: tuple[Card, ...], look: Callable[[Card], Picture], say: Say) -> Needs:
    """Every precondition that can be seen before libvirt is asked; then its networks. Raises ``Refused``."""
    domain = read_needs(vm.xml())
    _check_memory(domain.client.memory)
    for card in cards:
        if vm.name in card.domains and card.on_demand:
            picture = look(card)
            judged = verdict(picture)
            waits = judged.word == CLOSE_FIRST and all(is_polite(holder) for holder in picture.holders)
            only_holders = {f.key for f in judged.reasons if f.is_broken} <= {"card.holder"}
            if judged.word == CANNOT or (judged.word == CLOSE_FIRST and not (waits and only_holders)):
                raise Refused(refusal(judged, card.name))
    for network in domain.networks:
        if vm.start_network(network):
            say(f"started the network {network}")
    return domain


def _check_memory(path: str | None) -> None:
    """A kvmfr device must be one: where it is missing QEMU makes a plain file."""
    if path is None or not path.startswith("/dev/kvmfr"):
        return
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except OSError:
        raise Refused(f"there is no {path}: load the module (modprobe kvmfr). Nothing was changed.") from None
    if not stat.S_ISCHR(mode):
        raise Refused(f"{path} is a plain file, no device: remove it, then modprobe kvmfr. Nothing was changed.")


def begin(vm: Vm, say: Say) -> None:
    """Start the VM, or go on with one that runs. Raises ``OptimuxError`` with libvirt's and its hook's words."""
    if vm.runs:
        vm.resume()
        say(f"{vm.name} runs already")
        return
    vm.start()
    say(f"{vm.name} runs")


def await_picture(vm: Vm, beats: Callable[[], bool], pause: Callable[[float], None], say: Say) -> bool:
    """Until the guest's side of Looking Glass is at work, which is all that the host can see of a picture.

    Whether it is; what keeps this from being seen is said, and waited for no longer.
    """
    left, step, said = PICTURE_SECONDS, 0.5, False
    while vm.runs:
        try:
            if beats():
                say("Looking Glass runs in the guest")
                return True
        except OSError as error:
            say(f"whether the guest shows a picture cannot be seen: {error.filename}: {error.strerror}")
            return False
        if left <= 0:
            say(f"no sign of Looking Glass in the guest within {PICTURE_SECONDS:g} s; its client goes on waiting")
            return False
        if not said:
            say("waiting for Looking Glass in the guest")
            said = True
        pause(step)
        left -= step
    return False


def wait(vm: Vm, pause: Callable[[float], None], ask: Callable[[], bool], say: Say) -> bool:
    """Until the VM has ended; whether it has. An interrupt asks whether it shall shut down."""
    while True:
        try:
            while vm.runs:
                pause(0.5)
            return True
        except KeyboardInterrupt:
            if not ask():
                return False
        return _shut_down(vm, pause, say)


def _shut_down(vm: Vm, pause: Callable[[float], None], say: Say) -> bool:
    say(f"asking {vm.name} to shut down")
    vm.shut_down()
    left = SHUTDOWN_SECONDS
    while vm.runs:
        if left <= 0:
            raise OptimuxError(
                f"{vm.name} has not shut down within {SHUTDOWN_SECONDS:g} s: look at its screen, or end it with "
                f"virsh destroy {vm.name}"
            )
        pause(0.5)
        left -= 0.5
    return True
