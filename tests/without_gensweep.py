"""Code in a process of its own that cannot import gensweep."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_NONE = """
import sys
class None_:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "gensweep":
            raise ImportError(f"{name} is not here")
sys.meta_path.insert(0, None_())
try:
    import gensweep
except ImportError:
    pass
else:
    raise SystemExit("gensweep can be imported")
"""


def run_without(code: str, *arguments: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """What the code prints on stdout."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", _NONE + code, *arguments], capture_output=True, text=True, check=False, cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
