"""A card to vfio-pci: every precondition first, the state before each action, and all of it undone at a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.host.handover.give import DEVICES, DRIVERS, Incomplete, only_unloaded, restore
from optimux.host.handover.kernel import UNBIND_SECONDS, Kernel, Refused, Stuck
from optimux.host.handover.modules import VFIO
from optimux.host.handover.state import State, Store, Was
from optimux.host.handover.verdict import CAN, GIVEN, IN_USE, Verdict, verdict
from optimux.rules import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from optimux.host.handover.cards import Card
    from optimux.host.handover.holder import Holder
    from optimux.host.handover.picture import Picture

POLITE_SECONDS = 5.0
AWAKE_SECONDS = 2.0
_CLASS = {"drm": "/sys/class/drm", "sound": "/sys/class/sound"}


class Taking:
    """One attempt. ``look`` gives the card's picture, ``say`` tells what goes on; ``give_again`` is the command that
    brings the card back, for a unit that runs it later.
    """

    def __init__(
        self,
        card: Card,
        kernel: Kernel,
        store: Store,
        look: Callable[[], Picture],
        say: Callable[[str], None],
        domain: str | None = None,
        stop: Iterable[str] = (),
        give_again: tuple[str, ...] = (),
    ) -> None:
        self._card, self._kernel, self._store = card, kernel, store
        self._look, self._say, self._domain = look, say, domain
        self._stop = tuple(stop)
        self._give_again = give_again
        self._state: State | None = None
        self._at = "begin"  # the function at work, or a step of all

    def run(self) -> str:
        """Take the card; what was done, in a sentence. Raises ``Refused``; then the card is what it was."""
        picture = self._look()
        judged = verdict(picture)
        if (earlier := self._store.read(self._card.name)) is not None:
            if judged.word in (GIVEN, IN_USE) and earlier.complete and not judged.reasons:
                return self._again(earlier)
            self._refuse_in_use(judged, picture)
            self._say("an earlier hand-over ended in between: what it changed is undone first")
            restore(earlier, self._kernel, self._store, self._say)
            picture = self._look()
            judged = verdict(picture)
        self._refuse_in_use(judged, picture)
        if judged.word == GIVEN:
            return f"vfio-pci has {self._card.name} already"
        self._check_all_but_holders(judged, picture)
        self._state = self._before(picture)
        try:
            self._record()
            self._free(picture, judged)
            self._detach()
            return f"vfio-pci has {self._card.name}"
        except Stuck as error:
            self._left_behind(error)
            raise
        except (Refused, KeyboardInterrupt) as error:
            self._undo(error)
            raise

    def _refuse_in_use(self, judged: Verdict, picture: Picture) -> None:
        """Whatever is written to a function that a VM has waits inside the kernel for the VM's end."""
        if judged.word == IN_USE:
            more = "".join(f" {finding.found}. {finding.remedy}" for finding in judged.reasons)
            raise Refused(f"a VM has {self._card.name}: {picture.machine}.{more} Nothing was changed.")

    def _again(self, earlier: State) -> str:
        """Whoever took it gives it back: another VM must not have it in between, also before its QEMU has opened it."""
        if self._domain and earlier.domain and earlier.domain != self._domain:
            raise Refused(
                f"{self._card.name} is with {earlier.domain}. If that VM has ended: optimux gpu give. Nothing was "
                "changed."
            )
        return f"vfio-pci has {self._card.name} already"

    def _check_all_but_holders(self, judged: Verdict, picture: Picture) -> None:
        """Refuse what no service that is stopped and no polite wait can change."""
        holders = {f.key for f in judged.reasons if f.outcome != "holds" and f.weight != "advice"} <= {"card.holder"}
        unseen = [f for f in judged.reasons if f.outcome == "unseen"]
        if judged.word == CAN or (holders and not unseen and all(self._may_end(h) for h in picture.holders)):
            return
        raise Refused(refusal(judged, self._card.name))

    def _may_end(self, holder: Holder) -> bool:
        return self._is_stopped(holder) or (is_polite(holder) and holder.state != "frozen")

    def _is_stopped(self, holder: Holder) -> bool:
        names = (*self._stop, *(f"{name}.service" for name in rules()["handover"]["services"]))
        unit = holder.unit or ""
        return unit in names or unit.removesuffix(".service") in names

    def _before(self, picture: Picture) -> State:
        """Everything as it is now."""
        kernel = self._kernel
        functions = []
        for address in self._card.addresses:
            base = f"{DEVICES}/{address}"
            override = kernel.text(f"{base}/driver_override")
            functions.append(
                Was(
                    address,
                    kernel.target(f"{base}/driver"),
                    kernel.target(f"{base}/driver/module"),
                    None if override in (None, "", "(null)") else override,
                    kernel.text(f"{base}/power/control"),
                )
            )
        port = None
        if picture.port and (control := kernel.text(f"{DEVICES}/{picture.port.address}/power/control")):
            port = (str(picture.port.address), control)
        return State(self._card.name, self._domain, tuple(functions), port)

    def _free(self, picture: Picture, judged: Verdict) -> None:
        """Stop what may be stopped, and wait for those that let go when asked."""
        if judged.word == CAN:
            return
        units = {holder.unit: holder for holder in picture.holders if self._is_stopped(holder) and holder.unit}
        for unit, holder in units.items():
            manager = ("systemctl", "--user", f"--machine={holder.user}@.host") if holder.user_unit else ("systemctl",)
            self._record(stopped=(*self._current.stopped, (*manager, "start", unit)))
            self._say(f"stopping {unit}")
            self._kernel.run(*manager, "stop", unit)
        held = [h for h in picture.holders if not self._is_stopped(h)]
        if held:
            self._announce(picture, held)
        for _ in self._kernel.rounds(POLITE_SECONDS if held else 1.0, 0.2):
            judged = verdict(self._look())
            if judged.word == CAN:
                return
        raise Refused(refusal(judged, self._card.name))

    def _announce(self, picture: Picture, held: list[Holder]) -> None:
        """A made-up removal: sound servers and KWin let go of the device, and come back at an "add"."""
        nodes = {node.name: node for node in picture.nodes}
        subsystems = {nodes[name].subsystem for holder in held for name in holder.nodes}
        paths = []
        for node in picture.nodes:
            folder = _CLASS.get(node.subsystem)
            if folder and node.subsystem in subsystems:
                name = node.name.rpartition("/")[2]
                paths.append(f"{folder}/{name}/uevent")
                if node.subsystem == "sound" and name.startswith("controlC"):
                    paths.append(f"{folder}/card{name.removeprefix('controlC')}/uevent")
        self._record(announced=tuple(dict.fromkeys(paths)))
        self._say("asking " + ", ".join(dict.fromkeys(h.program for h in held)) + " to let go")
        for path in self._current.announced:
            self._kernel.write(path, "remove")

    @property
    def _current(self) -> State:
        assert self._state is not None
        return self._state

    def _record(self, **changes: Any) -> None:
        """What is to be undone of that which is about to be done, on /run before it is."""
        self._state = self._current.replace(**changes)
        self._store.write(self._state)

    def _detach(self) -> None:
        kernel, functions = self._kernel, self._current.functions
        if not kernel.exists(f"{DRIVERS}/{VFIO}"):
            kernel.run("modprobe", VFIO)
        self._stay_awake()
        for was in functions:
            self._at = str(was.address)
            kernel.write(f"{DEVICES}/{was.address}/driver_override", VFIO)
        unloaded = only_unloaded()
        first = [was for was in functions if was.module in unloaded]
        if first:
            self._unload()
        others = [was for was in functions if was not in first]
        # The display last: what can get stuck, sound and USB, does so while the picture's driver is untouched.
        for was in (*others[1:], *others[:1]) if not first else others:
            if was.driver not in (None, VFIO):
                self._at = str(was.address)
                kernel.write(f"{DRIVERS}/{was.driver}/unbind", str(was.address), UNBIND_SECONDS)
        for was in functions:
            self._at = str(was.address)
            self._bind(was)
        self._inhibit()

    def _stay_awake(self) -> None:
        """A card that does not wake now would not wake in the guest either."""
        kernel = self._kernel
        self._at = "wake"
        places = [self._current.port[0]] if self._current.port else []
        for place in (*places, *(str(was.address) for was in self._current.functions)):
            if kernel.exists(f"{DEVICES}/{place}/power/control"):
                kernel.write(f"{DEVICES}/{place}/power/control", "on", UNBIND_SECONDS)
        for was in self._current.functions:
            path = f"{DEVICES}/{was.address}/power_state"
            for _ in kernel.rounds(AWAKE_SECONDS):
                if kernel.text(path) not in ("D3cold", "D3hot", "error"):
                    break
            else:
                raise Refused(f"{was.address} stays in {kernel.text(path)}: it does not wake")

    def _unload(self) -> None:
        """NVIDIA's modules go whole or not at all: each refuses at once while it is in use, and nothing is harmed."""
        loaded = [name for name in only_unloaded() if self._kernel.exists(f"/sys/module/{name}")]
        self._at = "unload"
        self._record(loaded=tuple(reversed(loaded)))
        for name in loaded:
            try:
                self._kernel.run("rmmod", name)
            except Stuck:
                raise
            except Refused as error:
                raise Refused(f"{error}. It is in use: optimux gpu status says by whom where it can be seen.") from None

    def _bind(self, was: Was) -> None:
        kernel, base = self._kernel, f"{DEVICES}/{was.address}"
        if kernel.target(f"{base}/driver") is None:
            kernel.write("/sys/bus/pci/drivers_probe", str(was.address), UNBIND_SECONDS)
        driver = kernel.target(f"{base}/driver")
        if driver != VFIO:
            raise Refused(f"{was.address} has {driver or 'no driver'} instead of {VFIO}: see dmesg")

    def _inhibit(self) -> None:
        """The card is taken; a host that sleeps with a passed card seldom wakes with it."""
        if not self._kernel.systemd:
            self._record(complete=True)
            return
        unit = f"optimux-awake-{self._card.name}.service"
        why = f"{self._card.name} is with a VM"
        command = ("systemd-inhibit", "--what=sleep", "--who=Optimux", f"--why={why}", "sleep", "infinity")
        self._record(complete=True, inhibitor=unit)
        try:
            self._kernel.run("systemd-run", "--no-block", "--collect", "--quiet", f"--unit={unit}", *command)
        except Refused:
            self._record(inhibitor=None)

    def _undo(self, error: BaseException) -> None:
        try:
            restore(self._current, self._kernel, self._store, self._say)
        except Incomplete as incomplete:
            raise Incomplete(f"{error or 'interrupted'} {incomplete}") from None

    def _left_behind(self, error: Stuck) -> None:
        """The one function waits; the others come back now, and it does once its holder has ended."""
        self._record(stuck=(error.pid, self._at))
        if self._give_again and self._kernel.systemd:
            self._repair_later(error.pid)
        try:
            restore(self._current, self._kernel, self._store, self._say)
        except Incomplete as incomplete:
            self._say(str(incomplete))

    def _repair_later(self, pid: int) -> None:
        """A unit of its own waits for the holder's end: neither this process nor libvirt can."""
        wait = f'while [ -e /proc/{pid} ]; do sleep 1; done; exec "$@"'
        unit = f"--unit=optimux-repair-{self._card.name}"
        try:
            self._kernel.run("systemd-run", "--collect", "--quiet", unit, "sh", "-c", wait, "sh", *self._give_again)
        except Refused:
            self._say("once its holder has ended, bring it back with: optimux gpu give")


def is_polite(holder: Holder) -> bool:
    """Whether it lets go when a removal is announced."""
    return holder.program in rules()["handover"]["polite"]


def refusal(judged: Verdict, name: str) -> str:
    """Why not, with what to do, in lines."""
    lines = [f"{name} {judged.sentence}"]
    lines += [f"  - {finding.found}. {finding.remedy}" for finding in judged.reasons]
    return "\n".join((*lines, "Nothing was changed."))
