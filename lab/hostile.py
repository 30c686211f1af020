"""Configurations that cost: documents of a given length, and options with a given number of entries."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def _repeated(line: Callable[[int], str], length: int) -> str:
    pieces: list[str] = []
    while length > 0:
        pieces.append(line(len(pieces)))
        length -= len(pieces[-1])
    return "".join(pieces)


# Each of about so many bytes.
TOML: dict[str, Callable[[int], str]] = {
    "VMs": lambda n: _repeated(lambda i: f'[vms.v{i}]\nmemory = "1GiB"\ngpu = "card"\n', n),
    "dotted keys": lambda n: _repeated(lambda i: f'vms.v{i}.memory = "1GiB"\n', n),
    "quoted keys": lambda n: _repeated(lambda i: f'vms."v {i}".memory = "1GiB"\n', n),
    "unknown keys": lambda n: _repeated(lambda i: f"k{i} = 1\n", n),
    "inline tables": lambda n: _repeated(lambda i: f"x{i} = {{a=1,b={{c=2}}}}\n", n),
    "tables in a list": lambda n: _repeated(lambda i: '[[vms.win.disks]]\nsource = "/a"\n', n),
    "one long list": lambda n: "a = [" + _repeated(lambda i: f'"{i}",', n) + "]\n",
    "one long text": lambda n: 'a = "' + "a" * n + '"\n',
    "one text of many lines": lambda n: 'a = """' + "a\n" * (n // 2) + '"""\n',
    "escapes": lambda n: 'a = "' + "\\u0041" * (n // 6) + '"\n',
    "one long key": lambda n: "a" * n + " = 1\n",
    "one long number": lambda n: "a = " + "1" * n + "\n",
    "floats": lambda n: _repeated(lambda i: f"d{i} = 1.5e10\n", n),
    "dates": lambda n: _repeated(lambda i: f"d{i} = 2026-01-01T00:00:00Z\n", n),
    "comments": lambda n: "# x\n" * (n // 4),
    "empty lines": lambda n: "\n" * n,
    "brackets": lambda n: "a = " + "[" * (n // 2) + "]" * (n // 2),
    "dots": lambda n: "a." * (n // 2) + "a = 1\n",
}
JSON: dict[str, Callable[[int], str]] = {
    "VMs": lambda n: '{"vms":{' + _repeated(lambda i: f'"v{i}":{{"memory":"1GiB"}},', n) + '"x":{}}}',
    "a key again and again": lambda n: "{" + '"a":1,' * (n // 6) + '"b":1}',
    "a list of numbers": lambda n: '{"a":[' + "0," * (n // 2) + "0]}",
    "brackets": lambda n: "[" * (n // 2) + "]" * (n // 2),
    "escapes": lambda n: '{"a":"' + "\\u0041" * (n // 6) + '"}',
    "disks": lambda n: '{"vms":{"w":{"disks":[' + _repeated(lambda i: f'{{"source":"/a{i}"}},', n) + "{}]}}}",
}


def _options(**tables: Any) -> dict[str, Any]:
    card = {"functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]}
    glass = {"user": "me", "memory": "shm", "displays": [{"width": 1920, "height": 1080}]}
    host = {"distribution": "arch", "cpuVendor": "intel"}
    return {"host": host, "gpus": {"card": card}, "lookingGlass": glass, **tables}


def _vm(**keys: Any) -> dict[str, Any]:
    return {"memory": "1GiB", "gpu": "card", "disks": [{"source": "/a"}], **keys}


def _one(**keys: Any) -> dict[str, Any]:
    return _options(vms={"win": _vm(**keys)})


def _host(**keys: Any) -> dict[str, Any]:
    options = _one()
    options["host"] |= keys
    return options


def _cards(n: int) -> dict[str, Any]:
    names = [f"{i >> 13:04x}:{i >> 5 & 255:02x}:{i & 31:02x}.0" for i in range(n)]
    cards = {f"g{i}": {"functions": [{"address": name, "id": "10de:249d"}]} for i, name in enumerate(names)}
    return _options(gpus=cards, vms={f"v{i}": _vm(gpu=f"g{i}", disks=[{"source": f"/a{i}"}]) for i in range(n)})


def _receivers(n: int) -> dict[str, Any]:
    screams = [{"scream": {"enable": True, "interface": f"br{i}"}} for i in range(n)]
    return _options(
        vms={f"v{i}": _vm(lookingGlass=scream, disks=[{"source": f"/a{i}"}]) for i, scream in enumerate(screams)}
    )


# Each with so many entries of one kind.
OPTIONS: dict[str, Callable[[int], dict[str, Any]]] = {
    "VMs of one GPU": lambda n: _options(vms={f"v{i}": _vm(disks=[{"source": f"/a{i}"}]) for i in range(n)}),
    "VMs with a GPU each": _cards,
    "VMs with a receiver each": _receivers,
    "disks": lambda n: _one(disks=[{"source": f"/a{i}"} for i in range(n)]),
    "one disk again and again": lambda n: _one(disks=[{"source": "/a", "target": "vda"}] * n),
    "networks of a VM": lambda n: _one(networks=[{"type": "network", "source": "default"}] * n),
    "input devices": lambda n: _one(inputs=[{"type": "keyboard", "bus": "virtio"}] * n),
    "evdev": lambda n: _one(evdev=[{"dev": f"/dev/input/e{i}"} for i in range(n)]),
    "programs of a hook": lambda n: _one(hooks={"prepare": [f"/p{i}" for i in range(n)]}),
    "hugepages": lambda n: _host(hugepages=[{"size": "2MiB", "count": i + 1} for i in range(n)]),
    "kernel parameters": lambda n: _host(extraKernelParams=[f"a{i}=1" for i in range(n)]),
    "devices of the access list": lambda n: _host(deviceAcl=[f"/dev/a{i}" for i in range(n)]),
    "networks of the host": lambda n: _host(
        networks={f"n{i}": {"address": f"10.{i >> 8}.{i & 255}.1/24"} for i in range(n)}
    ),
    "pools": lambda n: _host(pools={f"n{i}": {"path": f"/p{i}"} for i in range(n)}),
    "elements of the user's": lambda n: _one(extraXml={"devices": "<a/>" * n}),
    "unknown keys": lambda n: _one(**{f"k{i}": i for i in range(n)}),
}


def document(options: dict[str, Any]) -> str:
    """Options as a configuration in JSON."""
    return json.dumps(options)
