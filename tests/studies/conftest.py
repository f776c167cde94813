from __future__ import annotations

from tests.comparison.conftest import write

__all__ = ["write"]
