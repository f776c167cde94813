"""Make `import torch` cost nothing until torch is used.

`gensweep check` and `--help` read what components declare, and never compute with them; without this they would spend
1.5 of 2 seconds on importing torch. `importlib.util.LazyLoader` does not serve here: on Python 3.11 the import
statement itself reads `__spec__` and so triggers the load.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import Any


class _Deferred(types.ModuleType):
    def __getattr__(self, attribute: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        real = importlib.import_module(self.__name__)
        self.__dict__.update(vars(real))
        return getattr(real, attribute)


def defer(*names: str) -> None:
    """From now on `import name` gives a stand-in that imports the real module at the first attribute read."""
    for name in names:
        if name not in sys.modules and (spec := importlib.util.find_spec(name)):
            module = _Deferred(name)
            module.__spec__ = spec
            sys.modules[name] = module
