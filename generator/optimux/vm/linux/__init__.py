"""A small Linux guest: kernel, initramfs, and what it reports."""
