from __future__ import annotations

import csv
import io
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gensweep.axes.axis import AxisPath
from gensweep.comparison import collect, columns
from gensweep.comparison.frame import results
from gensweep.errors import ConfigError
from tests.written_sweep import DEFINITION, Writer

Write = Callable[..., Writer]


def wae(divergence: dict[str, object], **other: object) -> dict[str, object]:
    return {"family": {"name": "wae", "divergence": divergence, **other}}


def test_a_conditional_hyperparameter_has_its_plain_name_and_empty_cells(write: Write) -> None:
    sweep = write()
    mmd = {"family.divergence": "mmd", "family.divergence[mmd].kernel": "imq", "latent_size": 8}
    sweep.trial("wae", 3.0, configuration=wae({"name": "mmd", "kernel": "imq"}), parameters=mmd)
    sinkhorn = {"family.divergence": "sinkhorn", "family.divergence[sinkhorn].blur": 0.1, "latent_size": 8}
    sweep.trial("wae", 2.0, configuration=wae({"name": "sinkhorn", "blur": 0.1}), parameters=sinkhorn)
    found = results(sweep.folder)
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
    assert columns.plain_names(["a.divergence.blur", "b.blur", "fid", "x.fid"], {"fid"}) == {
        "divergence.blur": "a.divergence.blur", "b.blur": "b.blur", "trial.fid": "fid", "x.fid": "x.fid"
    }  # fmt: skip


def test_rows_are_ordered_by_number_whatever_the_order_of_the_log(write: Write) -> None:
    sweep = write()
    for number in (2, 0, 1):
        sweep.n = number
        sweep.trial("vae", float(number + 1))
    assert results(sweep.folder).number.tolist() == [0, 1, 2]


def test_every_bit_of_a_float_survives_and_no_clock_is_in_the_file(write: Write) -> None:
    one, other = write("one"), write("other")
    for sweep, seconds in ((one, 1.0), (other, 99.0)):
        sweep.trial("vae", 0.1 + 0.2, seconds=seconds, scores={"wasserstein": math.nan, "floor": 1e-300})
        sweep.trial("gan", None, outcome="DIVERGED", seconds=seconds, reason=f"after {seconds} s")
        collect.write_csv(collect.trials(sweep.folder), sweep.folder.path)
    first, second = ((s.folder.path / "results.csv").read_bytes() for s in (one, other))
    assert first == second
    rows = list(csv.DictReader(io.StringIO(first.decode())))
    assert float(rows[0]["fid"]) == 0.1 + 0.2
    assert (rows[0]["wasserstein"], rows[0]["floor"]) == ("nan", "1e-300")
    assert (rows[1]["fid"], rows[1]["best_epoch"], rows[1]["outcome"]) == ("", "", "DIVERGED")
    costs = list(csv.DictReader(io.StringIO((other.folder.path / "costs.csv").read_text())))
    assert [(row["number"], row["seconds"], row["evaluation_seconds"]) for row in costs] == [
        ("0", "99.0", "0.5"), ("1", "99.0", "0.5")
    ]  # fmt: skip


def test_a_running_trial_has_an_empty_outcome_and_what_it_has_reached(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 3.0, outcome="")
    found = results(sweep.folder)
    assert (found.outcome[0], found.epoch[0], found.fid[0], found.best_epoch[0]) == ("", 15, 3.0, 15)
    (row,) = collect.trials(sweep.folder).rows
    assert (row["seconds"], row["evaluation_seconds"]) == (2.0, 0.5)


def test_an_arm_is_a_column_of_its_own_beside_the_family(write: Write) -> None:
    sweep = write()
    sweep.trial("wgan", 3.0, arm="wgan.clip")
    sweep.trial("wgan", 4.0, arm="wgan.sobolev")
    assert results(sweep.folder)[["arm", "family"]].to_numpy().tolist() == [
        ["wgan.clip", "wgan"],
        ["wgan.sobolev", "wgan"],
    ]


def test_what_was_searched_is_told_from_what_only_differs(write: Write) -> None:
    sweep = write()
    for n, network in ((1, "mlp"), (2, "conv")):
        searched = {"network": network, "latent_size": n}
        sweep.trial(
            "vae", 3.0, configuration={"network": {"name": network}, "latent_size": n, "seed": n}, parameters=searched
        )
    table = collect.trials(sweep.folder)
    assert (table.searched, table.choices) == (["latent_size"], ["network"])
    assert set(table.axes) == {"latent_size", "network", "seed"}


def test_namesakes_of_a_choice_that_is_not_compared_are_shown_by_their_labels(write: Write) -> None:
    sweep = write()
    for size in (8, 16):
        sweep.trial(
            "vae",
            3.0,
            configuration={"network": {"name": "mlp", "hidden": [size]}, "training": {"optimizer": "adam"}},
            parameters={"network": f"mlp.hidden={size}"},
        )
    assert [row["network"] for row in collect.trials(sweep.folder).rows] == ["mlp.hidden=8", "mlp.hidden=16"]


def test_the_table_for_people_has_neither_keys_nor_details(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 3.0, scores={"fid.floor": 0.1})
    assert collect.trials(sweep.folder).shown == [
        "number", "arm", "family", "outcome", "epoch", "best_epoch", "fid", "seconds", "evaluation_seconds"
    ]  # fmt: skip


@pytest.mark.parametrize(("mode", "order"), [("min", [1, 0, 2, 3, 4]), ("max", [0, 1, 2, 3, 4])])
def test_the_best_is_first_and_what_has_no_result_last(write: Write, mode: str, order: list[int]) -> None:
    sweep = write(definition={**DEFINITION, "objective": {"metric": "fid", "mode": mode}})
    sweep.trial("vae", 3.0)
    sweep.trial("vae", 2.0, outcome="PRUNED")
    sweep.trial("vae", 1.0, outcome="DIVERGED")
    sweep.trial("vae", 9.0, outcome="FAILED")
    sweep.trial("vae", None, outcome="FAILED")
    assert [row["number"] for row in collect.trials(sweep.folder).best_first()] == order


