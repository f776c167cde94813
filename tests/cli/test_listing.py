"""list: the search spaces that ship beside the kinds of components."""

from __future__ import annotations

import json

import pytest

from gensweep import registry, shipped
from tests.cli.conftest import Command


@pytest.mark.parametrize("kind", ["search-spaces", "search_spaces"])
def test_search_spaces_are_listed_with_what_they_ask(kind: str, gensweep: Command) -> None:
    rows = json.loads(gensweep("list", kind, "--json").out)
    assert [row["name"] for row in rows] == shipped.names()
    asked = {row["name"]: row["question"] for row in rows}
    assert (
        asked["wae"]
        == "Which divergence D(q_Z, p_z), which lambda and which latent size make the best Wasserstein auto-encoder?"
    )


def test_the_kinds_and_the_search_spaces_are_counted(gensweep: Command) -> None:
    rows = {row["kind"]: row["members"] for row in json.loads(gensweep("list", "--json").out)}
    assert list(rows) == [*registry.KINDS, "search-spaces"]
    assert rows["search-spaces"] == len(shipped.names())


def test_another_word_is_refused_with_the_nearest(gensweep: Command) -> None:
    refused = gensweep("list", "search-spces")
    assert refused.code == 2
    assert "Did you mean 'search-spaces'?" in refused.err
