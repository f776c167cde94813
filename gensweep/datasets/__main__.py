"""`python -m gensweep.datasets fetch fashion_mnist`: get a dataset that cannot ship."""

import sys

from gensweep.datasets._fetch import main

if __name__ == "__main__":
    sys.exit(main())
