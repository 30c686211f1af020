"""Entries that boot the machine as it was: ours left out, and vfio-pci kept from loading.

With options and softdeps alone a card then falls back to its own driver; drivers that modprobe.d blacklists do not
come back by the command line, so there the card stays without one, and the machine boots all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WITHOUT = "module_blacklist=vfio_pci"
# Where the Boot Loader Specification has entries, by where the ESP or XBOOTLDR is mounted.
FOLDERS = ("/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries")
IMAGES = ("/efi/EFI/Linux", "/boot/EFI/Linux", "/boot/efi/EFI/Linux")
SUFFIX = "-optimux-off"
_AWK = (
    'BEGIN { count = split(ENVIRON["ours"], list, " "); for (i = 1; i <= count; i++) ours[list[i]] = 1 } '
    '/^title/ { print $0 " (without Optimux)"; next } '
    '/^options/ { line = "options"; for (i = 2; i <= NF; i++) if (!($i in ours)) line = line " " $i; '
    f'print line " {WITHOUT}"; next }} '
    "{ print }"
)


def copy_entries(words: Sequence[str]) -> str:
    """A command: beside each entry one without ``words``. It goes when its kernel is removed."""
    from shlex import quote

    return _each_entry(f'ours={quote(" ".join(words))} awk {quote(_AWK)} "$e" >"${{e%.conf}}{SUFFIX}.conf"')


def has_entries() -> str:
    """A test: whether each entry has such a copy; a later kernel's has none at first."""
    return f'( {_each_entry(f"""[ -e "${{e%.conf}}{SUFFIX}.conf" ] || exit 1""")}; exit 0 )'


def _each_entry(act: str) -> str:
    """A loop over the entries that have options, such as every Linux; ``act`` is a command about ``$e``."""
    globs = " ".join(f"{folder}/*.conf" for folder in FOLDERS)
    return f'for e in {globs}; do case $e in *{SUFFIX}.conf) ;; *) ! grep -qs "^options" "$e" || {act} ;; esac; done'


def remove_entries() -> str:
    """A command: the copies gone."""
    return "rm -f " + " ".join(f"{folder}/*{SUFFIX}.conf" for folder in FOLDERS)


def copy_images() -> str:
    """A command: beside each unified image a copy of it as it is now."""
    globs = " ".join(f"{folder}/*.efi" for folder in IMAGES)
    make = f'cp "$u" "${{u%.efi}}{SUFFIX}.efi"'
    return f'for u in {globs}; do case $u in *{SUFFIX}.efi) ;; *) [ ! -f "$u" ] || {make} || exit ;; esac; done'


def has_images() -> str:
    """A test: whether there are such copies."""
    made = " ".join(f"{folder}/*{SUFFIX}.efi" for folder in IMAGES)
    return f'( for u in {made}; do [ -e "$u" ] && exit 0; done; exit 1 )'


def remove_images() -> str:
    """A command: the copies gone."""
    return "rm -f " + " ".join(f"{folder}/*{SUFFIX}.efi" for folder in IMAGES)
