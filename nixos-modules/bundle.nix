# What the generator writes for plain data, built: domains/<vm>.xml, acpi/<vm>.{aml,asl}, windows/, and at the places
# that packages have them the files of the host.
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
    mkdir -p "$out" bundle/domains bundle/acpi bundle/windows bundle/nixos/files
    cp -r bundle/domains bundle/acpi bundle/windows bundle/nixos/files/. "$out"
  ''
