from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from written_sweep import Writer

from gensweep.comparison import collect

Write = Callable[..., Writer]


def wae(divergence: dict[str, object], **other: object) -> dict[str, object]:
    return {"family": {"name": "wae", "divergence": divergence, **other}}


def test_a_conditional_hyperparameter_has_its_plain_name_and_empty_cells(write: Write) -> None:
    sweep = write()
    mmd = {"family.divergence": "mmd", "family.divergence[mmd].kernel": "imq", "latent_size": 8}
    sweep.trial("wae", 3.0, configuration=wae({"name": "mmd", "kernel": "imq"}), parameters=mmd)
    sinkhorn = {"family.divergence": "sinkhorn", "family.divergence[sinkhorn].blur": 0.1, "latent_size": 8}
    sweep.trial("wae", 2.0, configuration=wae({"name": "sinkhorn", "blur": 0.1}), parameters=sinkhorn)
    found = collect.results(sweep.folder)
    assert list(found.columns) == [
        *collect.IDENTITY, "divergence", "blur", "kernel", "latent_size", "fid", "protocol.fid"
    ]  # fmt: skip
    assert found.divergence.tolist() == ["mmd", "sinkhorn"]
    assert found.kernel[0] == "imq"
    assert pd.isna(found.kernel[1])
    assert found.blur[1] == 0.1


def test_what_differs_is_shown_even_if_it_was_not_searched_and_what_is_constant_is_not(write: Write) -> None:
    sweep = write()
    for seed in (1, 2):
        sweep.trial("vae", 3.0, configuration={"seed": seed, "training": {"epochs": 5}})
    table = collect.trials(sweep.folder)
    assert table.axes == {"seed": "seed"}


def test_names_that_clash_are_made_longer() -> None:
    assert collect.plain_names(["a.divergence.blur", "b.blur", "fid", "x.fid"], {"fid"}) == {
        "divergence.blur": "a.divergence.blur", "b.blur": "b.blur", "trial.fid": "fid", "x.fid": "x.fid"
    }  # fmt: skip


def test_rows_are_ordered_by_number_whatever_the_order_of_the_log(write: Write) -> None:
    sweep = write()
    for number in (2, 0, 1):
        sweep.n = number
        sweep.trial("vae", float(number + 1))
    assert collect.results(sweep.folder).number.tolist() == [0, 1, 2]


def test_every_bit_of_a_float_survives_and_no_clock_is_in_the_file(write: Write) -> None:
    one, other = write("one"), write("other")
    for sweep, seconds in ((one, 1.0), (other, 99.0)):
        sweep.trial("vae", 0.1 + 0.2, seconds=seconds, scores={"wasserstein": math.nan, "floor": 1e-300})
        sweep.trial("gan", None, outcome="DIVERGED", seconds=seconds, reason=f"after {seconds} s")
        collect.write_csv(sweep.folder)
    first, second = ((s.folder.path / "results.csv").read_bytes() for s in (one, other))
    assert first == second
    rows = list(csv.DictReader(io.StringIO(first.decode())))
    assert float(rows[0]["fid"]) == 0.1 + 0.2
    assert (rows[0]["wasserstein"], rows[0]["floor"]) == ("nan", "1e-300")
    assert (rows[1]["fid"], rows[1]["best_epoch"], rows[1]["outcome"]) == ("", "", "DIVERGED")
    assert "99.0" in (other.folder.path / "costs.csv").read_text()


def test_a_running_trial_has_an_empty_outcome(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 3.0, outcome="")
    found = collect.results(sweep.folder)
    assert (found.outcome[0], found.epoch[0]) == ("", 15)


def test_an_empty_sweep_is_an_empty_table(write: Write) -> None:
    sweep = write()
    assert len(collect.results(sweep.folder)) == 0
    collect.write_csv(sweep.folder)
    assert (sweep.folder.path / "results.csv").read_text() == "number,key,family,outcome,epoch,best_epoch\n"


def test_reading_leaves_no_folder_behind(write: Write, tmp_path: Path) -> None:
    sweep = write()
    sweep.trial("vae", 3.0, outcome="")
    collect.trials(sweep.folder)
    assert list((sweep.folder.path / "trials").iterdir()) == []
