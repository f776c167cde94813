"""The garbage collector held back: within, and not a moment longer."""

from __future__ import annotations

import gc

import pytest

from gensweep.collection import no_collection


@pytest.mark.parametrize("was_on", [True, False])
def test_it_is_off_within_and_as_before_after_it_even_after_an_error(was_on: bool) -> None:
    (gc.enable if was_on else gc.disable)()
    try:
        with pytest.raises(ZeroDivisionError), no_collection():
            assert 1 / int(gc.isenabled())
        assert gc.isenabled() is was_on
    finally:
        gc.enable()
