"""Nix: its evaluator over nixpkgs' real lib and declared options of NixOS, and the flake over a stand-in."""
