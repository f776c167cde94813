"""What a card says, beside a file and in it; it may be a stranger's."""

from __future__ import annotations

import json
import os

import pytest

from gensweep.errors import ConfigError
from gensweep.extractors.cards import Card, card_of
from gensweep.extractors.exported import LARGEST_NOTE

WITHIN = {"range": [0, 1], "kind": "labels", "dataset": "digits", "data": "50cc3e08", "accuracy on test": 0.9}


def test_what_stands_beside_counts_and_what_is_within_fills_it_up(tmp_path):
    file = tmp_path / "net.pt2"
    assert card_of(file, b"") == Card()
    (tmp_path / "net.json").write_text('{"range": [-1, 1]}')
    found = card_of(file, json.dumps(WITHIN).encode())
    assert found.content == {**WITHIN, "range": [-1, 1]}
    assert found.preparation((0.0, 255.0)).wanted == (-1, 1)
    assert found.described == {"features": "trained on labels of digits, data 50cc3e08", "accuracy": 0.9}


def test_a_card_that_does_not_say_how_it_was_made_adds_nothing_to_a_protocol(tmp_path):
    """The protocols of files without such a card are what they were before there was one."""
    (tmp_path / "net.json").write_text('{"range": [-1, 1], "sha256": "00", "kind": "labels"}')
    assert card_of(tmp_path / "net.pt2", b"").described == {}


def test_a_pipe_beside_a_network_is_no_card_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "net.json")
    assert card_of(tmp_path / "net.pt2", b"") == Card()


def test_a_file_that_ends_in_json_is_not_its_own_card(tmp_path):
    (tmp_path / "net.json").write_bytes(b"no JSON")
    assert card_of(tmp_path / "net.json", b"") == Card()


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"kind": "magic"}, "kind: 'magic'. It takes one of labels, pca, random"),
        ({"dataset": "a\x1b[31mb"}, "dataset: "),
        ({"dataset": "x" * 201}, "dataset: "),
        ({"dataset": 3}, "dataset: 3"),
        ({"shape": [1, -8]}, "shape: "),
        ({"shape": []}, "shape: "),
        ({"shape": [1] * 4}, "shape: "),
        ({"accuracy on test": 7}, "accuracy on test: 7. It takes 0 to 1"),
        ({"accuracy on test": float("nan")}, "accuracy on test: nan"),
        ({"features": True}, "features: True"),
        ({"recipe": {"lr": "fast"}}, "recipe: "),
        ({"recipe": [1]}, "recipe: "),
        ({"code": "1"}, "unknown .*'code'.*A card may say antialias"),
        ([1], "unknown"),
    ],
)
def test_what_no_card_says_is_refused_by_name(tmp_path, said, says):
    with pytest.raises(ConfigError, match=rf"net\.pt2: the card in it: {says}"):
        card_of(tmp_path / "net.pt2", json.dumps(said).encode())


@pytest.mark.parametrize("text", [b"{", b"\xff", b"[" * LARGEST_NOTE])
def test_what_is_no_json_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match=r"the card in it: no JSON"):
        card_of(tmp_path / "net.pt2", text)
