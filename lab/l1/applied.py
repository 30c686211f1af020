"""The Debian machine as ``optimux apply`` leaves it, or ``rollback`` after it: nothing is put there by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.consumers.applied import CONFIG, FACTS, STEPS, menu_words, optimux, prepare
from lab.l1.configs import by_id_config
from lab.l1.debian import INITRAMFS_TOOLS
from lab.l1.image import CODE, Boot, Image, build_image, put_all, release_of

if TYPE_CHECKING:
    from pathlib import Path

    from lab.consumers.roots import Root
    from lab.consumers.session import Session


def applied_image(root: Root, folder: Path, *, rolled_back: bool = False) -> tuple[Image, Image]:
    """The machine with the menu's first entry, and with the one that boots without Optimux; one disk for both."""
    without: list[tuple[str, ...]] = []

    def settle(session: Session) -> Boot:
        put_all(session, INITRAMFS_TOOLS)
        session.run(["sh", "-c", "cd /etc/apparmor.d && find . -maxdepth 1 -type f ! -name '*libvirt*' -delete"])
        prepare(session, by_id_config("shm"))
        code = f"{CODE}/generator"
        optimux(session, code, "apply", CONFIG, "--facts", FACTS, "--yes", "--only", STEPS)
        without.append(menu_words(session, without=True))
        if rolled_back:
            optimux(session, code, "rollback", "--yes")
        return Boot(f"/boot/initrd.img-{release_of(session)}", menu_words(session))

    image = build_image(root, folder, settle)
    return image, image.replace(parameters=without[0])
