"""rm: what it says and asks, its exit codes, and that nothing else goes."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import pytest

from gensweep.ledger import removal
from gensweep.ledger.sweep_folder import SweepFolder
from tests.cli.conftest import Command, Ended


@pytest.fixture
def sweep(done: tuple[Path, Ended], tmp_path: Path) -> Path:
    """A copy of a finished sweep."""
    return shutil.copytree(done[0] / "runs" / "tiny", tmp_path / "runs" / "tiny")


class Typed(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_it_needs_yes_and_says_what_would_go(sweep: Path, gensweep: Command) -> None:
    refused = gensweep("rm", "tiny")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("runs/tiny: 4 trials, ")
    assert "Add --yes to remove it." in refused.err
    assert sweep.exists()
    removed = gensweep("rm", "runs/tiny/", "--yes")
    assert (removed.code, removed.out) == (0, "Removed runs/tiny.\n")
    assert list(sweep.parent.iterdir()) == []
    again = gensweep("rm", "tiny", "--yes")
    assert again.code == 2
    assert "there is no sweep 'tiny' in runs" in again.err


@pytest.mark.parametrize(("answer", "stays"), [("y\n", False), ("n\n", True), ("\n", True)])
def test_on_a_terminal_it_asks(
    answer: str, stays: bool, sweep: Path, gensweep: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(answer))
    ended = gensweep("rm", "tiny")
    assert ended.code == 0
    assert "Remove it for good? [y/N]" in ended.err
    assert sweep.exists() == stays
    assert ended.out.endswith("Nothing was removed.\n" if stays else "Removed runs/tiny.\n")


@pytest.mark.parametrize(
    "name", ["..", "../runs", "/", ".", "../elsewhere/tiny", "tiny/trials", "tiny/0", ".tiny.removed"]
)
def test_nothing_but_a_sweep_in_the_folder_of_sweeps_goes(
    name: str, sweep: Path, gensweep: Command, tmp_path: Path
) -> None:
    shutil.copytree(sweep, tmp_path / "elsewhere" / "tiny")
    before = sorted(tmp_path.rglob("*"))
    refused = gensweep("rm", name, "--yes")
    assert refused.code == 2
    assert "there is no sweep" in refused.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_running_sweep_stays(sweep: Path, gensweep: Command) -> None:
    with SweepFolder.open(sweep).hold():
        refused = gensweep("rm", "tiny", "--yes")
    assert refused.code == 4
    assert "Stop it first: gensweep stop tiny" in refused.err
    assert (sweep / "sweep.yaml").exists()


def test_a_damaged_sweep_goes_too(sweep: Path, gensweep: Command) -> None:
    (sweep / "sweep.yaml").unlink()
    (sweep / "ledger" / "lease.json").write_text("{")
    (sweep / "report").rename(sweep / "report2")
    (sweep / "report").symlink_to(sweep.parent)
    assert gensweep("rm", "tiny", "--yes").code == 0
    assert not sweep.exists()


def test_what_was_cut_is_finished_by_saying_it_again(
    sweep: Path, gensweep: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(removal.shutil, "rmtree", cut)
        assert gensweep("rm", "tiny", "--yes").code == 130
    assert gensweep("ls", "--json").out == "[]\n"
    assert list(sweep.parent.iterdir()) != []
    again = gensweep("rm", "tiny")
    assert (again.code, again.out) == (0, "What was left of tiny is removed.\n")
    assert list(sweep.parent.iterdir()) == []


def test_its_runs_in_mlflow_go_with_it(gensweep: Command, tmp_path: Path) -> None:
    tiny = ["search.samples=1", "trial.training.epochs=1", "trial.latent_size=2", "trial.network.hidden=[4]",
            "trial.dataset.n_train=70", "trial.family=vae"]  # fmt: skip
    for name in ("mine", "other"):
        assert gensweep("run", "space.yaml", f"name={name}", *tiny, "--in-process").code == 0
    refused = gensweep("rm", "mine", "--tracking", "--tracking-uri", "http://127.0.0.1:9", "--yes")
    assert (refused.code, (tmp_path / "runs" / "mine").exists()) == (4, True)
    removed = gensweep("rm", "mine", "--tracking", "--yes")
    assert removed.code == 0, removed.err
    assert removed.out.startswith("Removed runs/mine. 2 runs in MLflow at sqlite:///")
    kept = gensweep("rm", "other", "--tracking")
    assert "\n2 runs in MLflow at sqlite:///" in kept.err, "those of the other one are still there"
