"""init: what is written where, and what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gensweep import shipped
from gensweep.spaces.check import load_and_check
from tests.cli.conftest import Command

TINY = ("search.samples=1", "confirm=none", "early_stopping=none", "trial.training.epochs=1", "trial.network.hidden=[4]",
        "trial.latent_size=2", "trial.evaluation.metrics=[sliced_wasserstein]")  # fmt: skip


@pytest.fixture(autouse=True)
def _data(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(9, 3, (60, 3)))


@pytest.mark.parametrize("given", ["x.npy", "ring,n_train=200,n_validation=30,n_test=30"])
def test_a_search_space_for_these_data_passes_check(gensweep: Command, tmp_path: Path, given: str) -> None:
    written = gensweep("init", "--data", given, "-o", "mine.yaml")
    assert written.code == 0, written.err
    assert (
        written.out == "mine.yaml is written. Look at it, then:\n  gensweep check mine.yaml\n  gensweep run mine.yaml\n"
    )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.yaml", "space.yaml", "x.npy"]
    assert gensweep("check", "mine.yaml").code == 0


def test_its_trials_train(gensweep: Command) -> None:
    gensweep("init", "--data", "x.npy", "-o", "mine.yaml")
    ended = gensweep("run", "mine.yaml", *TINY, "--in-process")
    assert ended.code == 0, ended.err
    assert ended.err.count("completed at epoch 1") == 3


def test_the_file_is_named_for_the_data(gensweep: Command, tmp_path: Path) -> None:
    assert gensweep("init", "--data", "x.npy").out.startswith("x.yaml is written.")
    assert gensweep("init", "--data", "swiss_roll").out.startswith("swiss_roll.yaml is written.")
    assert load_and_check(tmp_path / "x.yaml").name == "x"


def test_one_that_ships_is_copied_with_commands_that_run_the_copy(gensweep: Command, tmp_path: Path) -> None:
    assert gensweep("init", "wae").code == 0
    copied = tmp_path / "wae.yaml"
    assert "#   gensweep run wae.yaml\n" in copied.read_text()
    assert load_and_check(copied) == load_and_check(shipped.file_of("wae"))
    assert "\nwae.yaml: sound." in "\n" + gensweep("check", "wae").out, "the copy here is what the name means now"


@pytest.mark.parametrize(
    "given", [("wae",), ("--data", "x.npy"), ("wae", "-o", "link.yaml"), ("wae", "-o", "folder.yaml")]
)
def test_nothing_is_overwritten(gensweep: Command, tmp_path: Path, given: tuple[str, ...]) -> None:
    for name in ("wae.yaml", "x.yaml"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.yaml").mkdir()
    refused = gensweep("init", *given)
    assert refused.code == 2
    assert "is there already, and is not overwritten" in refused.err
    assert [(tmp_path / name).read_text() for name in ("wae.yaml", "x.yaml")] == ["mine", "mine"]
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((), "name a search space that ships (gensweep list search-spaces), or give your data"),
        (("wae", "--data", "ring"), "one of the two"),
        (("wea",), "Did you mean 'wae'?"),
        (("ring",), "For data: gensweep init --data ring"),
        (("x.npy",), "For data: gensweep init --data x.npy"),
        (("--data", "rng"), "Did you mean 'ring'?"),
        (("--data", "ring,n_modes=0,bogus=1"), "unknown field 'bogus'"),
        (("--data", "nothing.npy"), "nothing.npy: no such file or folder"),
        (("--data", "."), "there is no image in it"),
        (("wae", "-o", "no/wae.yaml"), "there is no folder no."),
        (("wae", "-o", "wae.json"), "Write -o wae.yaml"),
    ],
)
def test_what_cannot_be_written_is_refused(
    gensweep: Command, tmp_path: Path, given: tuple[str, ...], says: str
) -> None:
    refused = gensweep("init", *given)
    assert (refused.code, refused.out) == (2, "")
    assert says in refused.err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["space.yaml", "x.npy"]
