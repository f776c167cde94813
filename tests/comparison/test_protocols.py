"""Confirmations that were put together by hand: those of another protocol, or trained in another way, are refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gensweep.comparison.compare import compare
from gensweep.errors import ConfigError
from tests.written_sweep import Writer

Write = Callable[..., Writer]
TRAINED: dict[str, Any] = {
    "dataset": {"name": "digits"}, "network": {"name": "mlp", "hidden": [8]}, "training": {"epochs": 5}, "seed": 1,
}  # fmt: skip


def confirmed(sweep: Writer, changed: dict[str, Any], family: str = "vae") -> int:
    parent = sweep.trial(family, 3.0, configuration=TRAINED)
    for seed in (7, 8):
        own = {"family": {"name": family}, "latent_size": 8, **TRAINED, "seed": seed, **changed}
        sweep.trial(family, 3.0, configuration=own, parent=parent, test=2.0)
    return parent


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"training": {"epochs": 10}}, "training.epochs: 10, and 5 in what is confirmed (trials 1, 2)"),
        ({"dataset": {"name": "ring"}}, 'dataset.name: "ring", and "digits" in what is confirmed (trials 1, 2)'),
        ({"network": {"name": "mlp", "hidden": [9]}}, "network.hidden: [9], and [8] in what is confirmed (trials 1, 2)"),
        ({"family": {"name": "wae"}}, 'family.name: "wae", and "vae" in what is confirmed (trials 1, 2)'),
    ],
)  # fmt: skip
def test_confirmations_that_were_trained_in_another_way_are_refused_with_the_difference(
    write: Write, changed: dict[str, Any], says: str
) -> None:
    sweep = write()
    confirmed(sweep, changed)
    with pytest.raises(ConfigError, match="trained in another way than the trials that they confirm") as refused:
        compare([sweep.folder])
    assert f"\n  {says}\n" in str(refused.value)
    found = compare([sweep.folder], force=True)
    assert f"Compared in spite of differences: {says}" in found.sentence()


def test_another_seed_and_a_field_that_one_of_them_lacks_are_no_difference(write: Write) -> None:
    sweep = write()
    confirmed(sweep, {"training": {"epochs": 5, "of_a_later_version": 1}})
    assert compare([sweep.folder]).forced == []


def test_what_differs_between_the_confirmations_of_two_sweeps_is_refused(write: Write) -> None:
    one, other = write("one"), write("other", keys="other")
    confirmed(one, {})
    confirmed(other, {"training": {"epochs": 10}})
    with pytest.raises(ConfigError) as refused:
        compare([one.folder, other.folder])
    assert "training.epochs: 5 in one; 10, 5 in other" in str(refused.value)


def of_protocol(sweep: Writer, family: str, n_fake: int) -> None:
    """A trial and a confirmation of one protocol on the validation split, and another on the test split."""
    parent = sweep.trial(family, 3.0)
    number = sweep.trial(family, 3.0, parent=parent, outcome="")
    protocols = {"fid": {"n_fake": 500}, "test.fid": {"n_fake": n_fake, "split": "test"}}
    digests = {"fid": "aaaaaaaa", "test.fid": f"{n_fake:08x}"}
    with sweep.folder.hold():
        sweep.folder.events.append({
            "event": "ended", "number": number, "outcome": "COMPLETED", "best": {"fid": 3.0}, "best_epoch": 5,
            "test": {"fid": 2.0}, "protocol": {"test.fid": digests["test.fid"]},
        })  # fmt: skip
    told = {name: {**content, "hash": digests[name]} for name, content in protocols.items()}
    sweep.folder.trial_of(sweep.folder.state().trials[number]).write_file("protocol.json", json.dumps(told).encode())


def test_scores_of_two_protocols_on_the_test_split_are_refused_with_what_differs(write: Write) -> None:
    one, other = write("one"), write("other", keys="other")
    of_protocol(one, "vae", 500)
    of_protocol(other, "vae", 1000)
    with pytest.raises(ConfigError) as refused:
        compare([one.folder, other.folder])
    assert "test.fid was taken by 2 protocols" in str(refused.value)
    assert "n_fake: 500 in 000001f4, 1000 in 000003e8" in str(refused.value)
    again = write("again", keys="again")
    of_protocol(again, "vae", 500)
    assert compare([one.folder, again.folder]).confirmation is not None


@pytest.mark.parametrize("content", ["[]", "[" * 200_000, '{"test.fid": 3}', '"fid"', "null", "a link", "a pipe"])
def test_a_protocol_that_is_none_is_said_to_be_missing(write: Write, tmp_path: Path, content: str) -> None:
    sweep = write("one")
    of_protocol(sweep, "vae", 500)
    of_protocol(sweep, "vae", 1000)
    for file in (sweep.folder.path / "trials").glob("*/protocol.json"):
        file.unlink()
        if content == "a link":
            file.symlink_to(tmp_path / "elsewhere")
        elif content == "a pipe":
            os.mkfifo(file)
        else:
            file.write_text(content)
    with pytest.raises(ConfigError, match="What differs is not known"):
        compare([sweep.folder])
