"""A drawn configuration as a frozen one: what `check` did not try may still be wrong."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from gensweep.configuration import TrialConfiguration
from gensweep.errors import ConfigError, Problem
from gensweep.spaces.messages import explain


def configuration_of(drawn: Any) -> TrialConfiguration:
    """The trial that drawn values make.

    Raises:
        ConfigError: they make none; with every reason.
    """
    try:
        return TrialConfiguration.model_validate(drawn)
    except ValidationError as error:
        found = [
            Problem("", ".".join(map(str, ("trial", *e["loc"]))), f"was drawn: {explain(e)}") for e in error.errors()
        ]
        raise ConfigError(found) from None
