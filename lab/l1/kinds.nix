# The kinds of machine that tests share: what is the same system is booted once by the driver that stands in for NixOS'.
{ self }:
let
  node = change: import ./node.nix { inherit self change; };
  card = values: options: options // { gpus.card = options.gpus.card // values; };
in
{
  # The card by its ids, as options.toml has it.
  by_id = node (options: options);
  # The card by its address, told to stay awake; and libvirt's list of devices is NixOS' own, which lacks kvmfr.
  by_address =
    { lib, ... }:
    {
      imports = [
        (node (card {
          bind = "address";
          disableIdleD3 = true;
          d3coldAllowed = false;
        }))
      ];
      virtualisation.libvirtd.qemu.verbatimConfig = lib.mkForce "namespaces = []\n";
    };
  # The card left to its own drivers, until it is asked for.
  on_demand = node (card { bind = "on-demand"; });
}
