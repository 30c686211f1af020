# The checkout with nothing but the named files and folders, so that a change elsewhere builds nothing anew.
{ lib }:
root: names:
lib.cleanSourceWith {
  name = "optimux-source";
  src = root;
  filter =
    path: _:
    let
      relative = lib.removePrefix "${toString root}/" (toString path);
      within = name: relative == name || lib.hasPrefix "${name}/" relative || lib.hasPrefix "${relative}/" name;
    in
    lib.any within names
    && !lib.elem (baseNameOf path) [
      "__pycache__"
      ".venv"
    ]
    && !lib.hasSuffix ".egg-info" path;
}
