"""Models in a run store: kept once, whole, in MLflow's form that loads without gensweep, and registered once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory_store import MemoryStore
from tracked_sweep import START, Driver, Store

from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.models.export import export
from gensweep.models.generative import load_model
from gensweep.tracking import mlflow_models, mlflow_store, offered
from gensweep.tracking.offered import Offer
from gensweep.tracking.projection import Projection
from gensweep.tracking.run_store import Away, Data, Entry, Model, Point, Refused, RunStore, open_store
from tests.without_gensweep import run_without

PREDICT = """
import json, sys, warnings
import numpy as np, mlflow
warnings.showwarning = lambda message, *_: sys.exit(f"warned: {message}")
mlflow.set_tracking_uri(sys.argv[1])
found = {}
for uri, given in [argument.split("=", 1) for argument in sys.argv[2:]]:
    arrays = np.load(given)
    drawn = {name: arrays[name] for name in arrays.files if name != "wanted"}
    items = mlflow.pyfunc.load_model(uri).predict(drawn if len(drawn) > 1 else next(iter(drawn.values())))
    found[uri] = [float(np.abs(items - arrays["wanted"]).max()), list(items.shape)]
assert not [name for name in sys.modules if name.partition(".")[0] == "gensweep"]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def exports(used: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any], Path]]:
    """Of two families the folder of the files, what they are, and some draws with what is wanted of them."""
    root, found = tmp_path_factory.mktemp("exports"), {}
    for family in ("gan", "autoencoder"):
        model, folder = load_model(f"used/{family}", used), root / family
        folder.mkdir()
        made = export(model)
        made.write(folder)
        drawn = model.trained.draws(model.game.sample_noise, "test", 0, 5, 1)
        np.savez(
            root / f"{family}.npz",
            wanted=model.trained.drawn(drawn).numpy(),
            **{k: v.numpy() for k, v in drawn.items()},
        )
        found[family] = (folder, dict(made.about), root / f"{family}.npz")
    return found


def model(exports: Mapping[str, tuple[Path, dict[str, Any], Path]], family: str, key: str) -> Model:
    folder, about, _ = exports[family]
    inputs = {name: (tuple(one["shape"]), one["law"]) for name, one in about["methods"]["sample"].items()}
    points = [Point("best.fid", 2.5, START, 3), Point("test.fid", 2.75, START, 3)]
    return Model(key, f"study-{family}", folder, inputs, tuple(about["shape"]), about["torch"], {"family": family},
                 {"gensweep.arm": family, "empty": ""}, points, Data("digits", "1a2b3c", "{}", {"train": 9}))  # fmt: skip


@pytest.fixture(params=["memory", "mlflow on SQLite", "mlflow behind a server"])
def runs(request: pytest.FixtureRequest) -> RunStore:
    if request.param == "memory":
        return MemoryStore()
    uri = "store" if request.param == "mlflow on SQLite" else "server"
    place = request.getfixturevalue(uri)
    return open_store(place.uri if isinstance(place, Store) else place.url)


def test_a_model_is_kept_once_and_registered_once(
    runs: RunStore, exports: dict[str, tuple[Path, dict[str, Any], Path]], request: pytest.FixtureRequest
) -> None:
    run_id, key = runs.create("a", {"sweep": request.node.name}, START), f"key of {request.node.name}".replace("[", "")
    assert runs.keeps_models
    assert runs.find_model(key) is None
    found = runs.add_model(run_id, model(exports, "gan", key))
    assert runs.add_model(run_id, model(exports, "gan", key)) == found == runs.find_model(key)
    entry = Entry("kept", "champion", "it is best", {"gensweep.arm": "gan"})
    first = runs.register(found, entry)
    assert runs.register(found, entry) == first
    other = runs.add_model(run_id, model(exports, "gan", f"another {key}"))
    assert other != found
    assert int(runs.register(other, entry)) == int(first) + 1
    assert runs.register(found, Entry("kept too", None, "", {})) == "1"


def test_mlflow_predicts_without_gensweep_what_the_model_gives(
    store: Store, exports: dict[str, tuple[Path, dict[str, Any], Path]]
) -> None:
    runs = open_store(store.uri)
    assert isinstance(runs, mlflow_store.MlflowStore)
    run_id = runs.create("a", {"sweep": "a"}, START)
    runs.log(run_id, [Point("best.fid", 2.5, START, 3)])
    ids = {family: runs.add_model(run_id, model(exports, family, family)) for family in exports}
    runs.register(ids["autoencoder"], Entry("kept", "champion", "it is best", {}))
    given = [f"models:/{ids['gan']}={exports['gan'][2]}", f"models:/kept@champion={exports['autoencoder'][2]}"]
    for uri, (difference, shape) in json.loads(run_without(PREDICT, store.uri, *given)).items():
        assert difference <= 1e-6, uri
        assert shape == [5, 1, 8, 8]
    kept = runs._client.get_logged_model(ids["gan"])
    assert (kept.name, kept.source_run_id, kept.params) == ("study-gan", run_id, {"family": "gan"})
    assert {(m.key, m.value, m.dataset_digest) for m in kept.metrics} == {
        ("best.fid", 2.5, "1a2b3c"),
        ("test.fid", 2.75, "1a2b3c"),
    }
    outputs = [one.model_id for one in runs._client.get_run(run_id).outputs.model_outputs]
    assert sorted(outputs) == sorted(ids.values()), "MLflow gives them in no order"
    assert len(store.ask("select * from metrics where key = 'best.fid'")) == 1, (
        "the run's point and the models' are one"
    )
    folder = Path(kept.artifact_location.removeprefix("file://"))
    assert {"MLmodel", "model.md", "model.safetensors", "sampler.py"} <= {path.name for path in folder.iterdir()}
    assert not list(folder.rglob("*.pkl"))
    assert re.fullmatch(r"mlflow==\S+\ntorch==[\d.]+", (folder / "requirements.txt").read_text().strip())
    assert str(Path(mlflow_models.__file__).parent) not in (folder / "MLmodel").read_text()
    tags = runs._client.get_logged_model(ids["autoencoder"]).tags
    assert json.loads(tags["mlflow.modelVersions"]) == [{"name": "kept", "version": 1}]


