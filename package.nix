# The generator and its command, for callPackage.
{ lib, python3Packages }:
python3Packages.buildPythonApplication {
  pname = "optimux";
  version = lib.head (builtins.match ".*__version__ = \"([^\"]+)\".*" (builtins.readFile ./generator/optimux/__init__.py));
  pyproject = true;
  src = import ./nix/source.nix { inherit lib; } ./. [
    "generator/optimux"
    "pyproject.toml"
    "README.md"
    "LICENSE"
  ];
  build-system = [ python3Packages.setuptools ];
  dependencies = [
    python3Packages.click
    python3Packages.lxml
    python3Packages.pycdlib # the medium that sets a guest up
    python3Packages.qemu-qmp
    python3Packages.rich
  ];
  pythonImportsCheck = [ "optimux.cli" ];
  # The repository's flake runs the tests, as a check of its own.
  doCheck = false;
  meta = {
    description = "GPU passthrough on laptops with two GPUs, generated from one option set";
    license = lib.licenses.mit;
    mainProgram = "optimux";
    platforms = lib.platforms.unix;
  };
}
