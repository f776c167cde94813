"""What the README tells people to write runs as it stands, here with sizes of a test."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gensweep

README = (Path(__file__).parent.parent / "README.md").read_text()
TINY = [
    "search.samples=1", "search.sampler=random", "early_stopping=none",
    "trial.training.epochs=1", "trial.evaluation.every=1", "tracking.models=none",
]  # fmt: skip


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def name(text: str) -> str:
    return str(re.search(r"^name: (\w+)", text, re.MULTILINE)[1])  # type: ignore[index]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples read, and their store."""
    here = tmp_path_factory.mktemp("readme")
    noise = np.random.default_rng(0)
    (here / "my_photos" / "more").mkdir(parents=True)
    for number in range(120):
        pixels = noise.integers(0, 256, size=(36, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(here / "my_photos" / ("more" if number % 2 else "") / f"{number}.png")
    np.save(here / "measured.npy", noise.normal(size=(200, 3)).astype(np.float32))
    return here


@pytest.fixture
def at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    monkeypatch.setenv("GENSWEEP_CACHE", str(folder / "cache"))
    return folder


@pytest.mark.parametrize("text", blocks("yaml"), ids=name)
def test_each_search_space_runs_as_it_is_printed(text: str, at_home: Path) -> None:
    (at_home / "space.yaml").write_text(text)
    own = {"photos": ["trial.latent_size=4", "trial.network.channels=4", "trial.dataset.size=8"], "measured": [],
           "mine": ["dataset=ring", "trial.dataset.n_train=200", "trial.evaluation.metrics=[fid]"],
           "modes": ["trial.dataset.n_train=200"]}  # fmt: skip
    assert gensweep.check("space.yaml").name == name(text)
    verdict = gensweep.run("space.yaml", [*TINY, *own[name(text)]], in_process=True).verdict()
    assert verdict.problem is None, verdict.problem
    assert {row["outcome"] for row in verdict.trials.rows} == {"COMPLETED"}
    assert len({row["arm"] for row in verdict.trials.rows}) == 2


def test_the_program_runs_as_it_is_printed(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = blocks("python")
    tiny = blocks("yaml")[2].replace("name: measured", "name: wae").replace("path: measured", "path: ../measured")
    (at_home / "search_spaces").mkdir()
    (at_home / "search_spaces" / "wae.yaml").write_text(
        f"{tiny}  training: {{epochs: 1}}\nsearch: {{sampler: random, samples: 9}}\n".replace(
            "../measured.npy", str(at_home / "measured.npy")
        )
    )
    said: dict[str, object] = {}
    exec(program.replace("samples=4", "samples=1"), said)
    assert " on the test split: " in capsys.readouterr().out
    assert len(said["table"]) == len(said["earlier"].trials()) == 2 + 2 * 5  # type: ignore[attr-defined, arg-type]
    assert len(said["arms"]) == 2  # type: ignore[arg-type]
    assert said["items"].shape == (1000, 3)  # type: ignore[attr-defined]
    assert said["again"].shape == (16, 3)  # type: ignore[attr-defined]
