"""The laboratory that tests, VM tests and benchmarks share: the real consumers, Nix, and whole machines.

It may use everything of Optimux; Optimux uses nothing of it.
"""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
