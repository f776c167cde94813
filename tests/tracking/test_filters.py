"""What the README says that the search field of MLflow's pages takes: each filter finds what it says, in a real store."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from tracked_sweep import CONFIGURATION, Driver, Store

from gensweep.tracking.projection import Projection

README = (Path(__file__).parents[2] / "README.md").read_text()
TABLE = README.partition("| filter | finds |\n|---|---|\n")[2].partition("\n\n")[0]
FILTERS = [re.match(r"\| `(.*?)` \|", line)[1] for line in TABLE.splitlines()]  # type: ignore[index]
FOUND = {
    "params.family = 'wae' and metrics.\"best.fid\" < 3": {"0 wae/mmd", "3 wae/mmd confirms 0, seed 1"},
    'metrics."test.fid" < 3': {"3 wae/mmd confirms 0, seed 1"},
    "params.latent_size = '8' and tags.\"gensweep.outcome\" = 'COMPLETED'": {
        "0 wae/mmd",
        "3 wae/mmd confirms 0, seed 1",
    },
    "params.\"family.divergence\" = 'sinkhorn'": {"1 wae/sinkhorn"},
    "tags.\"gensweep.sweep\" = 'wae' and tags.\"gensweep.arm\" = 'mmd'": {"0 wae/mmd", "3 wae/mmd confirms 0, seed 1"},
    "tags.\"gensweep.confirms\" = '13'": {"3 wae/mmd confirms 0, seed 1"},
    "dataset.name = 'digits'": {"0 wae/mmd"},
    "tags.\"gensweep.kind\" = 'sweep'": {"wae"},
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Callable[[str], set[str]]:
    """The names of the runs that a filter finds in a store with one sweep."""
    here = tmp_path_factory.mktemp("filters")
    database = here / "mlflow.db"
    database.write_bytes(empty_database.read_bytes())
    driver, store = Driver(here / "runs" / "wae"), Store(database)
    ends = [("mmd", "COMPLETED", 2.0, {}), ("sinkhorn", "PRUNED", 5.0, {}), (None, "DIVERGED", 1.0, {}),
            ("mmd", "COMPLETED", 2.5, {"parent": 0, "repeat": 0})]  # fmt: skip
    for number, (divergence, outcome, fid, confirms) in enumerate(ends):
        family = {"name": "wae", "divergence": {"name": divergence}} if divergence else {"name": "vae"}
        key, arm = f"{number:02x}" * 32, divergence or "vae"
        driver.folder.events.append(
            {"event": "issued", "number": number, "key": key, "arm": arm, "position": number, "parameters": {},
             "configuration": {**CONFIGURATION, "family": family}, **confirms}
        )  # fmt: skip
        trial = driver.folder.trial(number, arm, key)
        if number == 0:
            trial.write_file("protocol.json", json.dumps({"fid": {"data": "50cc3e08" * 8}}).encode())
        driver.folder.events.append(
            {"event": "ended", "number": number, "outcome": outcome, "reason": "", "epoch": 4, "step": 40, "best": {"fid": fid},
             "best_epoch": 3, "seconds": 1.0, "evaluation_seconds": 1.0, "test": {"fid": 2.75} if confirms else {}}
        )  # fmt: skip
    projection = Projection(driver.folder, store.uri)
    projection.start()
    assert projection.close(final=True).is_done
    driver.lease.release()
    client = mlflow.MlflowClient(tracking_uri=store.uri)

    def find(text: str) -> set[str]:
        experiment = client.get_experiment_by_name("gensweep")
        assert experiment is not None
        return {run.info.run_name for run in client.search_runs([experiment.experiment_id], text)}

    return find


def test_the_table_is_read() -> None:
    assert list(FOUND) == FILTERS


@pytest.mark.parametrize("text", FILTERS)
def test_each_filter_finds_what_it_says(filled: Callable[[str], set[str]], text: str) -> None:
    of_these = text.replace("'13'", "'0'")  # the trial of the example is another one here
    assert filled(of_these) == FOUND[text]
