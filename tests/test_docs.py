"""The documentation: generated pages are fresh, links lead somewhere, commands and options exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from optimux.cli import VERBS
from optimux.emit.libvirt_hook import hook_script
from optimux.options.load import load
from optimux.options.markdown import markdown, rows
from optimux.options.model import Options
from optimux.patch import CONCERNS
from optimux.plan.resolve import plan_from

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
KEYS = {re.sub(r"\[\]", "", path) for path, _ in rows(Options)}


def test_the_reference_is_what_the_model_says() -> None:
    assert (ROOT / "docs" / "options.md").read_text(encoding="utf-8") == markdown(Options), (
        "run: ./dev optimux schema --format markdown > docs/options.md"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def code(text: str) -> list[str]:
    """The blocks, then what stands in back quotes outside of them."""
    fence = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
    return [*fence.findall(text), *re.findall(r"`[^`]+`", fence.sub("", text))]


def unknown_verbs(text: str) -> list[str]:
    return [verb for verb in re.findall(r"`?optimux ([a-z]+)\b", text) if verb not in VERBS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_verbs_exist(page: Path) -> None:
    assert unknown_verbs("\n".join(code(page.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("before", ["", "```sh\nls\n```\n", "some `code`, "])
def test_an_unknown_verb_is_noticed(before: str) -> None:
    assert unknown_verbs("\n".join(code(f"{before}run `optimux conjure now`"))) == ["conjure"]


def missing_options(text: str) -> list[str]:
    """Dotted option paths in back quotes that no option has; VM options are written without ``vms.<name>.``."""
    known = KEYS | {path.removeprefix("vms.<name>.") for path in KEYS}
    found = re.findall(r"`((?:[a-z][A-Za-z0-9]*|<name>)(?:\.(?:[a-z][A-Za-z0-9]*|<name>))+)(?: = [^`]*)?`", text)
    return [path for path in found if path not in known]


@pytest.mark.parametrize("name", ["defaults.md", "how-to.md"])
def test_named_options_exist(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    files = ("qemu.conf", "pyproject.toml")
    assert [path for path in missing_options(text) if path not in files] == []


def test_a_missing_option_is_noticed() -> None:
    assert missing_options("set `lookingGlass.sizzle` and `pci.gpu`") == ["lookingGlass.sizzle"]


def test_the_readme_configuration_loads() -> None:
    import tomllib

    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert list(load(tomllib.loads(block)).vms) == ["Windows11"]


def other_names(text: str) -> list[str]:
    """Configurations and bundles of a command's, beside ``optimux.toml`` and ``out/`` that all pages have."""
    commands = re.findall(r"^.*(?:optimux|dev|#generate) .*$", "\n".join(code(text)), re.MULTILINE)
    named = [name for line in commands for name in re.findall(r"[\w.~/-]+\.toml|-o [\w./-]+/?(?![\w./-])", line)]
    allowed = re.compile(r"(\./)?optimux\.toml|pyproject\.toml|examples/.*|-o (out/|FILE|\S+\.\w+)")
    return [name for name in named if not allowed.fullmatch(name)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_goes_on_with_the_same_files(page: Path) -> None:
    assert other_names(page.read_text(encoding="utf-8")) == []


def test_another_file_is_noticed() -> None:
    text = "```sh\noptimux generate my.toml -o bundle\n./dev generate optimux.toml -o out/\n```\n`optimux apply a.toml`"
    assert other_names(text) == ["my.toml", "-o bundle", "a.toml"]


def test_every_concern_of_patch_is_explained() -> None:
    page = (ROOT / "docs" / "patch.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE) == list(CONCERNS)


def test_where_the_command_is_to_be_is_where_the_hook_looks() -> None:
    data = {
        "host": {"distribution": "debian", "cpuVendor": "intel"},
        "gpus": {"a": {"bind": "on-demand", "functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]}},
        "vms": {"b": {"gpu": "a", "memory": "1GiB"}},
    }
    (searched,) = re.findall(r"PATH=\$PATH:(.*)", hook_script(plan_from(data)))
    for name in ("getting-started.md", "handover.md"):
        said = re.findall(r"(/[a-z/-]*bin)/optimux\b", (ROOT / "docs" / name).read_text(encoding="utf-8"))
        assert "/usr/local/bin" in said
        assert {*said} - {*searched.split(":")} <= {"/opt/optimux/bin", "/nix/var/nix/profiles/optimux/bin"}
