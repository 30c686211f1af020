"""Optimux: GPU passthrough on laptops with two GPUs, from one option set."""

__version__ = "0.1.0"
