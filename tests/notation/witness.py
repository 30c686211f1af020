"""A QEMU that does nothing but read: what it makes of an option string is asked over QMP, many in one process."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Self

_SECONDS = 60


class Witness:
    """``device`` and ``object_`` read one string each, and give a property of what came of it."""

    def __init__(self, program: str) -> None:
        command = [program, "-S", "-display", "none", "-nodefaults", "-machine", "q35,accel=tcg", "-qmp", "stdio"]
        self._count = 0
        self._process = subprocess.Popen(
            [*command, "-device", "virtio-serial,max_ports=511"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: str) -> Any:
        """The answer, or ``None`` for an error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            answer = json.loads(line)
            if "event" not in answer:
                return answer.get("return")
        raise AssertionError("QEMU has ended")

    def monitor(self, line: str) -> str:
        """What the human monitor says to a line: nothing where all is well."""
        return str(self.ask("human-monitor-command", **{"command-line": line}) or "")

    def port_name(self, text: str, id_: str) -> str | None:
        """``name`` of a virtserialport made of a ``-device`` string that gives it this id; it is removed again."""
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        self.monitor(f'device_add "{quoted}"')
        name = self.ask("qom-get", path=f"/machine/peripheral/{id_}", property="name")
        self.ask("device_del", id=id_)
        return name if isinstance(name, str) else None

    def identity(self, text: str, id_: str) -> str | None:
        """``identity`` of an authz-simple made of an ``-object`` string."""
        self.monitor(f"object_add {text}")
        found = self.ask("qom-get", path=f"/objects/{id_}", property="identity")
        self.ask("object-del", id=id_)
        return found if isinstance(found, str) else None

    def size(self, text: str) -> int | None:
        """What QEMU reads as a size."""
        self.monitor(f"object_add memory-backend-ram,id=s,reserve=off,size={text}")
        found = self.ask("qom-get", path="/objects/s", property="size")
        self.ask("object-del", id="s")
        return found if isinstance(found, int) else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait(_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()


def place(program: str, option: str, value: str) -> tuple[int, int] | None:
    """Slot and function that ``addr`` gives a device; ``None`` where QEMU refuses."""
    for answer in _answers([program, option, value], {"execute": "query-pci"}):
        for bus in answer.get("return") or ():
            for entry in bus["devices"]:
                if (entry["id"]["vendor"], entry["id"]["device"]) == (0x1B36, 0x0005):
                    return entry["slot"], entry["function"]
    return None


def feature(program: str, cpu: str, name: str) -> str:
    """Whether ``-cpu`` leaves a feature ``on`` or ``off``."""
    asked = {"execute": "qom-get", "arguments": {"path": "/machine/unattached/device[0]", "property": name}}
    values = [answer.get("return") for answer in _answers([program, "-cpu", cpu], asked)]
    return "on" if True in values else "off" if False in values else f"QEMU refuses {cpu}"


def _answers(command: list[str], asked: dict[str, Any]) -> list[dict[str, Any]]:
    """What a QEMU of its own says to one command of QMP."""
    words = ["-S", "-display", "none", "-nodefaults", "-machine", "q35,accel=tcg", "-qmp", "stdio"]
    said = [{"execute": "qmp_capabilities"}, asked, {"execute": "quit"}]
    text = "".join(json.dumps(each) + "\n" for each in said)
    done = subprocess.run([*command, *words], input=text, capture_output=True, text=True, timeout=_SECONDS, check=False)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
