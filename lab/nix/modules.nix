# The configuration that modules add up to, as plain data.
{ modules }:
let
  world = import ./world.nix { };
in
world.shown (removeAttrs (world.evaluated { } modules) [ "_module" ])
