# What `nix flake check` builds. The VM tests are found by looking: each vm-tests/NAME.nix is a function of
# { self, pkgs, lib } that returns a module of pkgs.testers.runNixOSTest, and becomes the check vm-NAME.
{
  self,
  pkgs,
  lib,
  nixosSystem,
}:
let
  sourceOf = import ./source.nix { inherit lib; } ../.;
  source = sourceOf [
    "CHANGELOG.md"
    "CONTRIBUTING.md"
    "LICENSE"
    "README.md"
    "bench"
    "dev"
    "docs"
    "examples"
    "conftest.py"
    "generator"
    "lab"
    "nix"
    "nixos-modules"
    "package.nix"
    "pyproject.toml"
    "tests"
    "vm-tests"
  ];
  python = pkgs.python3.withPackages (ps: [
    ps.click
    ps.coverage
    ps.hypothesis
    ps.jsonschema
    ps.lxml
    ps.lxml-stubs
    ps.mypy
    ps.packaging
    ps.pycdlib
    ps.pytest
    ps.pytest-xdist
    ps.qemu-qmp
    ps.rich
    ps.tree-sitter
    ps.types-jsonschema
  ]);
  # A command in a copy of the source that it may write to.
  inSource =
    name: inputs: script:
    pkgs.runCommand "optimux-${name}" { nativeBuildInputs = [ python ] ++ inputs; } ''
      cp -r ${source} source
      chmod -R u+w source
      cd source
      export HOME="$PWD/.home" PYTHONPATH="$PWD/generator"
      mkdir "$HOME"
      ${script}
      touch "$out"
    '';

  # A command that runs what is built, on these files of the source alone: it is built anew where they change.
  onFiles =
    name: files: script:
    pkgs.runCommand "optimux-${name}"
      { nativeBuildInputs = [ python self.packages.${pkgs.stdenv.hostPlatform.system}.optimux ]; }
      ''
        cd ${sourceOf files}
        ${script}
        touch "$out"
      '';

  examples = lib.filter (name: lib.hasSuffix ".toml" name) (lib.attrNames (builtins.readDir ../examples));
  # An example as a system: what a user of the module writes, and nothing more than NixOS asks for.
  system =
    example:
    nixosSystem {
      modules = [
        self.nixosModules.default
        {
          nixpkgs.hostPlatform = pkgs.stdenv.hostPlatform.system;
          boot.loader.grub.enable = false;
          fileSystems."/" = {
            device = "/dev/disk/by-label/nixos";
            fsType = "ext4";
          };
          system.stateVersion = "26.05";
          users.users = lib.genAttrs [ "alice" "lantian" ] (_: { isNormalUser = true; });
          users.groups.libvirt = { };
          virtualisation.optimux = self.lib.fromTOML (../examples + "/${example}") // {
            enable = true;
          };
        }
      ];
    };
  evaluated =
    example:
    lib.nameValuePair "module-${lib.removeSuffix ".toml" example}" (
      pkgs.writeText "optimux-module-${example}" (
        # The whole system is evaluated, and not built.
        builtins.unsafeDiscardStringContext (system example).config.system.build.toplevel.drvPath
      )
    );

  vmTests = lib.filterAttrs (name: kind: kind == "regular" && lib.hasSuffix ".nix" name) (
    if builtins.pathExists ../vm-tests then builtins.readDir ../vm-tests else { }
  );
  vmTest =
    name: _:
    lib.nameValuePair "vm-${lib.removeSuffix ".nix" name}" (
      pkgs.testers.runNixOSTest (import (../vm-tests + "/${name}") { inherit self pkgs lib; })
    );
in
{
  inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) optimux options-doc;

  lint =
    inSource "lint"
      [
        pkgs.ruff
        pkgs.shellcheck
      ]
      ''
        python3 -m lab.lint ruff "ruff format" mypy shellcheck
      '';

  # What needs no foreign program; ./dev test runs the others against the real consumers.
  unit = inSource "unit" [ ] ''
    workers=$((NIX_BUILD_CORES > 1 ? NIX_BUILD_CORES : 0)) # a single one would only stand beside who watches it
    python3 -m pytest -q -p no:cacheprovider -n "$workers" \
      tests/acpi tests/looking_glass tests/options tests/test_golden.py tests/test_record.py
  '';

  examples = onFiles "examples" [ "examples" "nix/validate.py" ] ''
    for example in examples/*.toml; do
      optimux generate "$example" --output "$TMPDIR/$(basename "$example" .toml)"
    done
    python3 nix/validate.py ${pkgs.libvirt}/share/libvirt/schemas/domain.rng "$TMPDIR"/*/domains/*.xml
  '';

  options-fresh = onFiles "options-fresh" [ "nixos-modules/options.nix" "docs/options.md" ] ''
    optimux schema --format nix | diff nixos-modules/options.nix -
    optimux schema --format markdown | diff docs/options.md -
  '';
}
// lib.listToAttrs (map evaluated examples)
// lib.mapAttrs' vmTest vmTests
