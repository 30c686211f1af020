"""The NixOS module: Nix itself reads it, nixpkgs' own module system takes its options."""
