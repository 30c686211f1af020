"""A libvirt that is made up: its binding as a module of ours, which fails where a test says so."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class LibvirtsOwn(Exception):  # noqa: N818 - it stands for libvirt.libvirtError
    """What the binding raises."""

    def __init__(self, words: str, code: int = 1) -> None:
        super().__init__(words)
        self._code = code

    def get_error_code(self) -> int:
        """libvirt's number of it."""
        return self._code


NO_DOMAIN, UNRESPONSIVE, UNSYNCED, TIMEOUT = 42, 86, 90, 103


def raising(error: BaseException) -> Callable[..., Any]:
    """A call that fails."""

    def call(*arguments: object, **named: object) -> None:
        raise error

    return call


def made_up(**domain: Any) -> SimpleNamespace:
    """The module, with one domain ``win`` whose calls can be replaced, also by ``open`` and ``lookupByName``.

    ``calls`` are the names of the calls that changed something.
    """
    calls: list[str] = []

    def noted(name: str, answer: Any = None) -> Callable[..., Any]:
        def call(*arguments: object) -> Any:
            calls.append(name)
            return answer

        return call

    own = {
        "name": lambda: "win",
        "isActive": lambda: 1,
        "XMLDesc": lambda flags: "<domain/>",
        "state": lambda flags: (3, 0),
        "create": noted("create"),
        "resume": noted("resume"),
        "shutdown": noted("shutdown"),
        "reboot": noted("reboot"),
        "undefineFlags": noted("undefineFlags"),
        "sendKey": noted("sendKey"),
        "updateDeviceFlags": noted("updateDeviceFlags"),
    }
    win = SimpleNamespace(**own | {key: value for key, value in domain.items() if key in own})
    of_connection = {
        "lookupByName": lambda name: win,
        "listAllDomains": lambda: [win],
        "networkLookupByName": lambda name: SimpleNamespace(isActive=lambda: 0, create=noted("network")),
        "defineXML": noted("defineXML"),
        "createXML": noted("createXML", win),
        "close": noted("close"),
    }
    connection = SimpleNamespace(**of_connection | {key: domain[key] for key in of_connection if key in domain})
    return SimpleNamespace(
        calls=calls,
        libvirtError=LibvirtsOwn,
        registerErrorHandler=lambda *arguments: None,
        open=domain.get("open", lambda uri: connection),
        qemuAgentCommand=domain.get("qemuAgentCommand", lambda *arguments: '{"return": {}}'),
        VIR_ERR_NO_DOMAIN=NO_DOMAIN,
        VIR_ERR_AGENT_UNRESPONSIVE=UNRESPONSIVE,
        VIR_ERR_AGENT_UNSYNCED=UNSYNCED,
        VIR_ERR_AGENT_COMMAND_TIMEOUT=TIMEOUT,
        VIR_DOMAIN_XML_INACTIVE=1,
        VIR_DOMAIN_XML_SECURE=2,
        VIR_DOMAIN_UNDEFINE_KEEP_NVRAM=1,
        VIR_DOMAIN_UNDEFINE_KEEP_TPM=2,
        VIR_KEYCODE_SET_LINUX=0,
        VIR_DOMAIN_PAUSED=3,
        VIR_DOMAIN_PMSUSPENDED=7,
        VIR_DOMAIN_REBOOT_GUEST_AGENT=4,
        VIR_DOMAIN_AFFECT_LIVE=1,
        VIR_DOMAIN_DEVICE_MODIFY_FORCE=4,
    )
