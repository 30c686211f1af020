# The client with its settings, and Scream's receivers.
{
  config,
  lib,
  pkgs,
  optimux,
  ...
}:
let
  inherit (builtins) filter head map;
  inherit (lib) mkDefault mkIf optional optionals;
  cfg = config.virtualisation.optimux;

  # --- the client's settings: entries { section, key, value } and sections, in the order in which they are written --

  shown = filter (
    domain: domain.memory != null && domain.lookingGlass.enable && domain.lookingGlass.installClient
  ) optimux.domains;

  entry = section: key: value: { inherit section key value; };
  name = item: "${item.section}:${item.key}";
  # What the plan knows, then the user's own, which win where they stand.
  settingsOf =
    domain:
    let
      own = lib.concatLists (
        lib.mapAttrsToList (section: lib.mapAttrsToList (entry section)) domain.lookingGlass.client
      );
      planned = [ (memoryEntry domain.memory) ] ++ spiceEntries domain.vm;
    in
    {
      entries = merged planned own;
      # The user's may be empty.
      sections = lib.unique (
        map (item: item.section) planned ++ lib.attrNames domain.lookingGlass.client
      );
    };
  merged =
    first: over:
    let
      replaced = lib.listToAttrs (map (item: lib.nameValuePair (name item) item) over);
      known = map name first;
    in
    map (item: replaced.${name item} or item) first ++ filter (item: !lib.elem (name item) known) over;
  memoryEntry =
    memory:
    if memory.release == "idd" then
      entry "lgmp" "shmDevice" memory.path
    else
      entry "app" "shmFile" memory.path;
  # Where the VM's SPICE server departs from the client's defaults: 127.0.0.1, port 5900, everything on.
  spiceEntries =
    vm:
    let
      inherit (vm) spice;
      loopback = [
        null
        "127.0.0.1"
        "0.0.0.0"
        "::"
      ];
    in
    if !spice.enable || spice.listen == "none" then
      [ (entry "spice" "enable" false) ]
    else
      optional (!lib.elem spice.address loopback) (entry "spice" "host" spice.address)
      ++ optional (spice.port != null && spice.port != 5900) (entry "spice" "port" spice.port)
      # enable=no would silence sound and clipboard as well
      ++ optional (vm.evdev != [ ]) (entry "spice" "input" false);

  written =
    value:
    if value == true then
      "yes"
    else if value == false then
      "no"
    else
      toString value;
  # The client knows no comment but a semicolon.
  ini =
    comments: settings:
    let
      block =
        section:
        lib.concatLines (
          [ "[${section}]" ]
          ++ map (item: "${item.key}=${written item.value}") (
            filter (item: item.section == section) settings.entries
          )
        );
    in
    lib.concatStringsSep "\n" ([ (lib.concatLines (map (text: "; ${text}") comments)) ] ++ map block settings.sections);

  systemFile = "/etc/looking-glass-client.ini";
  system = settingsOf (head shown);
  files = optionals (shown != [ ]) (
    [
      {
        path = "looking-glass-client.ini";
        text = ini [
          "Written by Optimux: the Looking Glass client's settings, for the VM ${(head shown).name}."
          "Your own go into ~/.config/looking-glass/client.ini, which is read after this file."
        ] system;
      }
    ]
    ++ map vmFile (filter (domain: inOrder (settingsOf domain) != inOrder system) (lib.tail shown))
  );
  inOrder = settings: {
    entries = lib.sort (a: b: name a < name b) settings.entries;
    sections = lib.sort (a: b: a < b) settings.sections;
  };
  vmFile =
    domain:
    let
      path = "optimux/looking-glass-client-${domain.key}.ini";
    in
    {
      inherit path;
      text = ini [
        "Written by Optimux: the Looking Glass client's settings for the VM ${domain.name}, read over ${systemFile}:"
        "looking-glass-client app:configFile=/etc/${path}"
      ] (over domain.memory.release (settingsOf domain));
    };
  # And the client's defaults for what only the system file sets: that one is always read first.
  over =
    release: settings:
    let
      mine = map (item: lib.toLower (name item)) settings.entries;
      missing = filter (
        item: !lib.elem (lib.toLower (name item)) mine && defaultOf release item != null
      ) system.entries;
      added = map (item: item // { value = defaultOf release item; }) missing;
    in
    {
      entries = settings.entries ++ added;
      sections = lib.unique (settings.sections ++ map (item: item.section) added);
    };

  table = lib.importTOML ../generator/optimux/looking_glass.toml;
  # Every key of a release in small letters, as the client folds case.
  defaults =
    release:
    lib.listToAttrs (
      lib.concatMap (
        part:
        lib.concatLists (
          lib.mapAttrsToList (
            section: lib.mapAttrsToList (key: value: lib.nameValuePair (lib.toLower "${section}:${key}") value)
          ) part
        )
      ) [
        table.both
        table.${release}
      ]
    );
  defaultOf =
    release: item:
    let
      found = (defaults release).${lib.toLower (name item)} or null;
      value =
        if lib.isList found then
          head found
        else if lib.isAttrs found then
          found.default
        else
          found;
    in
    if value == "" then
      null
    else if lib.isFloat value then
      decimal value
    else
      value;
  # "2.0" and "0.5", where Nix writes six decimals.
  decimal =
    value: if builtins.floor value == value then "${toString (builtins.floor value)}.0" else builtins.toJSON value;

  # --- Scream -----------------------------------------------------------------------------------------------------

  port = 4010; # UDP; the default of -p in Scream 4.0, Receivers/unix
  # Receivers by name, one for each interface and output; without VMs the top-level table counts.
  receivers =
    let
      wanted = filter (item: item.table.enable) (
        if optimux.domains == [ ] then
          [
            {
              key = "";
              table = cfg.lookingGlass.scream;
            }
          ]
        else
          map (domain: {
            inherit (domain) key;
            table = domain.lookingGlass.scream;
          }) optimux.domains
      );
      each = map (table: lib.findFirst (item: item.table == table) null wanted) (
        lib.unique (map (item: item.table) wanted)
      );
    in
    lib.imap0 (
      index: item:
      item // { name = if index == 0 then "optimux-scream" else "optimux-scream-${item.key}"; }
    ) each;
  service = table: {
    description = "Scream receiver on ${table.interface}";
    wantedBy = [ "graphical-session.target" ];
    partOf = [ "graphical-session.target" ];
    after = [ "graphical-session.target" ];
    serviceConfig = {
      ExecStart = "${pkgs.scream}/bin/scream -i ${table.interface} -o ${table.output} -v";
      # The interface of a libvirt network may come long after login.
      Restart = "always";
      RestartSec = 5;
    };
  };
in
{
  config = mkIf cfg.enable {
    environment.systemPackages = optional (shown != [ ]) pkgs.looking-glass-client;
    environment.etc = lib.listToAttrs (
      map (file: lib.nameValuePair file.path { text = mkDefault file.text; }) files
    );
    systemd.user.services = lib.listToAttrs (
      map (item: lib.nameValuePair item.name (service item.table)) receivers
    );
    networking.firewall.interfaces = lib.listToAttrs (
      map (item: lib.nameValuePair item.table.interface { allowedUDPPorts = [ port ]; }) receivers
    );
  };
}
