"""A closure of a store as machines have it: names of what is in the paths, whatever the run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from lab.l1.store import Store

if TYPE_CHECKING:
    from pathlib import Path


def _store(run: Path, mark: str, text: str = "on", code: str = "first = 1") -> Store:
    """As Nix makes one for a run: ``mark`` stands for what its names are made of."""
    place = run / "nix/store"
    names = ("source", "optimux-0.1.0", "qemu.conf", "domains")
    paths = {name: place / f"{mark}{number}-{name}" for number, name in enumerate(names)}
    domains = paths["domains"]
    files = {
        paths["source"] / "lab/l1/code.py": code,
        paths["optimux-0.1.0"] / "lib/optimux/cli.py": code,
        paths["optimux-0.1.0"] / "bin/optimux": f"PYTHONPATH={paths['optimux-0.1.0']}/lib exec {sys.executable}",
        paths["qemu.conf"]: f"namespaces = {text}",
        domains / "libexec/hook": f"cat {paths['qemu.conf']} {domains}/etc/list {run}/mypy",
        domains / "etc/list": "win",
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (domains / "libexec/hook").chmod(0o555)
    return Store(paths.values(), run, run / "there")


def test_another_run_and_other_code_have_the_same_names(tmp_path: Path) -> None:
    one, other = _store(tmp_path / "one", "abc"), _store(tmp_path / "other", "xyz", code="second = 2")
    assert one.names == other.names
    assert {name.partition("-")[2] for name in one.names} == {"optimux-0.1.0", "qemu.conf", "domains"}
    for name in one.names:
        if name.endswith("domains"):
            hook = one.folder / name / "libexec/hook"
            assert hook.read_text() == (other.folder / name / "libexec/hook").read_text()
            assert hook.stat().st_mode & 0o777 == 0o755


def test_twin_other_content_has_another_name_with_all_that_refers_to_it(tmp_path: Path) -> None:
    one, other = _store(tmp_path / "one", "abc"), _store(tmp_path / "other", "abc", text="off")
    (same,) = {*one.names} & {*other.names}
    assert same.endswith("-optimux-0.1.0")


def test_what_refers_to_a_path_says_where_a_machine_has_it(tmp_path: Path) -> None:
    store = _store(tmp_path, "abc")
    places = {name.partition("-")[2]: f"/nix/store/{name}" for name in store.names}
    hook = store.here(f"{places['domains']}/libexec/hook")
    assert hook.read_text() == f"cat {places['qemu.conf']} {places['domains']}/etc/list /var/tmp/optimux/mypy"
    program = store.here(f"{places['optimux-0.1.0']}/bin/optimux")
    assert program.read_text() == "PYTHONPATH=/opt/optimux/generator exec /usr/bin/python3"
    assert store.text(f"PLACES = {tmp_path}/nix/store/abc0-source") == "PLACES = /opt/optimux"


@pytest.mark.parametrize("path", ["etc/list", "libexec/hook"])
def test_every_file_of_a_path_is_there(path: str, tmp_path: Path) -> None:
    store = _store(tmp_path, "abc")
    (domains,) = (name for name in store.names if name.endswith("-domains"))
    assert store.here(f"/nix/store/{domains}/{path}").is_file()
