# What the generator writes for plain data, built: domains/<vm>.xml, acpi/<vm>.{aml,asl}, windows/.
{ pkgs, package }:
name: data:
pkgs.runCommand name
  {
    options = builtins.toJSON data;
    passAsFile = [ "options" ];
    nativeBuildInputs = [ package ];
  }
  ''
    cp "$optionsPath" optimux.json
    optimux generate optimux.json --output bundle
    mkdir -p "$out" bundle/domains bundle/acpi
    cp -r bundle/domains bundle/acpi "$out"
    if [ -d bundle/windows ]; then cp -r bundle/windows "$out"; fi
  ''
