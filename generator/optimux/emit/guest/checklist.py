"""One page for the person at the guest, in English and in Chinese: what to do, and how to see that it worked."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from optimux.emit.display_modes import mode
from optimux.emit.guest.plan_json import RELEASES
from optimux.emit.guest.steps import programs_for
from optimux.shipped import shipped_table

if TYPE_CHECKING:
    from optimux.plan.model import DomainPlan

Language = Literal["en", "zh"]

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:42em;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.4em}li{margin:.5em 0}code{background:#eee;padding:.1em .3em}td{padding:.2em 1em .2em 0}"
)
_STEPS = ("media", "run", "again", "payload")


@cache
def _words() -> dict[str, Any]:
    return shipped_table("emit/guest/checklist.toml")


def checklist(domain: DomainPlan, language: Language) -> bytes:
    """The page, UTF-8."""
    words = _words()[language]
    release = domain.looking_glass.release
    virtual_display = domain.looking_glass.windows.virtual_display
    modes = ", ".join(map(mode, domain.looking_glass.displays))
    title = words["title"].format(vm=escape(domain.name))
    programs = ", ".join(f"<code>{name}</code>" for name in programs_for(release, virtual_display))
    steps = "".join(f"<li>{words[name].format(programs=programs)}</li>\n" for name in (*_STEPS, release, "done"))
    text = (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{_STYLE}</style></head><body>\n<h1>{title}</h1>\n"
        f"<p>{words['facts'].format(release=RELEASES[release], modes=modes)}</p>\n<ol>\n{steps}</ol>\n"
        f"<p>{words['log']}</p>\n<p>{words['not-run']}</p>\n</body></html>\n"
    )
    return text.encode()
