"""gensweep as a library."""

from __future__ import annotations

import doctest
import importlib
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gensweep
from gensweep import campaign
from gensweep.errors import ConfigError, DamagedSweep, Interrupted, NoUsableTrial
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.models.generative import GenerativeModel, load_model
from gensweep.trial import Failure
from gensweep.verdict import SomeTrialsFailed
from tests.cli.conftest import SPACE
from tests.scripted_executor import Script, Scripted, completes, said
from tests.written_sweep import Writer

MAPPING: dict[str, Any] = {
    "name": "given",
    "confirm": None,
    "objective": {"metric": "sliced_wasserstein"},
    "search": {"sampler": "random", "samples": 2, "seed": 0},
    "trial": {
        "dataset": {"name": "ring"},
        "latent_size": "choice(2, 4)",
        "family": {"one_of": ["vae", {"name": "wae", "lambda": "loguniform(1, 10)"}]},
        "training": {"epochs": 2},
        "evaluation": {"metrics": ["sliced_wasserstein"], "every": 1},
    },
}


@pytest.fixture
def file(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    store = shutil.copy(empty_database, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    (tmp_path / "space.yaml").write_text(SPACE)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "space.yaml"


def follow(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "InProcess", lambda resources: Scripted(script))


def test_check_reads_a_file_with_overrides(file: Path) -> None:
    assert gensweep.check(str(file), ["search.samples=7"]).search.samples == 7
    with pytest.raises(ConfigError, match="latent_size"):
        gensweep.check(file, ["trial.latent_size=0"])


def test_a_text_is_one_override_and_what_is_none_is_refused(file: Path) -> None:
    assert gensweep.check(file, "search.samples=7").search.samples == 7
    for wrong in ([3], [None], [("search.samples", 7)]):
        with pytest.raises(ConfigError, match=r"is no override\. Give texts"):
            gensweep.check(file, wrong)  # type: ignore[arg-type]
    for wrong_file in ([{"a": 1}], 3, None):
        with pytest.raises(ConfigError, match="takes a search-space file or a mapping"):
            gensweep.check(wrong_file)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="overrides are of a file or a mapping"):
        gensweep.run(gensweep.check(file), ["search.samples=7"])


def test_a_mapping_is_read_as_the_file_that_says_the_same(file: Path) -> None:
    text = "defaults: [base, _self_]\nname: given\nconfirm: null\nobjective: {metric: sliced_wasserstein}\n"
    text += (
        "search: {sampler: random, samples: 2, seed: 0}\ntrial: {dataset: {name: ring}, latent_size: 'choice(2, 4)', "
    )
    text += "family: {one_of: [vae, {name: wae, lambda: 'loguniform(1, 10)'}]}, training: {epochs: 2}, "
    text += "evaluation: {metrics: [sliced_wasserstein], every: 1}}\n"
    (file.parent / "given.yaml").write_text(text)
    assert gensweep.check(MAPPING).definition() == gensweep.check("given.yaml").definition()
    assert (
        gensweep.check(MAPPING, "trial.latent_size=3").definition()
        == gensweep.check("given.yaml", "trial.latent_size=3").definition()
    )
    named = {**MAPPING, "defaults": ["base", {"dataset": "digits"}, "_self_"]}
    assert gensweep.check(named).definition()["trial"]["dataset"]["name"] == "ring"


def test_paths_of_a_mapping_are_seen_from_the_working_folder_and_numbers_are_those_of_numpy_too(file: Path) -> None:
    np.save(file.parent / "x.npy", np.random.default_rng(0).normal(size=(80, 2)).astype("float32"))
    dataset = {"name": "array", "path": Path("x.npy")}
    trial = {
        **MAPPING["trial"],
        "dataset": dataset,
        "latent_size": np.int64(3),
        "training": {"epochs": torch.tensor(2)},
    }
    found = gensweep.check({**MAPPING, "trial": trial}).definition()["trial"]
    assert found["dataset"]["path"] == str(file.parent / "x.npy")
    assert (found["latent_size"], found["training"]["epochs"]) == (3, 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trail": {}}, "unknown key 'trail'. Did you mean 'trial'"),
        (
            {"trial": {**MAPPING["trial"], "latent_sise": 3}},
            "trial: unknown field 'latent_sise' .*Did you mean 'latent_size'",
        ),
        (
            {"trial": {**MAPPING["trial"], "dataset": object()}},
            r"trial\.dataset: <object .* is no text, number, list or mapping",
        ),
        ({"trial": {**MAPPING["trial"], 3: 4}}, "trial: 3 is no name"),
        ({"search": {"sampler": "random", "samples": {1, 2}}}, r"search\.samples: \{1, 2\} is no text"),
        ({"trial": {}}, "dataset"),
        ({"name": "a/b"}, "name: "),
    ],
)
def test_the_mistakes_of_a_mapping_name_their_place_and_no_file(file: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        gensweep.check({**MAPPING, **change})
    assert "/tmp" not in str(refused.value)
    assert "sweep.yaml" not in str(refused.value)


def test_a_mapping_that_holds_itself_is_refused(file: Path) -> None:
    endless: dict[str, Any] = {**MAPPING}
    endless["trial"] = {"family": endless}
    with pytest.raises(ConfigError, match="nested deeper than 50"):
        gensweep.check(endless)


def test_run_gives_the_results_of_a_file_a_mapping_or_a_sweep(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(completes, monkeypatch)
    results = gensweep.run(file, in_process=True)
    verdict = results.verdict()
    assert verdict.comparison is not None
    assert verdict.folder.path == file.parent / "runs" / "tiny"
    assert gensweep.run(gensweep.check(file), in_process=True).verdict().trials == verdict.trials
    again = gensweep.load("tiny")
    assert (again.verdict().trials, again.verdict().comparison, again.verdict().problem) == (
        verdict.trials, verdict.comparison, None
    )  # fmt: skip
    assert again.trials().arm.tolist() == ["vae", "wae"] * 2
    for meant in ("tiny", "runs/tiny", "runs/tiny/", Path("runs/tiny"), file.parent / "runs" / "tiny"):
        assert gensweep.load(meant).trials().equals(again.trials())
    other = gensweep.run(MAPPING, "search.samples=1", in_process=True, runs="elsewhere")
    assert other.trials().arm.tolist() == ["vae", "wae"]
    assert gensweep.load("given", runs="elsewhere").name == "given"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (3, "takes the name or the folder of a sweep"),
        (None, "takes the name or the folder of a sweep"),
        ("usd", r"there is no sweep 'usd', neither as a folder nor in .*Did you mean 'used'"),
        ("", "there is no sweep ''"),
        (".", "there is no sweep"),
        ("search_spaces/wae.yaml", r"is a search-space file\. gensweep\.check reads one"),
    ],
)
def test_load_refuses_what_is_no_sweep(used: Path, wrong: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        gensweep.load(wrong, runs=used)


def test_failed_trials_are_in_the_verdict_and_a_stop_is_raised(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(lambda job, work: iter([Failure(0, "no", "") if job.number == 0 else said(job, 1.0)]), monkeypatch)
    failing = gensweep.run(file, runs="failing", in_process=True).verdict()
    assert isinstance(failing.problem, SomeTrialsFailed)
    assert [record.number for record in failing.failed] == [0]

    follow(lambda job, work: iter([Failure(job.number, f"KeyError: 'boom{job.number}'", "")]), monkeypatch)
    results = gensweep.run(file, runs="none", in_process=True)
    none = results.verdict().problem
    assert "KeyError: 'boom2'. See " in str(none)
    assert Path(str(none).rpartition("See ")[2]).is_file()
    assert "no trial has a score" in results._repr_html_()
    for ask in (results.best, results.arms):
        with pytest.raises(NoUsableTrial):
            ask()

    def stops(job, work):  # type: ignore[no-untyped-def]
        work.request_stop("Ctrl-C", 130)
        yield said(job, 1.0, None)

    follow(stops, monkeypatch)
    with pytest.raises(Interrupted, match="everything is saved"):
        gensweep.run(file, runs="stopped", in_process=True)


def test_arms_are_a_row_each_with_what_was_confirmed_and_what_it_cost(used: Path) -> None:
    results = gensweep.load("used", runs=used)
    arms = results.arms().set_index("arm")
    found = results.verdict().confirmation
    assert found is not None
    assert list(arms.index[:3]) == [arm.name for arm in found.verdict.arms]
    assert arms.index[3] == "flow"
    assert arms.loc["vae", "confirmed_trial"] == found.chosen["vae"]
    assert np.isnan(arms.loc["flow", "confirmed"])
    trials = results.trials()
    assert arms.loc["flow", "best"] == trials[trials.arm == "flow"].sliced_wasserstein.min()
    assert (arms.training_seconds > 0).all()


def test_the_best_trial_has_its_configuration_scores_and_model(used: Path) -> None:
    results = gensweep.load(used / "used")
    best, gan = results.best(), results.best("gan")
    found = results.verdict().confirmation
    assert found is not None
    assert best.arm == found.verdict.arm
    assert gan.number == found.number("gan")
    assert best.why
    assert gan.configuration["family"]["name"] == "gan"
    assert gan.model.family == "gan"
    assert gan.model is gan.model, "loaded once"
    assert gan.model.scores == gan.scores
    assert np.array_equal(gan.model.sample(3), load_model("used/gan", used).sample(3))
    confirming = results.trial(13)
    assert set(confirming.scores) == {*gan.scores, *(f"test.{name}" for name in gan.scores)}
    assert confirming.why == ""
    for wrong in ("gam", "", 3, "0"):
        with pytest.raises(ConfigError, match=r"used has no arm .*Known: autoencoder, flow, gan, vae"):
            results.best(wrong)  # type: ignore[arg-type]
    for number in (14, -1, "a"):
        with pytest.raises(ConfigError, match=r"used has no trial .*It has 14, from 0 on"):
            results.trial(number)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="device"):
        _ = results.best("gan", device="gpu").model


def test_a_notebook_shows_tables_pictures_and_no_markup_of_strangers(used: Path, tmp_path: Path) -> None:
    results = gensweep.load("used", runs=used)
    page = results._repr_html_()
    assert "<b>used</b>: By sliced_wasserstein on the test split: " in page
    assert page.count("<tr>") == 1 + len(results.arms())
    trial = results.best("gan")
    assert all(
        f"<td>{text}</td>" in trial._repr_html_() for text in (f"used/{trial.number}", "gan", "sliced_wasserstein")
    )
    assert "<td>chosen</td>" not in results.trial(0)._repr_html_()
    shown = trial.model._repr_html_()
    assert f"<p>used/{trial.number}: gan of digits, [1, 8, 8]</p>" in shown
    assert re.search(r'<img alt="samples" src="data:image/png;base64,iVBOR[\w+/=]+">', shown)
    sweep = Writer(tmp_path / "evil")
    for score in (1.0, 2.0):
        sweep.trial("vae", score, arm="<script>x")
    hostile = gensweep.load("evil", runs=tmp_path)
    for text in (hostile._repr_html_(), hostile.best()._repr_html_()):
        assert "<script>" not in text
        assert "&lt;script&gt;x" in text


def test_a_sweep_that_is_damaged_is_told_as_such(used: Path, tmp_path: Path) -> None:
    shutil.copytree(used, tmp_path / "runs")
    results = gensweep.load(tmp_path / "runs" / "used")
    (tmp_path / "runs" / "used" / "ledger" / "events.jsonl").unlink()
    for ask in (results.trials, results.arms, results.verdict, results.best):
        with pytest.raises(DamagedSweep):
            ask()


def test_nothing_is_written_by_who_reads(used: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in used.rglob("*")}
    results = gensweep.load("used", runs=used)
    results.trials(), results.arms(), results.verdict(), results.best().model.sample(2), results._repr_html_()
    assert {path: path.stat().st_mtime_ns for path in used.rglob("*")} == before


@pytest.mark.parametrize("module", ["api", "results"])
def test_the_examples_of_the_docstrings_hold(used: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.chdir(used.parent)
    found = importlib.import_module(f"gensweep.{module}")
    globs = {**vars(found), "gensweep": gensweep}
    failed, tried = 0, 0
    for test in doctest.DocTestFinder().find(found, globs=globs):
        runner = doctest.DocTestRunner(verbose=False)
        runner.run(test)
        failed, tried = failed + runner.failures, tried + runner.tries
    assert failed == 0
    assert tried >= 4


def test_what_it_offers_is_listed_and_nothing_else_is_there() -> None:
    assert set(dir(gensweep)) == {"GenerativeModel", "SweepResults", "check", "load", "run", "__version__"}
    assert gensweep.GenerativeModel is GenerativeModel
    assert gensweep.SweepResults(SweepFolder(Path("x"))).name == "x"
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        gensweep.lod  # noqa: B018


def test_its_types_are_for_whoever_installs_it() -> None:
    root = Path(gensweep.__file__).parent
    packaged = tomllib.loads((root.parent / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert (root / "py.typed").is_file()
    assert "py.typed" in packaged["gensweep"]
