"""What apply writes on the ESP, under a kernel that has FAT: this machine's need not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.l1.configs import by_id_config

if TYPE_CHECKING:
    from lab.l1.machine import L1

_SECONDS = 400


def test_the_esp_is_written_like_any_other_place(without_files: L1) -> None:
    options = by_id_config("shm")
    options["host"] |= {"distribution": "arch", "bootLoader": "systemd-boot", "initramfs": "mkinitcpio"}
    assert without_files.call("fat.proven", _SECONDS, options=options).endswith(" kills")
