# A test of one machine that boots the throwaway QEMU of scenarios 1 to 3 itself: `calls` is the script after it is up,
# in which FOLDER is a folder for logs.
{
  self,
  name,
  calls,
}:
{
  inherit name;
  globalTimeout = 1800;

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [ ./programs.nix ];
      environment.systemPackages = [ pkgs.qemu ];
      virtualisation = {
        cores = 2;
        graphics = false;
        memorySize = 3072;
      };
    };

  testScript =
    import ./calls.nix { inherit self; }
    + ''
      machine.wait_for_unit("multi-user.target")
      FOLDER = machine.succeed("mktemp --directory").strip()
    ''
    + calls;
}
