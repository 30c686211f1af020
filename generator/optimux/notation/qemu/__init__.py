"""QEMU's spellings of its command line: words, options, option strings, places, sizes."""
