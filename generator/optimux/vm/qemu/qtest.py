"""The qtest protocol on a running machine: it writes the guest's memory, which QMP cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.vm.errors import Silent, VmError

if TYPE_CHECKING:
    import socket

_ANSWER_SECONDS = 10.0
_CHUNK = 1 << 16


class Qtest:
    """Reads and writes of physical guest addresses, past the guest's processor."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.settimeout(_ANSWER_SECONDS)
        self._pending = b""

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes at ``address``. Raises ``VmError``."""
        starts = range(address, address + size, _CHUNK)
        return b"".join(self._read(start, min(_CHUNK, address + size - start)) for start in starts)

    def write(self, address: int, data: bytes) -> None:
        """Write ``data`` at ``address``. Raises ``VmError``."""
        for start in range(0, len(data), _CHUNK):
            chunk = data[start : start + _CHUNK]
            self._ask(f"write 0x{address + start:x} 0x{len(chunk):x} 0x{chunk.hex()}")

    def _read(self, address: int, size: int) -> bytes:
        return bytes.fromhex(self._ask(f"read 0x{address:x} 0x{size:x}").removeprefix("0x"))

    def _ask(self, line: str) -> str:
        """The answer's words after OK."""
        try:
            self._socket.sendall(line.encode() + b"\n")
            status, _, rest = self._line().partition(" ")
        except TimeoutError:
            raise Silent(f"QEMU did not answer over qtest within {_ANSWER_SECONDS:g} s", "See the logs.") from None
        except OSError as error:
            raise VmError(f"the qtest connection broke off ({error.strerror})", "See the logs of the run.") from None
        if status != "OK":
            raise VmError(f"qtest refused {line[:60]}: {status} {rest}", "See the logs of the run.")
        return rest

    def _line(self) -> str:
        while b"\n" not in self._pending:
            received = self._socket.recv(1 << 20)
            if not received:
                raise ConnectionResetError(0, "QEMU hung up")
            self._pending += received
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode("ascii", "replace").strip()
