"""Other tools that write the same settings: whoever writes last wins."""

from __future__ import annotations

from optimux.facts.detect.root import Root
from optimux.facts.software import Seen

MARKER = "EnvyControl"
# Files that only the tool itself makes, in the order of how much they prove.
FILES = (
    ("envycontrol", "/etc/udev/rules.d/50-remove-nvidia.rules"),
    ("envycontrol", "/etc/modprobe.d/blacklist-nvidia.conf"),
    ("supergfxctl", "/etc/supergfxd.conf"),
    ("supergfxctl", "/etc/modprobe.d/supergfxd.conf"),
    ("prime-select", "/etc/prime-discrete"),
    ("prime-select", "/lib/modprobe.d/blacklist-nvidia.conf"),
    ("system76-power", "/etc/modprobe.d/system76-power.conf"),
    ("optimus-manager", "/etc/X11/xorg.conf.d/10-optimus-manager.conf"),
    ("cardwire", "/etc/cardwire"),
)
# prime-select writes a file of the same name without the marker.
MARKED = ("/etc/udev/rules.d/50-remove-nvidia.rules", "/etc/modprobe.d/blacklist-nvidia.conf")


def other_tools(root: Root) -> tuple[Seen, ...]:
    """Each tool once, with the first file that shows it."""
    found: dict[str, str] = {}
    for tool, path in FILES:
        if not root.exists(path):
            continue
        if path in MARKED and MARKER.lower() not in (root.text(path) or "").lower():
            tool = "prime-select" if "blacklist" in path else "a udev rule that removes the card"
        found.setdefault(tool, path)
    return tuple(Seen(name=tool, evidence=path) for tool, path in found.items())
