"""QEMU as a process: its command line, QMP, qtest, the console, and what it reads of files."""
