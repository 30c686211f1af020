"""A command line's words, paired: which are options, and which of them have a value (system/vl.c, lookup_opt)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from optimux.notation.qemu.properties import IMPLIED
from optimux.record import Record

# Options of QEMU 7.2 to 11.1 for x86 that take no value.
_WORDS = """
    S async-teardown daemonize enable-fips enable-kvm enable-sync-profile full-screen h help win2k-hack mem-prealloc
    no-acpi no-fd-bootchk no-hpet no-kvm no-reboot no-shutdown no-user-config nodefaults nographic nohpet nouserconfig
    only-migratable old-param portrait preconfig semihosting singlestep snapshot usb version xen-attach
    xen-domid-restrict audio-help
"""
_BARE = frozenset(_WORDS.split())
# The others of QEMU 7.2 to 11.1, and those that earlier ones had.
_MORE = """
    D L M accel acpitable action add-fd alt-grab append audio audiodev balloon bios blockdev boot bootp bt cdrom
    chardev chroot clock compat cpu ctrl-grab curses d debugcon device dfilter display drive dtb
    dump-vmstate echr fda fdb fsdev fw_cfg g gdb global hda hdb hdc hdd icount igd-passthru incoming initrd
    iscsi jitdump k kernel loadvm localtime m machine mem-path mon monitor msg mtdblock name net netdev nic no-frame
    no-kvm-irqchip no-kvm-pit no-kvm-pit-reinjection no-quit nodefconfig numa object option-rom overcommit parallel
    perfmap pflash pidfile plugin prom-env qmp qmp-pretty qtest qtest-log readconfig realtime redir rotate rtc
    rtc-td-hack run-with runas sandbox sd sdl seed semihosting-config serial set shim show-cursor smb smbios smp
    soundhw spice startdate tb-size tdf tftp tpmdev trace usbdevice uuid vga virtfs virtioconsole
    vmcoreinfo vnc watchdog watchdog-action writeconfig xen-create xen-domid
"""
_KNOWN = _BARE | frozenset(_MORE.split())

# Those whose value may begin with a dash and is a value all the same.
_VALUED = frozenset(("cpu", "set", "global", *IMPLIED))


class Option(Record):
    """``-device`` and its value; ``first`` is the number of its first word, ``count`` how many words it has.

    ``name`` is empty for a word that is no option: QEMU takes it for a disk image.
    """

    name: str
    value: str | None
    first: int
    count: int


def options(words: Sequence[str]) -> Iterator[Option]:
    """Every option, in order. ``--device`` is ``-device``."""
    position = 0
    while position < len(words):
        word = words[position]
        name = word.removeprefix("-").removeprefix("-") if word.startswith("-") else ""
        has_value = position + 1 < len(words) and _takes(name, words[position + 1])
        count = 2 if has_value else 1
        yield Option(name, words[position + 1] if has_value else None, position, count)
        position += count


def is_known(name: str) -> bool:
    """Whether some QEMU has the option; the empty name is a disk image's."""
    return not name or name in _KNOWN


def _takes(name: str, following: str) -> bool:
    """Whether the next word is an option's value; what QEMU may have beside the known options decides by its looks."""
    if not name or name in _BARE:
        return False
    return name in _VALUED or not following.startswith("-")
