"""gensweep as a library."""

from __future__ import annotations

from pathlib import Path

import pytest

import gensweep
from gensweep import campaign
from gensweep.errors import ConfigError, Interrupted
from gensweep.trial import Failure
from gensweep.verdict import SomeTrialsFailed
from tests.cli.conftest import SPACE
from tests.scripted_executor import Script, Scripted, completes, said


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    (tmp_path / "space.yaml").write_text(SPACE)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "space.yaml"


def follow(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "InProcess", lambda resources: Scripted(script))


def test_load_reads_a_file_with_overrides(file: Path) -> None:
    assert gensweep.load(str(file), ["search.samples=7"]).search.samples == 7
    with pytest.raises(ConfigError, match="latent_size"):
        gensweep.load(file, ["trial.latent_size=0"])


def test_a_text_is_one_override_and_what_is_none_is_refused(file: Path) -> None:
    assert gensweep.load(file, "search.samples=7").search.samples == 7
    for wrong in ([3], [None], [("search.samples", 7)]):
        with pytest.raises(ConfigError, match=r"is no override\. Give texts"):
            gensweep.load(file, wrong)  # type: ignore[arg-type]
    for wrong_file in ({"a": 1}, 3, None):
        with pytest.raises(ConfigError, match="takes the path of a search-space file"):
            gensweep.load(wrong_file)  # type: ignore[arg-type]


def test_run_gives_the_verdict_of_a_file_or_of_a_sweep(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(completes, monkeypatch)
    verdict = gensweep.run(file, in_process=True)
    assert verdict.comparison is not None
    assert verdict.folder.path == file.parent / "runs" / "tiny"
    assert gensweep.run(gensweep.load(file), in_process=True).trials == verdict.trials
    again = gensweep.open("tiny")
    assert (again.trials, again.comparison, again.problem) == (verdict.trials, verdict.comparison, None)
    assert gensweep.results(again.folder).arm.tolist() == ["vae", "wae"] * 2
    for meant in ("tiny", Path("runs/tiny"), again):
        assert gensweep.results(meant).equals(gensweep.results(again.folder))
    for wrong in (3, None, {"a": 1}):
        with pytest.raises(ConfigError, match=r"results takes the name of a sweep"):
            gensweep.results(wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no sweep is here"):
        gensweep.results("nope")
    with pytest.raises(ConfigError, match="no sweep is here"):
        gensweep.open("tiny", "elsewhere")


def test_failed_trials_are_in_the_verdict_and_a_stop_is_raised(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(lambda job, work: iter([Failure(0, "no", "") if job.number == 0 else said(job, 1.0)]), monkeypatch)
    assert isinstance(gensweep.run(file, runs="failing", in_process=True).problem, SomeTrialsFailed)

    follow(lambda job, work: iter([Failure(job.number, f"KeyError: 'boom{job.number}'", "")]), monkeypatch)
    none = gensweep.run(file, runs="none", in_process=True).problem
    assert "KeyError: 'boom2'. See " in str(none)
    assert Path(str(none).rpartition("See ")[2]).is_file()

    def stops(job, work):  # type: ignore[no-untyped-def]
        work.request_stop("Ctrl-C", 130)
        yield said(job, 1.0, None)

    follow(stops, monkeypatch)
    with pytest.raises(Interrupted, match="everything is saved"):
        gensweep.run(file, runs="stopped", in_process=True)


def test_what_it_offers_is_listed_and_nothing_else_is_there() -> None:
    assert {"load", "run", "open", "results"} <= set(dir(gensweep))
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        gensweep.lod  # noqa: B018
