"""The documentation, followed: its snippets make the README's configuration another one that resolves."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from lab import CHECKOUT
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from pathlib import Path

TOML = re.compile(r"^```toml\n(.*?)^```", re.DOTALL | re.MULTILINE)
GUIDES = ("how-to.md", "getting-started.md", "guest.md", "handover.md")


def snippets(page: str) -> list[str]:
    return TOML.findall((CHECKOUT / page).read_text(encoding="utf-8"))


SNIPPETS = {f"{page}-{index}": text for page in GUIDES for index, text in enumerate(snippets(f"docs/{page}"))}


def complete() -> str:
    (text,) = snippets("README.md")
    return text


def built_upon(key: str) -> str:
    """What a snippet is pasted into: the README's configuration, where a page goes on with the snippets before it."""
    page, _, index = key.rpartition("-")
    text = complete()
    for number in range(int(index) if page == "guest.md" else 0):
        text = pasted(text, SNIPPETS[f"{page}-{number}"])
    return text


def merged(base: Any, more: Any) -> Any:
    """As a reader does it: tables grow, other values are replaced."""
    if isinstance(base, dict) and isinstance(more, dict):
        return base | {key: merged(base.get(key), value) for key, value in more.items()}
    return more


def pasted(text: str, snippet: str) -> str:
    """The lines below a table's header where the file has it already, else the table at the end.

    A line takes the place of one with the same key.
    """
    for table in re.split(r"^(?=\[)", snippet.strip() + "\n", flags=re.MULTILINE):
        header, _, lines = table.partition("\n")
        there = f"\n{text}".find(f"\n{header}\n")
        if there < 0:
            text = f"{text}\n{table}"
            continue
        end = there + len(header) + 1
        own, bracket, others = text[end:].partition("\n[")
        for key in re.findall(r"^[\w.]+(?= = )", lines, re.MULTILINE):
            own = re.sub(rf"^{re.escape(key)} = .*\n", "", own, flags=re.MULTILINE)
        text = f"{text[:end]}{lines}{own}{bracket}{others}"
    return text


@pytest.mark.parametrize("key", SNIPPETS)
def test_a_snippet_completes_the_configuration(key: str) -> None:
    before, snippet = built_upon(key), SNIPPETS[key]
    data = tomllib.loads(pasted(before, snippet))
    assert data == merged(tomllib.loads(before), tomllib.loads(snippet))
    assert plan_from(data) != plan_from(tomllib.loads(before)), "it changes nothing"


def test_there_are_some() -> None:
    assert {key.rpartition("-")[0] for key in SNIPPETS} == {"how-to.md", "guest.md", "handover.md"}
    assert len(SNIPPETS) >= 9


def test_twin_at_the_end_of_the_file_a_table_stands_twice() -> None:
    twice = [text for text in SNIPPETS.values() if "[host]" in text]
    assert twice
    with pytest.raises(tomllib.TOMLDecodeError, match="twice"):
        tomllib.loads(complete() + twice[0])


def test_twin_a_key_stands_twice() -> None:
    header, _, lines = SNIPPETS["guest.md-0"].partition("\n\n")[0].partition("\n")
    assert header == "[vms.Windows11]"
    with pytest.raises(tomllib.TOMLDecodeError, match="overwrite"):
        tomllib.loads(complete() + lines)


@pytest.mark.parametrize("page", GUIDES)
def test_the_command_has_one_spelling(page: str) -> None:
    """``./dev`` is named once, where it is said what it stands for."""
    text = (CHECKOUT / "docs" / page).read_text(encoding="utf-8")
    assert re.findall(r"\./dev (?!optimux` stands for)\S+", text) == []


# Class codes in the configuration space of made-up devices; what the guide's command is to find.
DEVICES = {"0300": True, "0302": True, "0380": True, "0403": False, "0c03": False, "0600": False}


@pytest.mark.parametrize(("number", "found"), DEVICES.items(), ids=DEVICES)
def test_lspci_finds_every_display_adapter(number: str, found: bool, tmp_path: Path) -> None:
    if shutil.which("lspci") is None:
        pytest.skip("no lspci (Debian package pciutils)")
    (command,) = re.findall(r"^lspci (\S+ ::03xx)", (CHECKOUT / "docs/getting-started.md").read_text(), re.MULTILINE)
    space = f"de 10 9d 24 07 00 10 00 a1 00 {number[2:]} {number[:2]} 00 00 00 00"
    (tmp_path / "dump").write_text(f"0000:01:00.0 {number}: 10de:249d\n00: {space}\n\n")
    words = ["lspci", "-F", str(tmp_path / "dump"), *command.split()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    assert ("0000:01:00.0" in done.stdout) is found
