"""``optimux apply`` and ``rollback`` run inside a Debian session, with Debian's own tools behind them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping

    from lab.consumers.session import Session

CONFIG = "/root/optimux.json"
# The machine around the session is another one.
FACTS = "/root/facts.json"
MENU = "/boot/grub/grub.cfg"
# The disk that the machine of these files will have.
ROOT_DEVICE, ROOT_UUID = "/dev/vda", "7d7a4f0e-6c1d-4b2e-9a53-2f0c1b9e8d11"
# What needs no running system but this one's files; a session has no systemd and no libvirtd.
STEPS = "files,lines,groups,modules,tables,boot-loader,initramfs"
_SECONDS = 400
# The session has no disk to look at, and only grub-common of GRUB.
_STAND_INS = {
    "/usr/sbin/grub-probe": f"""#!/bin/sh
case "$*" in
*target=fs_uuid*) echo {ROOT_UUID} ;;
*target=device*) echo {ROOT_DEVICE} ;;
*target=fs*) echo ext2 ;;
esac
""",
    "/usr/sbin/update-grub": f"#!/bin/sh\nmkdir -p {MENU.rpartition('/')[0]}\nexec grub-mkconfig -o {MENU}\n",
    # Beside the real one, which is udev itself: here it has no daemon to speak to.
    "/opt/stand-ins/udevadm": "#!/bin/sh\n",
}
# A third of the default image, and a fifth of its time: what an emulated machine's disk needs, and what hooks add.
SMALL_INITRAMFS = {
    "/etc/initramfs-tools/conf.d/small": "MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n",
    "/etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\next4\n",
}
_PATH = "/opt/stand-ins:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def prepare(session: Session, options: Any, user: str | None = None, words: Iterable[str] = ()) -> None:
    """The configuration, what stands in for a disk, and a menu as GRUB had it before, with ``words`` in every entry."""
    session.put(CONFIG, json.dumps(options))
    session.put(FACTS, "{}")
    for path, text in SMALL_INITRAMFS.items():
        session.put(path, text)
    for path, text in _STAND_INS.items():
        session.run(["rm", "-f", path])
        session.put(path, text, 0o755)
    lines = (f"GRUB_DEVICE_UUID={ROOT_UUID}", "GRUB_TIMEOUT=0", f'GRUB_CMDLINE_LINUX="{" ".join(words)}"')
    session.put("/etc/default/grub", "\n".join((*lines, 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')))
    # What asks for themes, other systems and the firmware of a machine that is not here.
    session.run(["sh", "-c", "cd /etc/grub.d && rm -f 05_* 20_* 30_*"])
    session.run(["update-grub"], timeout=_SECONDS)
    if user is not None:
        session.run(["useradd", "--create-home", user])


def optimux(
    session: Session, code: str, *arguments: str, check: bool = True, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The command itself, with the package in the folder ``code`` there, and ``more`` in its environment.

    Raises ``Refused``.
    """
    command = ["python3", "-c", "from optimux.cli import main; main()", *arguments]
    env = {"PATH": _PATH, "PYTHONPATH": code, "PYTHONDONTWRITEBYTECODE": "1", **(more or {})}
    return session.run(command, timeout=_SECONDS, check=check, env=env)


def menu_words(session: Session, *, without: bool = False) -> tuple[str, ...]:
    """The kernel parameters of the menu's first entry, or of the first one that boots without Optimux."""
    menu = session.read(MENU).decode()
    head, _, submenu = menu.partition("submenu 'Without Optimux'")
    lines = [line.split() for line in (submenu if without else head).splitlines() if line.strip().startswith("linux\t")]
    return tuple(word for word in lines[0][2:] if not word.startswith("root=") and word not in ("ro", "quiet"))
