"""./dev sets itself up in its own folder: copies, links, questions; with programs that only note what is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from optimux.errors import OptimuxError
from optimux.libvirt import binding
from tests import needs

CHECKOUT = Path(__file__).parent.parent
# Makes environments of itself, and writes down everything else.
PYTHON = """#!/bin/sh
echo "$0 $*" >>"$LOG"
case "$1 $2" in
"-m venv") mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; echo "command = $0 -m venv --clear $4" >"$4/pyvenv.cfg" ;;
esac
"""
MISSING = '#!/bin/sh\necho "${0##*/} $*" >>"$LOG"\nexit 1\n'
NOTING = '#!/bin/sh\necho "${0##*/} $*" >>"$LOG"\n'


class Setup:
    """A checkout with those programs before all others."""

    def __init__(self, top: Path) -> None:
        self.log, self.bin, self.checkout = top / "log", top / "bin", top / "checkout"
        self.bin.mkdir()
        self.checkout.mkdir()
        for name in ("dev", "pyproject.toml"):
            shutil.copy(CHECKOUT / name, self.checkout)
        shutil.copytree(CHECKOUT / "lock", self.checkout / "lock")
        self.program("python3", PYTHON)

    def program(self, name: str, text: str) -> None:
        """Put one in the way."""
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run(self, script: Path, *arguments: str, stdin: int = subprocess.DEVNULL, stderr: int = subprocess.PIPE) -> str:
        """What was asked of the programs."""
        self.log.write_text("")
        env = os.environ | {"PATH": f"{self.bin}:{os.environ['PATH']}", "LOG": str(self.log)}
        subprocess.run(["bash", script, *arguments], env=env, stdin=stdin, stderr=stderr, timeout=60, check=False)
        return self.log.read_text()


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def test_what_is_installed_is_locked(setup: Setup) -> None:
    asked = setup.run(setup.checkout / "dev", "optimux", "--version")
    python = setup.checkout / ".venv" / "bin" / "python"
    halves = f"{python} -m pip --disable-pip-version-check install -qq --no-compile --no-deps --require-hashes"
    assert asked.count(halves) == 2
    assert asked.splitlines()[-1] == f"{python} -m optimux --version"
    again = setup.run(setup.checkout / "dev", "optimux", "--version")
    assert again == f"{python} -m optimux --version\n"


def test_where_a_half_fails_the_whole_says_why(setup: Setup) -> None:
    setup.program("python3", f'{PYTHON}case "$*" in *--no-compile\\ --no-deps*) exit 1 ;; esac\n')
    asked = setup.run(setup.checkout / "dev", "optimux", "--version")
    assert "install -qq --no-compile --require-hashes --requirement" in asked


def test_twin_where_none_fails_it_is_not_installed_again(setup: Setup) -> None:
    asked = setup.run(setup.checkout / "dev", "optimux", "--version")
    assert "install -qq --no-compile --require-hashes --requirement" not in asked


def test_a_copied_checkout_leaves_the_original_alone(setup: Setup) -> None:
    setup.run(setup.checkout / "dev", "optimux")
    copy = setup.checkout.with_name("copy")
    shutil.copytree(setup.checkout, copy)
    asked = setup.run(copy / "dev", "optimux")
    assert f"-m venv --clear {copy}/.venv" in asked
    assert str(setup.checkout) not in asked


def test_a_link_to_it(setup: Setup) -> None:
    link = setup.checkout.with_name("link")
    link.symlink_to("checkout/dev")
    assert f"{setup.checkout}/.venv/bin/python -m optimux" in setup.run(link, "optimux")


def test_define_wants_libvirts_binding(setup: Setup) -> None:
    asked = setup.run(setup.checkout / "dev", "optimux", "define", "x.toml")
    assert "from optimux.libvirt.binding import binding" in asked
    for others in (("define", "--help"), ("schema",)):
        assert "binding" not in setup.run(setup.checkout / "dev", "optimux", *others)


@pytest.mark.parametrize(("answer", "installs"), [(b"n\n", False), (b"y\n", True), (b"\n", True)])
def test_a_terminal_is_asked_before_packages_are_installed(setup: Setup, answer: bytes, installs: bool) -> None:
    setup.program("dpkg-query", MISSING)
    setup.program("apt-get", NOTING)
    setup.program("virsh", NOTING)
    setup.program("id", "#!/bin/sh\necho 0\n")
    ours, theirs = needs.terminal()
    os.write(ours, answer)
    asked = setup.run(setup.checkout / "dev", "bench", stdin=theirs, stderr=theirs)
    said = os.read(ours, 1 << 16)
    os.close(ours)
    os.close(theirs)
    assert b"Debian packages are missing, without which the peers' timings are missing: virtinst" in said
    assert b"install them?" in said
    assert ("apt-get install" in asked) == installs


class TestLibvirtsBinding:
    """The system's own is found where a virtual environment hides it; nothing else of its folder is."""

    @pytest.fixture(autouse=True)
    def _none_yet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "libvirt", raising=False)
        monkeypatch.setattr(sys, "path", [path for path in sys.path if not Path(path, "libvirt.py").exists()])

    def test_found(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "libvirt.py").write_text("made_here = True\n")
        monkeypatch.setattr(binding, "_FOLDERS", (str(tmp_path / "none"), str(tmp_path)))
        before = list(sys.path)
        assert binding.binding().made_here
        assert sys.path == before

    @pytest.mark.parametrize("text", [None, "import libvirtmod_of_another_python\n"])
    def test_missing(self, text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if text:
            (tmp_path / "libvirt.py").write_text(text)
        monkeypatch.setattr(binding, "_FOLDERS", (str(tmp_path),))
        monkeypatch.setattr(binding, "import_module", _import_here(str(tmp_path)))
        with pytest.raises(OptimuxError, match=r"python3-libvirt.*pip install libvirt-python"):
            binding.binding()


def _import_here(folder: str) -> object:
    """Finds nothing but in that folder, whatever this machine has installed."""
    from importlib import import_module

    def find(name: str) -> SimpleNamespace:
        if folder not in sys.path:
            raise ImportError(name)
        import_module(name)
        return SimpleNamespace()

    return find


def _unlocked(wanted: list[str], lock: str) -> list[str]:
    """The requirements whose package the lock does not have, or too old."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins = [line.partition(" ")[0].partition("==") for line in lock.splitlines() if "==" in line]
    locked = {canonicalize_name(name): version for name, _, version in pins}
    parsed = [Requirement(text) for text in wanted]
    return [str(one) for one in parsed if not one.specifier.contains(locked.get(canonicalize_name(one.name), "0"))]


@pytest.mark.parametrize("kind", ["runtime", "dev"])
def test_everything_declared_is_locked(kind: str) -> None:
    """Where this fails, the lock is to be renewed: CONTRIBUTING.md has the commands."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(project["optional-dependencies"]["dev"] if kind == "dev" else ())]
    lock = (CHECKOUT / "lock" / f"{kind}.txt").read_text(encoding="utf-8")
    assert _unlocked(wanted, lock) == []
    assert _unlocked(["no-such-package>=1", "click>=99"], lock) == ["no-such-package>=1", "click>=99"]
