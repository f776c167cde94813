"""run --cfg: a file that needs no other, is the same sweep, and starts nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gensweep import shipped
from gensweep.spaces.check import load_and_check
from tests.cli.conftest import Command, Ended


def test_what_is_printed_goes_on_with_the_sweep_that_the_file_began(
    done: tuple[Path, Ended], gensweep: Command, tmp_path: Path
) -> None:
    folder, first = done
    printed = gensweep("run", "space.yaml", "--cfg", folder=folder)
    assert (printed.code, printed.err) == (0, "")
    (tmp_path / "other.yaml").write_text(printed.out)
    again = gensweep("run", "other.yaml", "--in-process", "--runs", str(folder / "runs"))
    assert again.code == 0, again.err
    assert "tiny is done" in again.err
    assert again.out.split("\n\n")[0] == first.out.split("\n\n")[0]


@pytest.mark.parametrize("name", shipped.names())
def test_every_search_space_that_ships_is_resolved_to_the_same_sweep(
    name: str, gensweep: Command, tmp_path: Path
) -> None:
    printed = gensweep("run", name, "--cfg")
    (tmp_path / "resolved.yaml").write_text(printed.out)
    assert load_and_check(tmp_path / "resolved.yaml") == load_and_check(shipped.file_of(name))


def test_overrides_are_in_it_and_texts_that_look_like_numbers_stay_texts(gensweep: Command, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **{"1e5": np.zeros((40, 3), "float32"), "b": np.zeros(3)})
    asked = ["name=1e4", "trial.dataset={name: array, path: x.npz, key: '1e5'}", "trial.latent_size=choice(2,3)",
             "trial.family=vae", "trial.training.epochs=1", "trial.training.batch_size=4"]  # fmt: skip
    printed = gensweep("run", "space.yaml", *asked, "--cfg")
    assert printed.code == 0, printed.err
    assert printed.out.startswith("# What this is, resolved: gensweep run space.yaml name=1e4 ")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "resolved.yaml").write_text(printed.out)
    found, meant = load_and_check(elsewhere / "resolved.yaml"), load_and_check(tmp_path / "space.yaml", asked)
    assert found == meant
    assert (found.name, found.space["dataset"]["key"]) == ("1e4", "1e5")
    assert found.space["dataset"]["path"] == str(tmp_path / "x.npz"), "paths are whole, so that it runs from anywhere"
    assert sorted(f.name for f in tmp_path.iterdir()) == ["elsewhere", "space.yaml", "x.npz"], "nothing was started"


def test_mistakes_are_told_as_run_tells_them(gensweep: Command) -> None:
    asked = ("run", "space.yaml", "trial.bogus=1", "search.samples=0", "--cfg")
    refused = gensweep(*asked)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == gensweep(*asked[:-1], "--in-process").err.replace("gensweep: reading space.yaml\n", "")
    assert gensweep("run", "space.yaml", "--cfg", "--dry-run").code == 2
