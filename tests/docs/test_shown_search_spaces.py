"""What README.md and the documentation tell people to write is sound, and much of it runs as it stands, with sizes of a test."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import gensweep
from tests.docs.shown import ROOT, Block, blocks

TINY = [
    "search.samples=1", "search.sampler=random", "early_stopping=none",
    "trial.training.epochs=1", "trial.evaluation.every=1", "tracking.models=none",
]  # fmt: skip
OF_COMPONENTS = "docs/how-to/add/"  # test_added_components.py has these
SHOWN = [block for block in blocks("yaml") if not block.page.startswith(OF_COMPONENTS)]
RUN = {  # name -> what makes it small, besides TINY
    "photos": ["trial.latent_size=4", "trial.network.channels=4", "trial.dataset.size=8"], "measured": [],
    "mine": ["dataset=ring", "trial.dataset.n_train=200", "trial.evaluation.metrics=[fid]"],
    "modes": ["trial.dataset.n_train=200"],
}  # fmt: skip


def place(block: Block) -> str:
    return f"{block.page} {block.name}"


@pytest.mark.parametrize("block", SHOWN, ids=place)
def test_each_search_space_is_sound(block: Block, at_home: Path) -> None:
    (at_home / "space.yaml").write_text(block.text)
    sweep = gensweep.check("space.yaml")
    assert sweep.name == block.name
    assert sweep.n_trials > 1


def test_nothing_that_is_shown_is_a_part_of_a_file_alone() -> None:
    """A reader may copy any block of the tutorial, and so may the test above."""
    assert [place(block) for block in SHOWN if "trial" not in yaml.safe_load(block.text)] == []


@pytest.mark.parametrize("block", {block.name: block for block in SHOWN if block.name in RUN}.values(), ids=place)
def test_it_runs_as_it_is_printed(block: Block, at_home: Path) -> None:
    (at_home / "space.yaml").write_text(block.text)
    verdict = gensweep.run("space.yaml", [*TINY, *RUN[block.name]], in_process=True).verdict()
    assert verdict.problem is None, verdict.problem
    assert {row["outcome"] for row in verdict.trials.rows} == {"COMPLETED"}
    assert len({row["arm"] for row in verdict.trials.rows}) == 2


def test_all_of_them_are_found() -> None:
    assert {block.name for block in SHOWN} >= {*RUN, "wae", "population"}


def test_the_front_page_shows_the_file_that_it_names(at_home: Path) -> None:
    (front,) = (block for block in SHOWN if block.page == "docs/index.md")
    (at_home / "front.yaml").write_text(front.text)
    shown, whole = (gensweep.check(file).definition() for file in ("front.yaml", ROOT / "search_spaces" / "wae.yaml"))
    same = ("family", "latent_size", "dataset")
    assert {key: shown["trial"][key] for key in same} == {key: whole["trial"][key] for key in same}
    for key in ("objective", "search", "early_stopping", "confirm"):
        assert shown[key] == whole[key]


def test_the_program_runs_as_it_is_printed(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = (block.text for block in blocks("python") if block.page == "README.md")
    tiny = next(block.text for block in SHOWN if block.name == "measured")
    (at_home / "search_spaces").mkdir()
    (at_home / "search_spaces" / "wae.yaml").write_text(
        f"{tiny}  training: {{epochs: 1}}\nsearch: {{sampler: random, samples: 9}}\n".replace(
            "name: measured", "name: wae").replace("measured.npy", str(at_home / "measured.npy")
        )
    )  # fmt: skip
    said: dict[str, object] = {}
    exec(program.replace("samples=4", "samples=1"), said)
    assert " on the test split: " in capsys.readouterr().out
    assert len(said["table"]) == len(said["earlier"].trials()) == 2 + 2 * 5  # type: ignore[attr-defined, arg-type]
    assert len(said["arms"]) == 2  # type: ignore[arg-type]
    assert said["items"].shape == (1000, 3)  # type: ignore[attr-defined]
    assert said["again"].shape == (16, 3)  # type: ignore[attr-defined]


def test_the_judge_says_what_the_page_on_statistics_lets_expect(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = (block.text for block in blocks("python") if block.page == "docs/statistics.md")
    exec(program, {})
    assert "wae is best" in capsys.readouterr().out


def test_what_won_is_used_as_it_is_printed(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, _ = (block.text for block in blocks("python") if block.page == "docs/tutorial/use-the-winner.md")
    monkeypatch.chdir(used.parent)
    said: dict[str, object] = {}
    exec(program.replace('load("wae")', 'load("used")').replace("wae.best()", 'wae.best("vae")'), said)
    assert said["samples"].shape == (1000, 1, 8, 8)  # type: ignore[attr-defined]
    assert said["codes"].shape == (8, 3)  # type: ignore[attr-defined]
    assert said["decoded"].shape == (8, 1, 8, 8)  # type: ignore[attr-defined]


def test_a_sweep_runs_from_a_mapping_as_it_is_printed(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, program = (block.text for block in blocks("python") if block.page == "docs/tutorial/use-the-winner.md")
    exec(program.replace('"epochs": 2', '"epochs": 1').replace('["search', '["confirm={seeds: 2}", "search'), {})
    assert "'fid': " in capsys.readouterr().out
