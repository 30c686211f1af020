"""A copy of the checkout, and Nix commands on it with the stand-in in nixpkgs' place."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab.consumers import roots
from lab.errors import Unavailable
from lab.nix.standin import NIXPKGS, Nix, write_checkout, write_standin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lab.nix.standin import Versions


class Flake:
    """A copy of the checkout, and nix commands on it with the stand-in in nixpkgs' place."""

    def __init__(self, folder: Path, schemas: Path | None, versions: Versions = NIXPKGS) -> None:
        """``schemas`` are libvirt's, or ``None``; ``versions`` are those of the stand-in's packages."""
        self.folder, self.schemas = folder, schemas
        self.nix = Nix(folder)
        self.standin = write_standin(folder / "standin", schemas, versions)
        self.checkout = write_checkout(folder / "checkout")

    def __call__(self, command: str, output: str = "", *arguments: str, timeout: float = 600) -> str:
        """``nix COMMAND FLAKE#OUTPUT``. Raises ``Refused`` with Nix's own words."""
        return self._of(command, (output,), arguments, timeout)

    def _of(self, command: str, outputs: Iterable[str], arguments: Iterable[str], timeout: float) -> str:
        flake = f"path:{self.checkout}"
        targets = (f"{flake}#{output}" if output else flake for output in outputs)
        override = ("--override-input", "nixpkgs", f"path:{self.standin}", "--no-write-lock-file")
        return self.nix(*command.split(), *targets, *override, *arguments, timeout=timeout)

    def build(self, output: str) -> Path:
        """Where an output is, built."""
        return self.builds([output])[output]

    def builds(self, outputs: Sequence[str]) -> dict[str, Path]:
        """Where each output is, all built by one Nix, which reads the flake once."""
        said = self._of("build", outputs, ("-L", "--json", "--out-link", str(self.folder / "result")), 600)
        return {name: Path(built["outputs"]["out"]) for name, built in zip(outputs, json.loads(said), strict=True)}

    def closure(self, paths: Iterable[Path]) -> list[Path]:
        """All that built paths refer to, themselves included."""
        return [Path(line) for line in self.nix("path-info", "-r", *map(str, paths)).split()]

    def expression(self, text: str) -> Path:
        """Where a derivation of default.nix is, built: ``text`` may use ``pkgs`` and ``optimux``."""
        pkgs = f"import {self.standin}/pkgs.nix {{ lib = import {self.standin}/lib; }}"
        whole = f"let pkgs = {pkgs}; optimux = import {self.checkout} {{ inherit pkgs; }}; in {text}"
        link = self.folder / "result"
        self.nix("build", "--impure", "--expr", whole, "--out-link", str(link))
        return link.resolve()

    @contextmanager
    def changed(self, name: str, text: str) -> Iterator[None]:
        """Another text in a file of the checkout, which may be new."""
        path = self.checkout / name
        before = path.read_text(encoding="utf-8") if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            path.unlink()
            if before is not None:
                path.write_text(before, encoding="utf-8")

    def text(self, name: str) -> str:
        """A file of the checkout."""
        return (self.checkout / name).read_text(encoding="utf-8")


def schemas() -> Path | None:
    """libvirt 11.3's schemas, where a root with them can be had."""
    try:
        return roots.trixie_root().path / "usr/share/libvirt/schemas"
    except Unavailable:
        return None
