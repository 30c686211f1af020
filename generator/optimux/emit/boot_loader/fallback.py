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
    """A command: beside each entry one without ``words``. It goes when its kernel is removed.

    A copy gets its name when it is complete: one that is there counts as a way back.
    """
    from shlex import quote

    made = f'ours={quote(" ".join(words))} awk {quote(_AWK)} "$e" >"$n.new" && mv -f "$n.new" "$n.conf"'
    return _each_entry(f"{{ n=${{e%.conf}}{SUFFIX}; {made} || exit 1; }}")


def has_entries() -> str:
    """A test: whether each entry has such a copy; a later kernel's has none at first."""
    return f'( {_each_entry(f"""[ -e "${{e%.conf}}{SUFFIX}.conf" ] || exit 1""")}; exit 0 )'


def _each_entry(act: str) -> str:
    """A loop over the entries that have options, such as every Linux; ``act`` is a command about ``$e``."""
    globs = " ".join(f"{folder}/*.conf" for folder in FOLDERS)
    return f'for e in {globs}; do case $e in *{SUFFIX}.conf) ;; *) ! grep -qs "^options" "$e" || {act} ;; esac; done'


def remove_entries() -> str:
    """A command: the copies gone."""
    return _removed(FOLDERS, ".conf")


# By systemd's own plugin, which builds a unified image of what lies in one folder, as it is configured in another: so
# it is signed, and has a splash, like the first. An ESP that is full is no reason to break off a kernel's installation.
_PLUGIN = r"""
release=$2
off=$KERNEL_INSTALL_BOOT_ROOT/EFI/Linux/$KERNEL_INSTALL_ENTRY_TOKEN-$release{suffix}.efi
[ "$1" != remove ] || exec rm -f "$off"
# One that is there is from before Optimux.
[ "$1" = add ] && [ "$KERNEL_INSTALL_LAYOUT" = uki ] && [ ! -e "$off" ] || exit 0
leave() {{ echo "Optimux: no image of $release that boots without it: $1" >&2; exit 0; }}
conf=${{KERNEL_INSTALL_CONF_ROOT:-/etc/kernel}}
[ -s "$conf/cmdline" ] || leave "there is no $conf/cmdline"
work=$(mktemp -d) || leave "no room for it"
new=${{off%.efi}}.new
trap 'rm -rf "$work" "$new"' EXIT
mkdir "$work/kernel" "$work/area"
[ -n "$KERNEL_INSTALL_CONF_ROOT" ] || ln -s /usr/lib/kernel/*.conf "$work/kernel"
ln -sf "$conf"/* "$work/kernel"
ln -s "$KERNEL_INSTALL_STAGING_AREA"/microcode* "$KERNEL_INSTALL_STAGING_AREA"/initrd* "$work/area"
# What a pattern leaves that matches nothing.
find "$work" -xtype l -delete
rm "$work/kernel/cmdline"
{words} <"$conf/cmdline" >"$work/kernel/cmdline"
export KERNEL_INSTALL_CONF_ROOT="$work/kernel" KERNEL_INSTALL_STAGING_AREA="$work/area"
/usr/lib/kernel/install.d/60-ukify.install "$@"
[ -f "$work/area/uki.efi" ] || leave "ukify made none"
{{ cp "$work/area/uki.efi" "$new" && mv -f "$new" "$off"; }} || leave "it could not be written"
""".strip()
# Arch's image keeps its name while its kernel changes; the version stands in the kernel's header as it is.
_HOOK = r"""
case $3 in *{suffix}.efi | *-fallback.efi | '') exit 0 ;; esac
off=${{3%.efi}}{suffix}.efi
if [ -e "$off" ] && grep -aqF -- "$KERNELVERSION" "$off"; then exit 0; fi
words=$(mktemp) || exit 0
trap 'rm -f "$words"' EXIT
cat /etc/kernel/cmdline /etc/cmdline.d/*.conf 2>/dev/null | {words} >"$words"
mkinitcpio -k "$1" --cmdline "$words" -U "$off" ||
    echo "Optimux: no image of $KERNELVERSION that boots without it" >&2
""".strip()
_AWK_WORDS = (
    'BEGIN { count = split(ENVIRON["ours"], list, " "); for (i = 1; i <= count; i++) ours[list[i]] = 1 } '
    '!/^[ \\t]*#/ { for (i = 1; i <= NF; i++) if (!($i in ours)) line = line $i " " } '
    f'END {{ print line "{WITHOUT}" }}'
)


def plugin(words: Sequence[str]) -> str:
    """Of kernel-install: beside a new unified image one without ``words``, which goes with its kernel."""
    return _PLUGIN.format(suffix=SUFFIX, words=_without(words))


def hook(words: Sequence[str]) -> str:
    """Of mkinitcpio, run after it has made an image: one beside it without ``words``, for each kernel anew."""
    return _HOOK.format(suffix=SUFFIX, words=_without(words))


def _without(words: Sequence[str]) -> str:
    """A filter of a command line."""
    from shlex import quote

    return f"ours={quote(' '.join(words))} awk {quote(_AWK_WORDS)}"


def copy_images() -> str:
    """A command: beside each unified image a copy of it as it is now."""
    globs = " ".join(f"{folder}/*.efi" for folder in IMAGES)
    make = f'{{ n=${{u%.efi}}{SUFFIX}; cp "$u" "$n.new" && mv -f "$n.new" "$n.efi" || exit 1; }}'
    return f'for u in {globs}; do case $u in *{SUFFIX}.efi) ;; *) [ ! -f "$u" ] || {make} ;; esac; done'


def has_images() -> str:
    """A test: whether there are such copies."""
    made = " ".join(f"{folder}/*{SUFFIX}.efi" for folder in IMAGES)
    return f'( for u in {made}; do [ -e "$u" ] && exit 0; done; exit 1 )'


def remove_images() -> str:
    """A command: the copies gone."""
    return _removed(IMAGES, ".efi")


def _removed(folders: Sequence[str], ending: str) -> str:
    """Also those that were not finished."""
    return "rm -f " + " ".join(f"{folder}/*{SUFFIX}{end}" for folder in folders for end in (ending, ".new"))
