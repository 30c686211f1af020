"""The flake and its NixOS modules: real Nix, nixpkgs' real lib, and the generator's own module beside ours."""
