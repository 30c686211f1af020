"""The flake over a stand-in for nixpkgs: shown, checked and run for real, without network.

The stand-in has nixpkgs' real lib, this machine's programs as packages, and the options of NixOS that are declared in
tests/; docs/nixos.md says which steps that leaves to a machine with network.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from lab.errors import Refused
from lab.nix.evaluator import need_lib
from lab.nix.flake import Flake, schemas
from lab.nix.standin import SETTINGS, needed
from optimux.acpi.battery import battery_table
from optimux.nix_text import string
from optimux.options.looking_glass import Display
from optimux.plan.battery import BATTERY_ONLY, FULL
from optimux.plan.memory_size import frame_memory
from optimux.plan.resolve import plan_from
from tests.golden_cases import EXAMPLES, artifacts, case

if TYPE_CHECKING:
    from pathlib import Path

    from lab.consumers.roots import Root

pytestmark = pytest.mark.xdist_group("flake")
VM_TESTS = EXAMPLES.parent / "vm-tests"
OUTPUTS = {
    ("nixosModules",): {"default", "optimux"},
    ("packages", "x86_64-linux"): {"default", "optimux", "options-doc"},
    ("packages", "aarch64-darwin"): {"default", "optimux", "options-doc"},
    ("apps", "x86_64-linux"): {"default", "generate", "patch", "verify"},
    ("checks", "x86_64-linux"): {"lint", "unit", "examples", "options-fresh", "optimux", "options-doc"},
    ("overlays",): {"default"},
    ("devShells", "x86_64-linux"): {"default"},
    ("templates",): {"default", "laptop"},
}


@pytest.fixture(scope="module")
def flake(tmp_path_factory: pytest.TempPathFactory) -> Flake:
    needed()
    need_lib()
    return Flake(tmp_path_factory.mktemp("flake"), schemas())


def need_schemas(flake: Flake) -> None:
    if flake.schemas is None:
        pytest.skip("no libvirt 11.3, whose schema judges the examples: no Debian root can be had")


def test_it_shows_every_output(flake: Flake) -> None:
    shown = json.loads(flake("flake show", "", "--json"))
    for path, names in OUTPUTS.items():
        found = shown
        for key in path:
            found = found[key]
        assert names <= found.keys(), path
    examples = {f"module-{path.stem}" for path in EXAMPLES.glob("*.toml")}
    assert examples <= shown["checks"]["x86_64-linux"].keys()
    assert shown["formatter"].keys() == shown["packages"].keys()
    assert "homeModules" in shown


def test_one_input_that_is_pinned(flake: Flake) -> None:
    lock = json.loads(flake.text("flake.lock"))
    assert lock["nodes"]["root"]["inputs"] == {"nixpkgs": "nixpkgs"}
    pinned = lock["nodes"]["nixpkgs"]["locked"]
    assert re.fullmatch(r"[0-9a-f]{40}", pinned["rev"])
    assert pinned["narHash"].startswith("sha256-")
    metadata = json.loads(flake.nix("flake", "metadata", "--json", f"path:{flake.checkout}"))
    assert metadata["locks"] == lock


def test_it_checks(flake: Flake) -> None:
    """Every check built: the linters, the tests that need no foreign program, each example as a system."""
    need_schemas(flake)
    flake("flake check", "", "-L", "--keep-going", timeout=1200)


def test_nothing_is_imported_from_a_derivation(flake: Flake) -> None:
    no_import = ("--raw", "--option", "allow-import-from-derivation", "false")
    assert flake("eval", "checks.x86_64-linux.module-omen-17.drvPath", *no_import).endswith(".drv")
    importing = 'builtins.readFile (pkgs.writeText "x" "x")'
    standin = f"import {flake.standin}/pkgs.nix {{ lib = import {flake.standin}/lib; }}"
    with pytest.raises(Refused, match="allow-import-from-derivation"):
        flake.nix("eval", "--impure", *no_import, "--expr", f"let pkgs = {standin}; in {importing}")


def test_stale_options_fail_the_check(flake: Flake) -> None:
    name = "nixos-modules/options.nix"
    with flake.changed(name, flake.text(name) + "# more\n"), pytest.raises(Refused, match="# more"):
        flake.build("checks.x86_64-linux.options-fresh")


def test_an_example_that_libvirt_refuses_fails_the_check(flake: Flake) -> None:
    need_schemas(flake)
    emitter = "generator/optimux/emit/domain_xml/compute.py"
    broken = flake.text(emitter).replace('element("vcpu"', 'element("vcpus"')
    with flake.changed(emitter, broken), pytest.raises(Refused, match="failed to validate content"):
        flake.build("checks.x86_64-linux.examples")


def test_an_example_that_is_no_system_fails_the_check(flake: Flake) -> None:
    name, words = "examples/nixos.toml", r'Failed assertions:\n.*lookingGlass\.user: found "bob"'
    bad = flake.text(name).replace('"alice"', '"bob"')
    with flake.changed(name, bad), pytest.raises(Refused, match=words):
        flake.build("checks.x86_64-linux.module-nixos")


# --- VM tests -----------------------------------------------------------------------------------------------------

VM_TEST = """\
{ self, ... }:
{
  name = "sample";
  nodes.machine = {
    imports = [ self.nixosModules.default ];
    virtualisation.memorySize = 2048;
    virtualisation.optimux = {
      enable = true;
      host.cpuVendor = "intel";
    };
  };
  testScript = ''
    machine.wait_for_unit("multi-user.target")
    assert machine.qmp_client is not None
    machine.qmp_client.send("query-status")
    with subtest("the IOMMU is on"):
        assert "intel_iommu=on" in machine.succeed("cat /proc/cmdline")
  '';
}
"""
BROKEN_VM_TESTS = {
    "an unknown option": ("virtualisation.memorySize", "virtualisation.memorysize", "memorysize' does not exist"),
    "a failed assertion": ('host.cpuVendor = "intel";', "", "host.cpuVendor: found nothing"),
    "an unknown method": ("wait_for_unit", "wait_for_unti", 'has no attribute "wait_for_unti"'),
    "a client that may be none": ("    assert machine.qmp_client is not None\n", "", 'has no attribute "send"'),
    "an unknown machine": ("machine.succeed", "maschine.succeed", "maschine"),
    "a wrong type": ('wait_for_unit("multi-user.target")', "wait_for_unit(5)", "incompatible type"),
    "an unused name": ("    machine.qmp_client.send", "    import os\n    machine.qmp_client.send", "F401"),
    "no Python": ("    with subtest", "    with subtets(", "[Ss]yntax"),
}


def test_vm_tests_are_found(flake: Flake) -> None:
    with flake.changed("vm-tests/sample.nix", VM_TEST):
        flake.build("checks.x86_64-linux.vm-sample")


@pytest.mark.parametrize("name", sorted(path.stem for path in VM_TESTS.glob("*.nix")))
def test_every_scenario_evaluates(name: str, flake: Flake) -> None:
    """Its machines and its script, typed and linted against the driver; booting takes nixpkgs itself."""
    flake.build(f"checks.x86_64-linux.vm-{name}")


@pytest.mark.parametrize(("old", "new", "words"), BROKEN_VM_TESTS.values(), ids=BROKEN_VM_TESTS.keys())
def test_broken_vm_tests_are_refused(old: str, new: str, words: str, flake: Flake) -> None:
    assert VM_TEST.count(old) == 1
    with flake.changed("vm-tests/sample.nix", VM_TEST.replace(old, new)), pytest.raises(Refused, match=words):
        flake.build("checks.x86_64-linux.vm-sample")


# --- what is built is what plain Python writes ----------------------------------------------------------------------


def test_generate_runs(flake: Flake, tmp_path: Path) -> None:
    flake("run", "generate", "--", str(EXAMPLES / "omen-17.toml"), "-o", str(tmp_path / "out"))
    expected = case("omen-17").bundle()
    found = {
        str(path.relative_to(tmp_path / "out")): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file() and not path.name.startswith(".optimux")
    }
    assert found == expected


def test_generate_refuses_what_python_refuses(flake: Flake, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[gpus.a]\nfunctions = []\n", encoding="utf-8")
    with pytest.raises(Refused, match=r"gpus\.a\.functions"):
        flake("run", "generate", "--", str(bad), "-o", str(tmp_path / "out"))


@pytest.mark.parametrize("name", ["omen-17", "omen-17-2023", "two-vms-one-gpu"])
def test_domains_and_tables_are_pythons(name: str, flake: Flake) -> None:
    """Without flakes, by default.nix: the same bytes."""
    options = f"builtins.fromTOML (builtins.readFile {EXAMPLES / name}.toml)"
    bundle = case(name).bundle()
    for vm in case(name).data()["vms"]:
        built = flake.expression(f"optimux.lib.mkDomainXml {{ inherit pkgs; vm = {string(vm)}; options = {options}; }}")
        assert built.read_bytes() == bundle[f"domains/{vm}.xml"]


def test_ssdt_is_pythons(flake: Flake) -> None:
    assert flake.expression("optimux.lib.mkSsdt { inherit pkgs; }").read_bytes() == battery_table(FULL)
    battery_only = flake.expression('optimux.lib.mkSsdt { inherit pkgs; battery.variant = "battery-only"; }')
    assert battery_only.read_bytes() == battery_table(BATTERY_ONLY)


def test_sizes_are_pythons(flake: Flake) -> None:
    modes = [(1920, 1080), (1920, 1200), (2560, 1440), (2880, 1800), (3840, 2160), (5120, 2880), (7680, 4320), (1, 1)]
    rows: list[dict[str, Any]] = [
        {"width": width, "height": height, "hdr": hdr, "release": release, "sizeRule": rule}
        for width, height in modes
        for hdr in (False, True)
        for release in ("b7", "idd")
        for rule in ("release", "two-frames")
    ]
    apply = f"lib: map lib.shmSizeMiB (builtins.fromJSON {string(json.dumps(rows))})"
    found = json.loads(flake("eval", "lib", "--json", "--apply", apply))
    wanted = [
        frame_memory(Display(width=r["width"], height=r["height"], hdr=r["hdr"]), r["release"], r["sizeRule"]).mib
        for r in rows
    ]
    assert found == wanted


def test_the_options_page(flake: Flake) -> None:
    page = flake.build("options-doc").read_text(encoding="utf-8")
    assert "virtualisation.optimux.gpus.<name>.functions.*.id" in page
    assert "config.boot.kernelPackages.kernel.version" in page


# --- the template: a whole system ---------------------------------------------------------------------------------


class Laptop:
    """The template, initialised as a user does it, with a configuration that may be changed."""

    def __init__(self, flake: Flake, folder: Path) -> None:
        self.flake, self.folder = flake, folder
        flake.nix("flake", "new", str(folder), "--template", f"path:{flake.checkout}")

    def nix(self, command: str, attribute: str, *arguments: str) -> str:
        inputs = ["--override-input", "optimux", f"path:{self.flake.checkout}"]
        inputs += ("--override-input", "nixpkgs", f"path:{self.flake.standin}", "--no-write-lock-file")
        target = f"path:{self.folder}#nixosConfigurations.laptop.config.{attribute}"
        return self.flake.nix(*command.split(), target, *inputs, *arguments)

    def value(self, attribute: str) -> Any:
        return json.loads(self.nix("eval", attribute, "--json"))

    def replace(self, old: str, new: str) -> None:
        path = self.folder / "configuration.nix"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_templates_system(flake: Flake, tmp_path: Path) -> None:
    """Evaluated as a whole, its domains built: the card stays with the host in the default boot alone."""
    laptop = Laptop(flake, tmp_path / "laptop")
    laptop.nix("build", "system.build.toplevel", "--out-link", str(tmp_path / "system"))
    assert laptop.value("boot.initrd.kernelModules") == []
    assert laptop.value("boot.extraModprobeConfig") == ""
    assert laptop.value("boot.blacklistedKernelModules") == []
    inner = "specialisation.passthrough.configuration.boot"
    assert "vfio_pci" in laptop.value(f"{inner}.initrd.kernelModules")
    assert "options vfio-pci ids=10de:249d,10de:228b\n" in laptop.value(f"{inner}.extraModprobeConfig")
    assert "nvidia" in laptop.value(f"{inner}.blacklistedKernelModules")


def test_the_templates_domains_are_pythons(flake: Flake, tmp_path: Path) -> None:
    laptop = Laptop(flake, tmp_path / "laptop")
    laptop.nix("build", "virtualisation.optimux.domains", "--out-link", str(tmp_path / "domains"))
    data = laptop.value("virtualisation.optimux.domains.options")
    files = "nixos/files/"
    expected = {
        path.removeprefix(files): content
        for path, content in artifacts(plan_from(json.loads(data))).items()
        if path.startswith(("domains/", "acpi/", "windows/", files))
    }
    found = {
        str(path.relative_to(tmp_path / "domains")): path.read_bytes()
        for path in (tmp_path / "domains").rglob("*")
        if path.is_file()
    }
    assert found == expected
    assert b"12.1" not in found["domains/Windows11.xml"]
    assert b"pc-q35-10.2" in found["domains/Windows11.xml"], "the machine of the QEMU that nixpkgs brings"


def test_a_bad_system_is_told_everything_at_once(flake: Flake, tmp_path: Path) -> None:
    laptop = Laptop(flake, tmp_path / "laptop")
    laptop.replace('"10de:249d"', '"10de:249"')
    laptop.replace('memory = "16GiB";', "")
    with pytest.raises(Refused, match="Failed assertions") as refused:
        laptop.nix("build", "system.build.toplevel")
    for path in ("gpus.rtx3070.functions[0].id", "vms.Windows11.memory"):
        assert f"- virtualisation.optimux.{path}: found" in str(refused.value)


def test_what_the_generator_alone_finds_fails_the_build(flake: Flake, tmp_path: Path) -> None:
    """Rules of the guest's are the generator's: the build tells them in its words."""
    laptop = Laptop(flake, tmp_path / "laptop")
    laptop.replace('memory = "16GiB";', 'memory = "16GiB"; vcpus = 7; pci.gpu = "0000:00:1f.0";')
    with pytest.raises(Refused, match=r"vms\.Windows11\.vcpus: found 7") as refused:
        laptop.nix("build", "virtualisation.optimux.domains", "-L")
    assert "vms.Windows11.pci.gpu" in str(refused.value)


def test_a_newer_nix_reads_the_flake(trixie: Root, flake: Flake) -> None:
    """Trixie's Nix, 2.26: every output evaluated."""
    binds = {flake.checkout: "/checkout", flake.standin: "/standin"}
    with trixie.session(binds) as session:
        command = ["nix", "flake", "check", "--no-build", "path:/checkout", "--no-write-lock-file"]
        command += ["--override-input", "nixpkgs", "path:/standin"]
        done = session.run(command, env={"NIX_CONFIG": SETTINGS, "HOME": "/tmp"}, timeout=300)
        assert done.returncode == 0
