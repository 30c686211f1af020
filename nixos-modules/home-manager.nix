# For Home Manager: the Looking Glass client with the settings of one of the system's VMs, and the user's own over them.
# /etc/looking-glass-client.ini has those of the first VM; the client reads this file after it.
{
  config,
  lib,
  pkgs,
  osConfig ? { },
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.programs.optimux;
  system = osConfig.virtualisation.optimux or { enable = false; };
  vms = lib.attrNames (system.vms or { });
  known = system.enable && lib.elem cfg.vm vms;
in
{
  options.programs.optimux = {
    enable = lib.mkEnableOption "the settings of a VM of virtualisation.optimux for this user's Looking Glass client";

    vm = mkOption {
      type = types.str;
      default = lib.head (vms ++ [ "" ]);
      defaultText = lib.literalMD "the first VM of `virtualisation.optimux.vms`";
      description = "The VM, by its name among `virtualisation.optimux.vms`.";
      example = "windows";
    };

    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of the client's ini file. Of a key that stands twice, the later one counts.";
      example = ''
        [win]
        fullScreen=yes
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = known;
        message =
          "programs.optimux.vm: found ${builtins.toJSON cfg.vm}; allowed: a VM of virtualisation.optimux.vms, of the "
          + "system that this home belongs to (${lib.concatStringsSep ", " vms}).";
      }
    ];
    xdg.configFile = lib.mkIf known {
      "looking-glass/client.ini".source =
        pkgs.runCommand "looking-glass-client.ini"
          {
            inherit (cfg) extraConfig;
            passAsFile = [ "extraConfig" ];
          }
          ''
            cat ${system.domains}/etc/optimux/clients/${cfg.vm}.ini "$extraConfigPath" > "$out"
          '';
    };
  };
}
