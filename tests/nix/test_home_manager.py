"""The module for Home Manager: the settings of one of the system's VMs in the user's own file."""

from __future__ import annotations

from typing import Any

import pytest

from lab.errors import Refused
from lab.nix.evaluator import evaluate, need_lib
from optimux.nix_text import render, string
from optimux.options.nix import nix_value
from tests.golden_cases import CHECKOUT

# Of Home Manager: misc/xdg.nix, misc/assertions; of the system what the module reads.
EXPRESSION = """
let
  lib = import <nixpkgs/lib>;
  world = import %(lab)s { };
  declared.options = {
    assertions = lib.mkOption { type = lib.types.listOf lib.types.unspecified; default = [ ]; };
    xdg.configFile = lib.mkOption {
      type = lib.types.attrsOf (lib.types.submodule { options.source = lib.mkOption { type = lib.types.path; }; });
      default = { };
    };
  };
  config = (lib.evalModules {
    modules = [ declared %(module)s { programs.optimux = %(settings)s; } ];
    specialArgs = { inherit (world) pkgs; osConfig = %(system)s; };
  }).config;
in
{
  failed = world.failed config;
  files = lib.mapAttrs (_: file: { inherit (file.source) script extraConfig; }) config.xdg.configFile;
}
"""
SYSTEM = '{ virtualisation.optimux = { enable = true; vms = { linux = { }; windows = { }; }; domains = "/built"; }; }'


def home(settings: dict[str, Any], system: str = SYSTEM) -> Any:
    need_lib()
    parts = {
        "lab": CHECKOUT / "lab/nix/world.nix",
        "module": CHECKOUT / "nixos-modules/home-manager.nix",
        "settings": render(nix_value(settings)),
        "system": system,
    }
    return evaluate("--expr", EXPRESSION % parts)


@pytest.mark.parametrize(("settings", "vm"), [({}, "linux"), ({"vm": "windows"}, "windows")])
def test_a_vms_settings_are_the_users_file(settings: dict[str, Any], vm: str) -> None:
    found = home({"enable": True, "extraConfig": "[win]\nfullScreen=yes\n", **settings})
    assert found["failed"] == []
    (file,) = found["files"].values()
    assert f"cat /built/etc/optimux/clients/{vm}.ini " in file["script"]
    assert file["extraConfig"] == "[win]\nfullScreen=yes\n"
    assert list(found["files"]) == ["looking-glass/client.ini"]


def test_off_it_sets_nothing() -> None:
    assert home({}) == {"failed": [], "files": {}}


@pytest.mark.parametrize("system", [SYSTEM, "{ }", SYSTEM.replace("enable = true", "enable = false")])
def test_a_vm_that_is_not_there_is_told(system: str) -> None:
    found = home({"enable": True, "vm": "widnows"}, system)
    assert 'programs.optimux.vm: found "widnows"' in found["failed"][0]


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(Refused, match="extraConfg"):
        home({"extraConfg": string("")})
