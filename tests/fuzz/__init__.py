"""Mutated files through the commands: nothing may crash, hang or write outside. `python -m tests.fuzz -n 20000`."""
