"""The files of the guest's medium: the setup, its plan, the settings beside it, a checklist in two languages.

No answer file of Windows Setup is ever among them: this medium may stay attached, and a later Setup would obey it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.guest.checklist import checklist
from optimux.emit.guest.plan_json import plan_json
from optimux.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.emit.guest.checklist import Language
    from optimux.plan.model import DomainPlan

FOLDER = "optimux"
LANGUAGES: tuple[Language, ...] = ("en", "zh")


def medium_files(
    domain: DomainPlan, settings: Mapping[str, bytes], payload: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """Path on the medium to content.

    ``settings`` are what drivers read, as ``emit.windows`` makes them; ``payload`` are programs that the setup may
    run, whose checksums go into its plan.
    """
    inside = {
        "setup.ps1": _dos(shipped("emit/guest/windows/setup.ps1")),
        "plan.json": _dos(plan_json(domain, settings, payload or {})),
        **settings,
        **{f"payload/{name}": content for name, content in (payload or {}).items()},
    }
    pages = {f"checklist.{language}.html": checklist(domain, language) for language in LANGUAGES}
    return {
        "setup.cmd": _dos(shipped("emit/guest/windows/setup.cmd")),
        **pages,
        **{f"{FOLDER}/{name}": content for name, content in inside.items()},
    }


def _dos(text: bytes) -> bytes:
    """cmd.exe misreads batch files with line feeds alone."""
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
