# What an evaluation needs beside nixpkgs' lib and the declared options (upstream.nix): packages that stand for
# themselves, and configurations as plain data. Nothing is built.
{
  lib ? import <nixpkgs/lib>,
  versions ? {
    libvirt = "12.1.0";
    qemu = "10.2.2";
  },
  # What a derivation is shown as: by name, text and place, unless the caller wants something else.
  showDerivation ? (
    value:
    { inherit (value) name; } // lib.optionalAttrs (value ? text) { inherit (value) path text; }
  ),
}:
rec {
  inherit lib;

  package =
    name: attributes:
    derivation (
      {
        inherit name;
        system = "x86_64-linux";
        builder = "/bin/sh";
      }
      // attributes
    );
  versioned = name: version: package "${name}-${version}" { } // { inherit version; };

  pkgs = lib.genAttrs [ "kvmfr" "looking-glass-client" "scream" "python3" ] (name: package name { }) // {
    libvirt = versioned "libvirt" versions.libvirt;
    qemu = versioned "qemu" versions.qemu;
    writeTextDir = path: text: package (baseNameOf path) { inherit path text; };
    writeText = name: text: package name { inherit text; path = name; };
    runCommand = name: attributes: script: package name (attributes // { inherit script; });
    callPackage = _: _: throw "the generator is the build machine's, not the host's";
    buildPackages.callPackage = _: _: package "optimux" { };
    OVMFFull = package "OVMF" { } // {
      fd = package "OVMF-fd" { };
    };
  };

  shown =
    value:
    if lib.isDerivation value then
      showDerivation value
    else if lib.isAttrs value then
      lib.mapAttrs (_: shown) value
    else if lib.isList value then
      map shown value
    else
      value;

  # What is worth showing of a configuration: neither the kernel's packages nor the options of this repository.
  settings =
    config:
    shown (
      removeAttrs config [
        "_module"
        "assertions"
        "warnings"
        "specialisation"
      ]
      // {
        boot = removeAttrs config.boot [ "kernelPackages" ];
        virtualisation = removeAttrs config.virtualisation [ "optimux" ];
      }
    );
  failed = config: map (item: item.message) (lib.filter (item: !item.assertion) config.assertions);

  # The configuration that modules add up to over the declared options, with further arguments for all of them.
  evaluated =
    special: modules:
    (lib.evalModules {
      specialArgs = special // { inherit pkgs; };
      modules = [ ./upstream.nix ] ++ modules;
    }).config;
}
