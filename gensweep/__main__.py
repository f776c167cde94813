"""`python -m gensweep` is `gensweep`."""

from gensweep.cli.program import main

main()
