# What the code of this folder runs on: Python with the generator's libraries, and a busybox for the small guest. Its
# kernel is the machine's own.
{ pkgs, ... }:
{
  environment.systemPackages = [
    (pkgs.python3.withPackages (ps: [
      ps.click
      ps.lxml
      ps.qemu-qmp
    ]))
    pkgs.pkgsStatic.busybox
  ];
}
