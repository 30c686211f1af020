# The packages: scripts that run this machine's programs. What is not here, the flake does not need.
{
  lib,
  system ? "x86_64-linux",
}:
let
  host = import ./host.nix;

  runCommand =
    name: attributes: script:
    derivation (
      removeAttrs attributes [
        "nativeBuildInputs"
        "version"
      ]
      // {
        inherit name system;
        builder = host.bash;
        args = [
          "-e"
          "-c"
          # Not in the place of a last command: coreutils close their output before they end, and Nix kills a builder
          # whose output is closed.
          "${script}\n:"
        ];
        PATH = lib.makeBinPath (attributes.nativeBuildInputs or [ ]) + ":" + host.programs;
      }
    )
    // attributes;
  writeText =
    name: text:
    runCommand name {
      inherit text;
      passAsFile = [ "text" ];
    } ''cp "$textPath" "$out"'';
  # A package whose bin/ has programs of this machine, under their names.
  wrapping =
    name: version: commands:
    runCommand "${name}-${version}" { inherit version; } (
      ''
        mkdir -p "$out/bin"
      ''
      + lib.concatStrings (
        lib.mapAttrsToList (program: command: ''
          printf '#!%s\nexec %s "$@"\n' ${host.bash} ${lib.escapeShellArg command} > "$out/bin/${program}"
          chmod +x "$out/bin/${program}"
        '') commands
      )
    );
  nothing = name: version: wrapping name version { };

  # The checks are the same that ./dev runs, so that here mypy looks again at nothing that it knows, and each of
  # the tests runs with one of its cases.
  python3 =
    wrapping "python3" "3.11" {
      python3 = "${host.env} XDG_CACHE_HOME=${host.known} PYTEST_PLUGINS=lab.nix.one_case ${host.python}";
      mypy = "${host.python} -m mypy";
    }
    // {
      # The environment that runs the tests has them all; a name that nixpkgs does not have is an error.
      withPackages = choose: builtins.seq (map (package: package.name) (choose python3Packages)) python3;
    };
  python3Packages =
    lib.genAttrs [
      "click"
      "coverage"
      "hypothesis"
      "jsonschema"
      "lxml"
      "lxml-stubs"
      "mypy"
      "packaging"
      "pycdlib"
      "pytest"
      "pytest-xdist"
      "qemu-qmp"
      "rich"
      "setuptools"
      "tree-sitter"
      "types-jsonschema"
    ] (name: nothing "python3-${name}" "0")
    // {
      buildPythonApplication =
        {
          pname,
          version,
          src,
          pythonImportsCheck,
          build-system,
          dependencies,
          ...
        }:
        runCommand "${pname}-${version}"
          {
            inherit version;
            needs = map toString (build-system ++ dependencies);
          }
          ''
            mkdir -p "$out/bin" "$out/lib"
            cp -r ${src}/generator/optimux "$out/lib/"
            chmod -R u+w "$out/lib"
            ${host.python} -m compileall -q "$out/lib"
            cat > "$out/bin/optimux" <<END
            #!${host.bash}
            export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$out/lib
            exec ${host.python} -c 'from optimux.cli import main; main()' "\$@"
            END
            chmod +x "$out/bin/optimux"
            cd "$out/lib"
            PYTHONDONTWRITEBYTECODE=1 ${host.python} -c '
            import sys, ${lib.concatStringsSep ", " pythonImportsCheck}
            assert sys.modules["optimux"].__file__.startswith(sys.argv[1]), "not the built copy"
            ' "$out/lib"
          '';
    };

  pkgs = {
    inherit
      lib
      python3
      python3Packages
      runCommand
      writeText
      ;
    stdenv.hostPlatform.system = system;
    callPackage = file: _: import file (builtins.intersectAttrs (lib.functionArgs (import file)) pkgs);
    buildPackages = pkgs;
    writeTextDir =
      path: text:
      runCommand (baseNameOf path) {
        inherit path text;
        passAsFile = [ "text" ];
      } ''mkdir -p "$out/$(dirname "$path")"; cp "$textPath" "$out/$path"'';
    writeShellScript =
      name: text:
      runCommand name {
        text = "#!${host.bash}\n${text}";
        passAsFile = [ "text" ];
      } ''cp "$textPath" "$out"; chmod +x "$out"'';
    mkShell =
      {
        packages ? [ ],
        inputsFrom ? [ ],
      }:
      runCommand "shell" { needs = map toString (packages ++ inputsFrom); } ''touch "$out"'';
    # The options in Markdown, less beautiful than nixpkgs' own.
    nixosOptionsDoc =
      {
        options,
        transformOptions ? lib.id,
      }:
      let
        shown = lib.filter (option: option.visible or true == true && !option.internal or false) (
          map transformOptions (lib.optionAttrSetToDocList options)
        );
        entry = option: ''
          ## ${option.name}

          ${option.description.text or option.description}

          - Type: ${option.type}
          - Default: ${option.default.text or "none"}
        '';
      in
      {
        optionsCommonMark = writeText "options.md" (lib.concatMapStringsSep "\n" entry shown);
      };

    ruff = wrapping "ruff" "0" { ruff = host.ruff; };
    shellcheck = wrapping "shellcheck" "0" { shellcheck = host.shellcheck; };
    acpica-tools = nothing "acpica-tools" "0";
    nixfmt-tree = wrapping "nixfmt-tree" "0" { treefmt = "true"; };
    kvmfr = nothing "kvmfr" "0";
    looking-glass-client = nothing "looking-glass-client" "B7";
    scream = nothing "scream" "4.0";
    virtio-win.src = writeText "virtio-win.iso" "drivers";
    OVMFFull.fd = nothing "OVMF-fd" "202511";
    qemu = nothing "qemu" host.qemu;
    pkgsStatic.busybox = nothing "busybox-static" "1.37.0";
    libvirt = runCommand "libvirt-${host.libvirt}" { version = host.libvirt; } ''
      mkdir -p "$out/share/libvirt" "$out/bin"
      printf '#!%s\nexec virsh "$@"\n' ${host.bash} > "$out/bin/virsh"
      chmod +x "$out/bin/virsh"
      ${lib.optionalString (host.schemas != null) ''cp -r ${host.schemas} "$out/share/libvirt/schemas"''}
    '';
    testers.runNixOSTest = import ./run-nixos-test.nix { inherit host lib pkgs; };
  };
in
pkgs
