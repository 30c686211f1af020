"""``python -m optimux``."""

from optimux.cli import main

main()
