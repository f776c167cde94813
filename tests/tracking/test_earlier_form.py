"""A store that an earlier gensweep filled: brought up to names, data, table and text without one run or point doubled."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tracked_sweep import Driver, Store

from gensweep.tracking import describe, projection
from gensweep.tracking.cursor import FORM, Cursor
from gensweep.tracking.front import NOTE, Front
from gensweep.tracking.projection import Projection

Project = Callable[..., Projection]
NEW_FIELDS = {"form", "name", "data", "said"}
ROW_POINTS = describe.row_points
KEYS = ["0000-wae-00000000", "0001-wae-01010101"]


@pytest.fixture
def earlier(driver: Driver, store: Store, project: Project, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """A sweep of which an earlier gensweep sent one trial that ended, and two epochs of one that runs."""
    for number, epochs in ((0, range(1, 5)), (1, range(1, 3))):
        trial = driver.issue(number, latent_size=8)
        driver.rows(number, epochs)
        trial.write_file("protocol.json", json.dumps({"fid": {"data": "50cc3e08" * 8}}).encode())
    driver.end(0)
    with monkeypatch.context() as then:
        then.setattr(describe, "run_name", lambda record: record.folder_name)
        then.setattr(describe, "trial_parameters", describe.parameters)
        then.setattr(describe, "row_points", lambda one, grouped: ROW_POINTS(one, grouped=not grouped))
        then.setattr(projection, "data_of", lambda *_: None)
        then.setattr(Front, "tell", lambda *_: None)
        assert project().sync().is_done
    as_version_2(driver.folder.path / "tracking.jsonl")
    assert list(store.runs()) == KEYS
    return driver


def as_version_2(path: Path) -> None:
    """The cursor as it was written before a run had a form and a name."""
    lines = []
    for text in path.read_text().splitlines():
        line = {name: value for name, value in json.loads(text).items() if name != "crc"}
        if "version" in line:
            line["version"] = 2
        if "run" in line:
            line["run"] = {name: value for name, value in line["run"].items() if name not in NEW_FIELDS}
        data = json.dumps(line, separators=(",", ":"))
        lines.append(f'{data[:-1]},"crc":"{zlib.crc32(data.encode()):08x}"}}\n')
    path.write_text("".join(lines))


def test_runs_points_and_parameters_stay_and_what_is_new_is_added(
    earlier: Driver, store: Store, project: Project
) -> None:
    ids = {key: run_id for key, (run_id, _) in store.runs().items()}
    before = {run_id: (store.metrics(run_id), store.parameters(run_id)) for run_id in ids.values()}
    assert project().sync().is_done
    assert {name: run_id for name, (run_id, _) in store.runs().items()} == {
        "0 wae/mmd": ids[KEYS[0]],
        "1 wae/mmd": ids[KEYS[1]],
    }
    for run_id, (metrics, parameters) in before.items():
        assert store.metrics(run_id) == metrics
        assert store.parameters(run_id) == {**parameters, "family": "wae", "family.divergence": "mmd",
                                            "dataset": "digits", "network": "mlp"}  # fmt: skip
    assert store.ask("select name, digest from datasets") == [("digits", "50cc3e0850cc")]
    assert len(store.ask("select * from inputs")) == 2
    ((_, value),) = store.ask("select key, value from experiment_tags where key like 'mlflow.sharedViewState.%'")
    assert json.loads(value)["name"] == "study"
    assert "It is running" in store.tags(store.runs("sweep")["study"][0])[NOTE]


def test_a_second_start_sends_nothing_more(earlier: Driver, store: Store, project: Project) -> None:
    project().sync()
    before = store.snapshot()
    assert project().sync(force=True).is_done
    assert store.snapshot() == before


def test_a_series_that_was_begun_goes_on_under_its_name(earlier: Driver, store: Store, project: Project) -> None:
    project().sync()
    earlier.rows(1, range(3, 5))
    earlier.issue(2)
    earlier.rows(2, range(1, 3))
    assert project().sync().is_done
    runs = {name: run_id for name, (run_id, _) in store.runs().items()}

    def epochs(name: str, metric: str) -> list[int]:
        return sorted(step for key, _, _, step in store.metrics(runs[name]) if key == metric)

    assert epochs("1 wae/mmd", "loss.model") == [1, 2, 3, 4]
    assert epochs("1 wae/mmd", "train/loss.model") == []
    assert epochs("2 wae/mmd", "train/loss.model") == [1, 2]
    assert epochs("2 wae/mmd", "loss.model") == []


def test_what_was_not_sent_yet_is_sent_as_it_is_named_now(earlier: Driver, store: Store) -> None:
    path = earlier.folder.path / "tracking.jsonl"
    forms = {key: run.form for key, run in Cursor.load(path, store.uri).runs.items()}
    assert forms == {"sweep": 1, **dict.fromkeys(KEYS, 1)}
    text = path.read_text().splitlines()
    assert '"run_id":null' in "".join(text)  # the intents, which stood there first
    path.write_text("\n".join(line for line in text if '"run"' not in line or '"run_id":null' in line) + "\n")
    assert {run.form for run in Cursor.load(path, store.uri).runs.values()} == {FORM}


def test_an_earlier_gensweep_refuses_the_new_file(earlier: Driver, project: Project) -> None:
    project().sync()
    head = (earlier.folder.path / "tracking.jsonl").read_text().splitlines()[0]
    assert json.loads(head)["version"] == 3
