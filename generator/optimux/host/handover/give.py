"""A card back to what it was, from any step at which taking it ended; and the result read back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from optimux.errors import OptimuxError
from optimux.host.handover.kernel import UNBIND_SECONDS, Kernel, Refused, Stuck
from optimux.host.handover.modules import VFIO
from optimux.rules import rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimux.host.handover.cards import Card
    from optimux.host.handover.state import State, Store, Was
    from optimux.pci import Address

DEVICES = "/sys/bus/pci/devices"
DRIVERS = "/sys/bus/pci/drivers"
SETTLE_SECONDS = 3.0


class Incomplete(OptimuxError):  # noqa: N818 - what the card is, not what went wrong
    """Parts of a card did not come back; the state is kept, so that ``give`` can be tried again."""


def give(card: Card, kernel: Kernel, store: Store, say: Callable[[str], None], machine: str | None = None) -> str:
    """The card to the host; what was done, in a sentence. ``machine`` is the VM that has it, if one runs.

    Raises ``Refused`` where nothing was changed, ``Incomplete`` where something did not come back.
    """
    state = store.read(card.name)
    if machine:
        raise Refused(f"a VM has {card.name}: {machine}. Shut it down first. Nothing was changed.")
    if state is None:
        return _without_state(card, kernel)
    if state.stuck and kernel.alive(state.stuck[0]):
        pid, address = state.stuck
        raise Refused(
            f"process {pid} still waits for the kernel to let {address} go. Close what holds it (optimux gpu status); "
            "the card then comes back by itself."
        )
    restore(state, kernel, store, say)
    return f"{card.name} is the host's again"


def _without_state(card: Card, kernel: Kernel) -> str:
    """Nothing is known of an earlier time: what vfio-pci has goes to whichever driver matches, if it may."""
    taken = [a for a in card.addresses if kernel.target(f"{DEVICES}/{a}/driver") == VFIO]
    if not taken:
        if not any(kernel.exists(f"{DEVICES}/{address}") for address in card.addresses):
            addresses = ", ".join(map(str, card.addresses))
            raise Refused(f"{card.name} is not there ({addresses}): compare with optimux detect. Nothing was changed.")
        return f"{card.name} is the host's: nothing to do"
    if not card.on_demand:
        raise Refused(
            f'{card.name} is bound at boot. Set gpus.{card.name}.bind = "on-demand", apply and reboot, to have it on '
            "the host while no VM runs. Nothing was changed."
        )
    for address in taken:
        kernel.write(f"{DRIVERS}/{VFIO}/unbind", str(address), UNBIND_SECONDS)
        kernel.write(f"{DEVICES}/{address}/driver_override", "\n")
        kernel.write("/sys/bus/pci/drivers_probe", str(address), UNBIND_SECONDS)
    left = [str(a) for a in taken if kernel.target(f"{DEVICES}/{a}/driver") in (None, VFIO)]
    if left:
        raise Incomplete(f"no driver took {', '.join(left)}: load it (modprobe), then optimux gpu give again")
    return f"{card.name} is the host's again"


def restore(state: State, kernel: Kernel, store: Store, say: Callable[[str], None]) -> None:
    """Bring everything of a state back. Raises ``Incomplete`` with all that did not come; then the state stays."""
    failed: list[str] = []
    stayed = [path for path in state.announced if kernel.exists(path)]  # a device that comes back announces itself
    waiting = state.stuck[1] if state.stuck and kernel.alive(state.stuck[0]) else None
    gone: set[Address] = set()

    def each(step: Callable[[Was, Kernel], None]) -> None:
        """Of every function; one that was unplugged below a VM goes as soon as that has ended, so at any time."""
        for was in state.functions:
            if was.address in gone:
                continue
            try:
                if kernel.exists(f"{DEVICES}/{was.address}") and str(was.address) != waiting:
                    step(was, kernel)
            except Refused as error:
                if kernel.exists(f"{DEVICES}/{was.address}"):
                    failed.append(str(error))
            if not kernel.exists(f"{DEVICES}/{was.address}"):
                gone.add(was.address)
                say(f"{was.address} is gone: unplugged while it was given")

    each(_release)
    for module in state.loaded:
        _attempt(failed, lambda module=module: _load(module, kernel))  # type: ignore[misc]
    each(lambda was, kernel: _bind(was, kernel, say))
    if waiting:
        failed.append(f"{waiting} waits inside the kernel for whoever holds it")
    _attempt(failed, lambda: _port(state, kernel))
    for path in stayed:
        _attempt(failed, lambda path=path: kernel.write(path, "add"))  # type: ignore[misc]
    for command in state.stopped:
        _attempt(failed, lambda command=command: kernel.run(*command))  # type: ignore[misc]
    if state.inhibitor and kernel.systemd:
        with contextlib.suppress(Refused):
            kernel.run("systemctl", "--no-block", "stop", state.inhibitor)
    if failed:
        raise Incomplete(f"{state.card} did not come back whole: {'; '.join(failed)}. Try: optimux gpu give")
    store.clear(state.card)


def _attempt(failed: list[str], step: Callable[[], object]) -> None:
    try:
        step()
    except Refused as error:
        failed.append(str(error))


def _release(was: Was, kernel: Kernel) -> None:
    """Away from vfio-pci, where it has been brought to, and marked for its own driver.

    Another driver of the host's that has it meanwhile keeps it: it may be one that is never to be unbound.
    """
    base = f"{DEVICES}/{was.address}"
    driver = kernel.target(f"{base}/driver")
    if driver == VFIO != was.driver:
        kernel.write(f"{DRIVERS}/{driver}/unbind", str(was.address), UNBIND_SECONDS)
        driver = None
    if driver is None and was.driver is not None:
        kernel.write(f"{base}/driver_override", was.driver)


def _load(module: str, kernel: Kernel) -> None:
    if not kernel.exists(f"/sys/module/{module}"):
        kernel.run("modprobe", module)


def _bind(was: Was, kernel: Kernel, say: Callable[[str], None]) -> None:
    """To its driver; then the override is what it was, and the result is read back."""
    base = f"{DEVICES}/{was.address}"
    if was.driver is not None and kernel.target(f"{base}/driver") in (None, VFIO) and was.driver != VFIO:
        if was.module and not kernel.exists(f"{DRIVERS}/{was.driver}"):
            kernel.run("modprobe", was.module)
        if kernel.target(f"{base}/driver") is None:
            _probe(was, kernel)
        for _ in kernel.rounds(SETTLE_SECONDS):
            if kernel.target(f"{base}/driver") == was.driver:
                break
    if (kernel.text(f"{base}/driver_override") or "(null)") != (was.override or "(null)"):
        kernel.write(f"{base}/driver_override", was.override or "\n")
    if was.control and kernel.text(f"{base}/power/control") != was.control:
        kernel.write(f"{base}/power/control", was.control)
    driver = kernel.target(f"{base}/driver")
    if driver not in (None, VFIO, was.driver):
        say(f"{was.address} is with {driver} now, no more with {was.driver or 'no driver'}")
    elif driver != was.driver:
        raise Refused(f"{was.address} has {driver or 'no driver'} instead of {was.driver or 'none'}")


def _probe(was: Was, kernel: Kernel) -> None:
    """A probe that no driver answered is an error too: what counts is the driver that is read afterwards."""
    try:
        kernel.write("/sys/bus/pci/drivers_probe", str(was.address), UNBIND_SECONDS)
    except Stuck:
        raise
    except Refused:
        return


def _port(state: State, kernel: Kernel) -> None:
    if state.port:
        path = f"{DEVICES}/{state.port[0]}/power/control"
        if kernel.exists(path) and kernel.text(path) != state.port[1]:
            kernel.write(path, state.port[1])


def only_unloaded() -> tuple[str, ...]:
    """The modules whose drivers are never unbound, in the order of unloading."""
    return tuple(rules()["handover"]["onlyUnloaded"])
