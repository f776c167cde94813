"""`python -m gensweep` is `gensweep`."""

from gensweep.cli import main

main()
