"""Tests of what only a GPU can show. `--device cpu` runs those that can on the CPU, to see that they are sound themselves."""

from __future__ import annotations

import pytest
import torch


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where they run; known where this folder is named on the command line, as `make gpu-check` does."""
    parser.addoption("--device", default="cuda", help="cuda, or cpu to try the tests themselves")


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """The device under test; skipped where it is a GPU, and there is none that torch can use."""
    name = request.config.getoption("--device", default="cuda")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU that torch can use is here: make gpu-check, on a machine with one")
    return torch.device(name)


@pytest.fixture
def gpu(device: torch.device) -> torch.device:
    """The device, for what makes no sense on a CPU."""
    if device.type != "cuda":
        pytest.skip("only a GPU has this")
    return device
