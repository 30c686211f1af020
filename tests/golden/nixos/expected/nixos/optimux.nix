# Written by Optimux: the host's side of giving a GPU to a VM with Looking Glass.
# Keep this folder with your configuration, add ./optimux.nix to its imports, rebuild and reboot.
# Then define the VMs: virsh --connect qemu:///system define domains/NAME.xml
import ./host.nix {
  plan = builtins.fromJSON (builtins.readFile ./plan.json);
  files = builtins.path {
    path = ./files;
    name = "optimux-files";
  };
}
