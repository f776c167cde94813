"""`python -m gensweep` is `gensweep`: it imports nothing from the working folder, unless gensweep itself comes from there."""

import os
import sys

try:
    here = os.getcwd()
except FileNotFoundError:  # it was deleted
    here = ""
if sys.path[0] == here != os.path.dirname(os.path.dirname(__file__)):
    del sys.path[0]  # Python put it there for -m; a user's random.py would be taken for the library's

from gensweep.parent import main

main()
