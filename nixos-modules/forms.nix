# Values against the shape that options.nix declares: every string against its pattern, every list against its bounds,
# what is required, and the names of the user's choosing. Yields what is wrong.
{ lib, problem, shown }:
let
  inherit (builtins) concatMap length match tryEval;

  join = path: key: if path == "" then key else "${path}.${key}";
  formOf =
    shape: path: value:
    if shape ? required then
      requiredOf shape path value
    else if value == null then
      [ ]
    else if shape ? pattern then
      lib.optional (match shape.pattern value == null) (
        problem path (shown value) shape.allowed "Correct the value."
      )
    else if shape ? table then
      concatMap (key: formOf shape.table.${key} (join path key) value.${key}) (lib.attrNames shape.table)
    else if shape ? names || shape ? each then
      tooManyOf shape path value
      ++ concatMap (
        key:
        (
          if shape ? names then
            lib.optional (match shape.names.pattern key == null) (
              problem (join path key) "this name" shape.names.allowed "Rename it."
            )
          else
            [ ]
        )
        ++ (if shape ? each then formOf shape.each (join path key) value.${key} else [ ])
      ) (lib.attrNames value)
    else
      boundsOf shape path value
      ++ (
        if shape ? items then
          lib.concatLists (
            lib.imap0 (index: formOf shape.items "${path}[${toString index}]") value
          )
        else
          [ ]
      );
  requiredOf =
    shape: path: value:
    if (tryEval value).success then
      (if shape ? value then formOf shape.value path value else [ ])
    else
      [ (problem path "nothing, or no value of its type" shape.required "Add it.") ];
  tooManyOf =
    shape: path: value:
    let
      most = shape.most or 10000;
      count = length (lib.attrNames value);
    in
    lib.optional (count > most) (
      problem path "${toString count} entries" "at most ${toString most} entries" "Remove some."
    );
  boundsOf =
    shape: path: value:
    let
      least = shape.least or 0;
      most = shape.most or 10000;
      count = length value;
    in
    lib.optional (count < least || count > most) (
      problem path "${toString count} entries" "${toString least} to ${toString most} entries"
        "Add or remove entries."
    );
in
formOf
