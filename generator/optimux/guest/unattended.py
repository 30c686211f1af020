"""The medium that answers Windows' Setup: its password, its file, and what is refused before anything is made."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.emit.guest.answer_file import answer_file
from optimux.emit.guest.iso import iso_image
from optimux.errors import InvalidInput, Problem
from optimux.files.read import at_once

if TYPE_CHECKING:
    from optimux.plan.model import DomainPlan

LABEL = "OPTIMUXSETUP"
NAME = "Autounattend.xml"
MOST_PASSWORD = 127  # UTF-16 code units that Windows takes at a logon


def answer_medium(domain: DomainPlan, password: str) -> bytes:
    """The image. It holds the password, encoded and not encrypted: mode 0600, and gone when Setup has read it."""
    stated = domain.windows.unattended
    assert stated is not None
    return iso_image({NAME: answer_file(stated, password, domain.windows.virtio_folder)}, LABEL)


def read_password(domain: DomainPlan) -> str | None:
    """The first line of the file that the configuration names; ``None`` where it names none.

    Raises ``InvalidInput`` where others may read the file, and for a password that Windows does not take.
    """
    stated = domain.windows.unattended
    assert stated is not None
    if stated.password_file is None:
        return None
    key, path = f"vms.{domain.key}.windows.unattended.passwordFile", Path(stated.password_file)
    allowed = "a file that its owner alone may read"
    try:
        with open(path, encoding="utf-8", opener=at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            line = file.readline(4096)
    except UnicodeDecodeError:
        raise InvalidInput([Problem(key, f"{path}, no UTF-8", "one line of UTF-8", "Write it anew.")]) from None
    except OSError as error:
        remedy = "Make it, or leave the key out: then the password is asked for."
        raise InvalidInput([Problem(key, f"{path}: {error.strerror}", allowed, remedy)]) from None
    if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o077:
        raise InvalidInput([Problem(key, f"{path}, mode {stat.S_IMODE(mode):04o}", allowed, f"chmod 600 {path}")])
    check_password(line.rstrip("\r\n"), key)
    return line.rstrip("\r\n")


def check_password(password: str, where: str) -> None:
    """Raises ``InvalidInput``; the complaint does not show the password."""
    allowed = f"1 to {MOST_PASSWORD} characters"
    if not password:
        raise InvalidInput([Problem(where, "no password", allowed, "Windows' local account needs one here.")])
    units = len(password.encode("utf-16-le")) // 2  # a character beyond the usual ones is two
    if units > MOST_PASSWORD or not password.isprintable():
        found = f"{units} characters" if password.isprintable() else "control characters"
        raise InvalidInput(
            [Problem(where, found, allowed, "Shorten it." if password.isprintable() else "Remove them.")]
        )