@pytest.mark.parametrize(("mode", "best"), [("min", 2.0), ("max", 5.0)])
def test_the_summary_counts_running_trials_and_not_the_scores_of_diverged_ones(
    write: Write, mode: str, best: float
) -> None:
    sweep = write(definition={**DEFINITION, "objective": {"metric": "fid", "mode": mode}})
    assert collect.summary(sweep.folder) == {
        "sweep": "study", "trials": 0, "ended": 0, "state": "empty", "objective": "fid", "best": None, "seconds": 0,
    }  # fmt: skip
    sweep.trial("vae", 4.0)
    sweep.trial("vae", 1.0, outcome="DIVERGED")
    sweep.trial("vae", 9.0, outcome="FAILED")
    sweep.trial("vae", best, outcome="", seconds=3.0)
    assert collect.summary(sweep.folder) == {
        "sweep": "study", "trials": 4, "ended": 3, "state": "stopped", "objective": "fid", "best": best, "seconds": 11.0,
    }  # fmt: skip
    with sweep.folder.hold():
        assert collect.summary(sweep.folder)["state"] == "running"
        sweep.folder.events.append({"event": "finished"})
    assert collect.summary(sweep.folder)["state"] == "done"


def test_the_facts_of_a_trial(write: Write) -> None:
    sweep = write()
    sweep.trial("wgan", 3.0, arm="wgan.clip", outcome="", parameters={"latent_size": 8})
    sweep.trial("gan", None, outcome="DIVERGED", reason="loss became nan")
    running, diverged = (collect.facts(sweep.folder, number) for number in (0, 1))
    assert (running["outcome"], running["best"], running["best_epoch"], running["seconds"]) == (
        "RUNNING",
        {"fid": 3.0},
        15,
        2.0,
    )
    assert running["notes"] == []
    assert (running["arm"], running["family"], running["evaluation_seconds"]) == ("wgan.clip", "wgan", 0.5)
    assert running["reports"] == [{"epoch": 5, "fid": 9.0}, {"epoch": 10, "fid": 4.5}, {"epoch": 15, "fid": 3.0}]
    assert running["folder"].endswith("trials/0000-wgan.clip-00000000")
    assert (diverged["outcome"], diverged["reason"], diverged["number"]) == ("DIVERGED", "loss became nan", 1)
    with pytest.raises(ConfigError, match=r"study has no trial 2\. It has 2 trials"):
        collect.facts(sweep.folder, 2)


def test_an_empty_sweep_is_an_empty_table(write: Write) -> None:
    sweep = write()
    assert len(results(sweep.folder)) == 0
    collect.write_csv(collect.trials(sweep.folder), sweep.folder.path)
    assert (sweep.folder.path / "results.csv").read_text() == "number,key,arm,family,outcome,epoch,best_epoch\n"


def test_reading_leaves_no_folder_behind(write: Write, tmp_path: Path) -> None:
    sweep = write()
    sweep.trial("vae", 3.0, outcome="")
    shutil.rmtree(left := sweep.folder.path / "trials")
    collect.trials(sweep.folder)
    assert not left.exists()


@pytest.mark.parametrize(
    ("axis", "definition", "of_flow"),
    [
        ("latent_size", {}, None),
        ("network.hidden", {}, None),
        ("network.hidden", {"compare": "family.divergence"}, None),
        ("family.lambda", {}, 2),  # a field of the family is its own
        ("network[mlp].hidden", {}, 2),  # another branch may fix what one searches
        ("network.hidden", {"compare": "network"}, 2),  # so may another arm
    ],
)
def test_an_axis_that_a_family_does_not_use_is_an_empty_cell_and_what_an_arm_fixes_stays(
    write: Write, axis: str, definition: dict[str, str], of_flow: int | None
) -> None:
    sweep = write(definition={**DEFINITION, **definition})
    for family, searched in (("vae", {axis: 2}), ("vae", {axis: 4}), ("flow", {})):
        value = searched.get(axis, 2)
        tree = {"latent_size": value, "network": {"hidden": value}, "family": {"name": family, "lambda": value}}
        sweep.trial(family, 3.0, configuration=tree, parameters=searched)
    table = collect.trials(sweep.folder)
    column = AxisPath(axis).name
    assert [row[column] for row in table.rows] == [2, 4, of_flow]
    assert [column in row["unused"] for row in table.rows] == [False, False, of_flow is None]


def test_what_stands_below_an_unused_axis_is_unused_too(write: Write) -> None:
    sweep = write()
    for arm, network, parameters in (("vae", "mlp", {"network": "mlp", "network[mlp].width": 8}),
                                     ("vae", "conv", {"network": "conv"}), ("flow", "mlp", {})):  # fmt: skip
        tree = {"network": {"name": network, "width": 8}}
        sweep.trial(arm, 3.0, configuration=tree, parameters=parameters)
    rows = collect.trials(sweep.folder).rows
    assert [(row["network"], row["width"]) for row in rows] == [("mlp", 8), ("conv", 8), (None, None)]
    assert rows[2]["unused"] == {"network", "width"}


def test_a_file_that_is_looked_at_in_a_terminal_holds_nothing_that_one_obeys() -> None:
    made = collect.as_csv([{"a\x1b]0;title\x07": "\x1b[31mred\x1b[0m", "b": ["\x1b"]}], ["a\x1b]0;title\x07", "b"])
    assert made == b'a,b\nred,"[""\\u001b""]"\n'
