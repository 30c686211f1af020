# Functions for configurations of one's own making. `options` are the four tables, as in TOML.
{ lib }:
let
  bundle =
    {
      pkgs,
      options,
      package ? pkgs.callPackage ../package.nix { },
      ...
    }:
    import ../nixos-modules/bundle.nix { inherit pkgs package; } "optimux-bundle" options;
  file =
    pkgs: name: path:
    pkgs.runCommand name { } "cp ${path} $out";
in
{
  # The domain of a VM as libvirt's XML, a file in the store: { pkgs, options, vm, package ? … }.
  mkDomainXml = args: file args.pkgs "${args.vm}.xml" "${bundle args}/domains/${args.vm}.xml";

  # A battery table as AML, a file in the store: { pkgs, battery ? { … the options vms.<name>.battery … } }.
  mkSsdt =
    args:
    let
      battery = args.battery or { };
      options = {
        host = {
          distribution = "nixos";
          cpuVendor = "intel";
        };
        vms.vm = {
          memory = "1GiB";
          inherit battery;
        };
      };
    in
    file args.pkgs "battery.aml" "${bundle (args // { inherit options; })}/acpi/vm.aml";

  # The shared memory for a display: { width, height, hdr ? false, release ? "b7", sizeRule ? "release" }.
  shmSizeMiB =
    args:
    import ./shm-size.nix args (removeAttrs args [ "release" "sizeRule" ]);

  # An example or any configuration in TOML as virtualisation.optimux: NixOS itself says what its host is.
  fromTOML =
    path:
    let
      data = lib.importTOML path;
      stated = [
        "distribution"
        "initramfs"
        "bootLoader"
        "libvirtVersion"
        "qemuVersion"
        "kernelVersion"
      ];
    in
    data // { host = removeAttrs (data.host or { }) stated; };
}