def test_what_a_cut_attempt_left_is_made_whole_and_not_doubled(
    store: Store, exports: dict[str, tuple[Path, dict[str, Any], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = open_store(store.uri)
    assert isinstance(runs, mlflow_store.MlflowStore)
    run_id = runs.create("a", {"sweep": "a"}, START)
    for call in ("log_model_artifacts", "log_outputs", "finalize_logged_model"):
        with monkeypatch.context() as patch:
            patch.setattr(runs._client, call, lambda *_, **__: (_ for _ in ()).throw(OSError("gone")))
            with pytest.raises(Away, match="gone"):
                runs.add_model(run_id, model(exports, "gan", "a"))
        assert runs.find_model("a") is None, "it is not whole"
    found = runs.add_model(run_id, model(exports, "gan", "a"))
    assert runs.find_model("a") == found
    assert store.ask("select count(*) from logged_models") == [(1,)]
    assert len(runs._client.get_run(run_id).outputs.model_outputs) == 1


def offer(
    driver: Driver, number: int, *, is_winner: bool = False, size: int = 3, wrong: Exception | None = None
) -> Offer:
    record = driver.folder.state().trials[number]

    def write(folder: Path) -> dict[str, Any]:
        if wrong:
            raise wrong
        (folder / "model.pt2").write_bytes(b"x" * size)
        return {"methods": {"sample": {"latent": {"shape": [2], "law": "normal"}}}, "shape": [1], "torch": "2.13.0"}

    return Offer(record, driver.folder.trial_of(record).path, f"digest {number}", "it was chosen", is_winner, write)


@pytest.fixture
def ended(driver: Driver) -> Driver:
    for number in range(2):
        driver.issue(number)
        driver.rows(number, range(1, 5))
        driver.end(number)
    return driver


def sender(driver: Driver, memory: MemoryStore, offers: list[Offer]) -> Projection:
    def offered_(state: SweepState) -> Iterator[Offer]:
        assert len(state.trials) == 2
        yield from offers

    folder = SweepFolder.open(driver.folder.path)
    projection = Projection(folder, "memory://here", open_store=lambda _: memory, offers=offered_)
    projection.start()
    assert projection.close(final=True).is_done
    return projection


def test_models_are_sent_to_the_runs_of_their_trials_once_across_starts(ended: Driver, memory: MemoryStore) -> None:
    offers = [offer(ended, 1, is_winner=True), offer(ended, 0)]
    assert sender(ended, memory, offers).send_models() == []
    assert [run for run, _, _ in memory.models.values()] == ["1 wae/mmd", "0 wae/mmd"]
    (_, first, files), _ = memory.models.values()
    assert (first.name, first.shape, first.inputs) == ("study-wae", (1,), {"latent": ((2,), "normal")})
    assert {point.name: point.value for point in first.points}["best.fid"] == 30.0
    assert (first.tags["gensweep.number"], first.tags["mlflow.note.content"]) == ("1", "it was chosen")
    assert files == {"model.pt2": b"xxx"}
    assert memory.runs("sweep")["study"].tags["gensweep.winner"] == "study/1"
    memory.calls.clear()
    assert sender(ended, memory, offers).send_models() == []
    assert "add_model" not in memory.calls
    assert "find_model" not in memory.calls, "the cursor knows"
    (ended.folder.path / "tracking.jsonl").unlink()
    assert sender(ended, memory, [offer(ended, 1, wrong=AssertionError("made again"))]).send_models() == []
    assert len(memory.models) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"wrong": Refused("torch cannot")}, "the model of wae: torch cannot"),
        ({"size": 9}, r"the model of wae: is 9 bytes, and at most 8 bytes are sent"),
    ],
)
def test_a_model_that_cannot_be_had_is_told_and_keeps_no_other_back(
    ended: Driver, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(offered, "LARGEST", 8)
    projection = sender(ended, memory, [offer(ended, 1, **change), offer(ended, 0)])
    assert [re.fullmatch(said, one) is not None for one in projection.send_models()] == [True]
    assert [run for run, _, _ in memory.models.values()] == ["0 wae/mmd"]


def test_models_wait_for_a_store_that_is_away_and_for_who_said_stop(ended: Driver, memory: MemoryStore) -> None:
    projection = sender(ended, memory, [offer(ended, 1)])
    left = f"the model of wae, for want of time; gensweep sync {ended.folder.argument} sends it"
    assert projection.send_models(lambda: True) == [left]
    memory.broken = {"add_model"}
    assert projection.send_models() == [f"models: nobody answers; gensweep sync {ended.folder.argument} sends them"]
    memory.broken = set()
    assert projection.send_models() == []
    assert len(memory.models) == 1


def test_a_store_that_keeps_none_is_offered_none(
    ended: Driver, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryStore, "keeps_models", False)
    assert sender(ended, memory, [offer(ended, 1, wrong=AssertionError("made"))]).send_models() == []
    assert memory.models == {}
    with pytest.raises(Refused, match="keeps no models"):
        RunStore.register(memory, "a", Entry("a", None, "", {}))
