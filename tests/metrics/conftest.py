from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch


@dataclass
class Drawn:
    """A model that is a function from n to n samples."""

    draw: Callable[[int], torch.Tensor]

    def samples(self, n: int) -> torch.Tensor:
        return self.draw(n)

    def reconstructions(self, x: torch.Tensor) -> None:
        return None

    def codes(self, x: torch.Tensor) -> None:
        return None

    def prior(self, n: int) -> None:
        return None

    def log_likelihood(self, x: torch.Tensor) -> None:
        return None

    def log_conditionals(self, x: torch.Tensor, block: int, n: int) -> None:
        return None


def normal(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "references"
