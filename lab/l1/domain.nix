# The domain for changed options, a file in the store: what the configuration of a twin would have built.
{
  self,
  pkgs,
  lib,
}:
change:
self.lib.mkDomainXml {
  inherit pkgs;
  vm = "win";
  options = change (lib.recursiveUpdate (lib.importTOML ./options.toml) { host.distribution = "nixos"; });
}
