from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.written_sweep import DEFINITION, Writer


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Writer]:
    return lambda name="study", definition=DEFINITION, keys="": Writer(tmp_path / name, definition, keys)
