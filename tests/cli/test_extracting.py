"""gensweep train-extractor: what it writes, says and refuses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from gensweep.extractors import making
from gensweep.extractors.frozen import load_extractor
from gensweep.extractors.trust import VARIABLE
from gensweep.metrics.base import scorer
from tests.cli.conftest import Command

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

SPACE = """
defaults: [base, _self_]
name: own
objective: fid
search: {sampler: random, samples: 1, seed: 0}
trial:
  dataset: {name: array, path: x.npy, labels: y.npy}
  network: {name: mlp, hidden: [8]}
  latent_size: 2
  family: vae
  training: {epochs: 1, batch_size: 16}
  evaluation: {metrics: [EXTRACTED], every: 1}
  seed: 0
"""


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch) -> Path:
    """A folder with images of two kinds, their labels, and no trust in anything."""
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(VARIABLE, "")
    load_extractor.cache_clear()
    scorer.cache_clear()
    rng, of = np.random.default_rng(0), np.arange(120) % 2
    np.save(tmp_path / "x.npy", (rng.integers(0, 100, (120, 6, 6)) + 150 * of[:, None, None]).astype("uint8"))
    np.save(tmp_path / "y.npy", of)
    return tmp_path


def test_what_fid_refuses_is_scored_once_the_command_was_given_that_the_refusal_names(
    gensweep: Command, own: Path
) -> None:
    (own / "space.yaml").write_text(SPACE.replace("EXTRACTED", "fid"))
    refused = gensweep("run", "space.yaml", "--in-process")
    assert refused.code == 2
    named = refused.err.partition("`gensweep ")[2].partition("`")[0].split()
    assert named == ["train-extractor", f"array,path={own}/x.npy,labels={own}/y.npy", "-o", "FILE.pt2"]
    made = gensweep(*named, "--epochs", "40", "--features", "8")
    assert made.code == 0, made.err
    digest = hashlib.sha256((own / "FILE.pt2").read_bytes()).hexdigest()
    for said in (
        "8 features",
        "(1, 6, 6)",
        "trained on labels of array",
        "2 classes",
        "accuracy 1 on the test",
        digest,
    ):
        assert said in made.out
    (own / "space.yaml").write_text(SPACE.replace("EXTRACTED", "{name: fid, extractor: file:FILE.pt2}"))
    assert gensweep("check", "space.yaml").code == 0
    assert gensweep("run", "space.yaml", "--in-process").code == 0
    protocol = json.loads(next((own / "runs/own/trials").glob("*/protocol.json")).read_text())["fid"]
    assert protocol["weights"] == digest[:8]
    assert protocol["accuracy"] == 1
    assert protocol["features"].startswith("trained on labels of array, data ")


def test_it_is_told_as_json_too_and_the_file_is_named_for_the_data(gensweep: Command, own: Path) -> None:
    done = gensweep("train-extractor", "array,path=x.npy", "--features", "4", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert (told["file"], told["kind"], told["features"]) == ("x.pt2", "pca", 4)
    assert told["sha256"] == hashlib.sha256((own / "x.pt2").read_bytes()).hexdigest()
    assert (own / "x.pt2").stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("kind", ["pca", "random"])
def test_without_labels_it_is_said_that_there_are_none(gensweep: Command, kind: str) -> None:
    done = gensweep("train-extractor", "ring,n_train=100,n_test=50,n_validation=50", "--kind", kind)
    assert done.code == 0
    assert "no labels" in done.out
    assert "accuracy" not in done.out


def test_the_dataset_of_a_search_space_file_is_taken_although_its_metric_lacks_an_extractor(
    gensweep: Command, own: Path
) -> None:
    (own / "space.yaml").write_text(SPACE.replace("EXTRACTED", "fid"))
    done = gensweep("train-extractor", "--of", "space.yaml", "--kind", "pca", "--features", "3", "-o", "net.pt2")
    assert (done.code, done.err) == (0, "")
    assert "3 features of items of shape (1, 6, 6), PCA of array" in done.out


def test_features_that_say_nothing_of_the_classes_are_told(gensweep: Command, own: Path) -> None:
    np.save(own / "y.npy", np.random.default_rng(1).integers(0, 20, 120))
    done = gensweep(
        "train-extractor", "array,path=x.npy,labels=y.npy", "--epochs", "1", "--features", "2", "--seed", "1"
    )
    assert done.code == 0
    assert "is no better than naming the most frequent class always" in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "name a dataset, as in image_folder,path=my_photos,size=32, or give --of FILE: one of the two"),
        ("ring --of space.yaml", "one of the two"),
        ("rings --kind pcas", "Did you mean 'ring'"),
        ("rings --kind pcas", "--kind pcas: Did you mean 'pca'"),
        ("ring,digits", "DATASET ring,digits: one dataset is needed"),
        ("space.yaml", "For the dataset of a search-space file give --of space.yaml"),
        ("--of nothing.yaml", "nothing.yaml does not exist"),
        ("--of several.yaml", "--of several.yaml: has 2 datasets"),
        ("array,path=nothing.npy", "nothing.npy: no such file"),
        ("array,path=x.npy,labels=nothing.npy", "nothing.npy: no such file"),
        ("image_folder,path=nothing", "nothing: no such folder"),
        ("ring --features 0", "--features"),
        ("ring --features 3", "at most 2 principal components"),
        ("ring --epochs 3", "--kind pca is computed and not trained"),
        ("ring --kind labels", "dataset ring has no labels here"),
        ("ring -o there.pt2", "there.pt2: is there already. Name another file with -o, or overwrite it with --force"),
        ("ring -o folder", "folder: is a folder. Name a file in it: -o folder/extractor.pt2"),
        ("ring -o nowhere/x.pt2", "there is no folder nowhere"),
        ("ring -o x.json", "x.json: a .json is the card of an extractor"),
        ("ring -o carded.pt2", "carded.json stands beside it, and would be read as its card"),
        ("ring -o ~nobody_here/x.pt2", "~nobody_here is nobody's home here"),
    ],
)
def test_what_is_refused_writes_nothing(gensweep: Command, own: Path, words: str, says: str) -> None:
    (own / "space.yaml").write_text(SPACE.replace("EXTRACTED", "sliced_wasserstein"))
    (own / "several.yaml").write_text(
        (own / "space.yaml").read_text().replace("{name: array, path: x.npy, labels: y.npy}", "choice(ring, grid)")
    )
    (own / "there.pt2").write_text("there")
    (own / "carded.json").write_text("{}")
    (own / "folder").mkdir()
    before = sorted(path for path in own.rglob("*"))
    done = gensweep("train-extractor", *words.split())
    assert done.code == (4 if "~nobody" in words else 2), done.err
    assert says in done.err
    assert "Traceback" not in done.err
    assert sorted(path for path in own.rglob("*") if "cache" not in path.parts) == before
    assert (own / "there.pt2").read_text() == "there"


def test_a_file_is_overwritten_by_force_alone(gensweep: Command, own: Path) -> None:
    (own / "ring.pt2").write_text("there")
    assert gensweep("train-extractor", "ring,n_train=100", "--force").code == 0
    assert (own / "ring.pt2").read_bytes() != b"there"


def test_a_file_that_came_meanwhile_is_not_overwritten(
    gensweep: Command, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = making.make

    def slow(*wanted: object) -> making.Made:
        (own / "ring.pt2").write_text("faster")
        return make(*wanted)

    monkeypatch.setattr(making, "make", slow)
    done = gensweep("train-extractor", "ring,n_train=100")
    assert done.code == 2
    assert "ring.pt2: is there already" in done.err
    assert (own / "ring.pt2").read_text() == "faster"


def test_ctrl_c_leaves_nothing(gensweep: Command, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    for where, place in ((making, "fit"), (Path, "replace")):
        monkeypatch.setattr(where, place, stopped)
        done = gensweep("train-extractor", "array,path=x.npy,labels=y.npy", "--epochs", "1", "--features", "2")
        assert (done.code, done.err) == (130, "gensweep: stopped by Ctrl-C\n")
        assert sorted(path.name for path in own.iterdir() if path.name != "cache") == ["space.yaml", "x.npy", "y.npy"]
        monkeypatch.undo()
        monkeypatch.chdir(own)


def test_a_full_disk_is_said_and_leaves_nothing(gensweep: Command, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    done = gensweep("train-extractor", "ring,n_train=100")
    assert done.code == 4
    assert "ring.pt2: cannot be written (No space left on device)" in done.err
    assert not list(own.glob("*.pt2*")) + list(own.glob(".*"))
