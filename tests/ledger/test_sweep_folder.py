"""The sweep's folder: made once, found again, described."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gensweep.errors import CannotRun, ConfigError, DamagedSweep, Outcome
from gensweep.ledger.sweep_folder import SweepFolder, sweeps


def test_what_was_created_is_found_again(tmp_path: Path) -> None:
    family = {"name": "wae", "lambda": {"low": 1e-05, "high": 100.0}}
    definition = {"name": "größe", "trial": {"family": family, "again": family}, "text": "1e-4", "samples": None}
    made = SweepFolder.create(tmp_path / "a" / "b", definition, environment={"devices": ["cpu"]})
    found = SweepFolder.open(tmp_path / "a" / "b")
    assert found.definition == made.definition == definition
    assert list(found.definition) == list(definition)
    assert "&id" not in (found.path / "sweep.yaml").read_text()
    assert found.name == "b"
    assert [event["event"] for event in found.events.read()] == ["identified", "defined"]
    assert found.state().trials == {}
    assert found.environment["devices"] == ["cpu"]


def test_the_environment_names_versions_and_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    bare = SweepFolder.create(tmp_path / "1", {}).environment
    assert bare["git"] == {"commit": None, "dirty": None}
    assert bare["versions"].keys() == {"torch", "ray", "mlflow", "optuna", "pot", "numpy"}
    assert bare["versions"]["numpy"] == __import__("numpy").__version__
    assert bare["cpu_count"] == os.cpu_count()
    author = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    (tmp_path / "code.py").write_text("1")
    for command in (["init", "-q"], ["add", "code.py"], [*author, "commit", "-q", "-m", "m"]):
        subprocess.run(["git", *command], check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert SweepFolder.create(tmp_path / "2", {}).environment["git"] == {"commit": commit, "dirty": False}
    (tmp_path / "code.py").write_text("2")
    assert SweepFolder.create(tmp_path / "3", {}).environment["git"] == {"commit": commit, "dirty": True}


def test_a_second_sweep_in_the_same_folder_is_refused(sweep: SweepFolder) -> None:
    with pytest.raises(ConfigError, match="already holds a sweep"):
        SweepFolder.create(sweep.path, {"name": "other"})
    assert sweep.definition["name"] == "study"


def test_half_a_creation_is_no_sweep_and_can_be_repeated(sweep: SweepFolder) -> None:
    (sweep.path / "sweep.yaml").unlink()  # written last
    with pytest.raises(ConfigError, match="gensweep ls"):
        SweepFolder.open(sweep.path)
    assert sweeps(sweep.path.parent) == []
    assert SweepFolder.create(sweep.path, {"name": "again"}).definition == {"name": "again"}


@pytest.mark.parametrize("write", range(13))
def test_killed_at_any_write_of_its_beginning_the_name_is_free(
    tmp_path: Path, in_child: Callable[[Callable[[], object]], int], write: int
) -> None:
    path = tmp_path / "runs" / "study"

    def dies() -> None:
        left, real = iter(range(write)), os.fsync

        def fsync(descriptor: int) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            real(descriptor)

        os.fsync = fsync
        with SweepFolder.create(path, {"by": "the first"}).hold():
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(dies) == -signal.SIGKILL
    if sweeps(path.parent):
        folder = SweepFolder.open(path)
        assert not folder.is_begun()
        with folder.hold():
            folder.renew({"by": "the second"}, environment={"devices": ["cpu"]})
    else:
        folder = SweepFolder.create(path, {"by": "the second"}, environment={"devices": ["cpu"]})
    assert SweepFolder.open(path).definition == folder.definition == {"by": "the second"}
    assert folder.environment["devices"] == ["cpu"]
    with folder.hold():
        folder.events.append(issued(0))
    assert SweepFolder.open(path).is_begun()


def test_a_folder_with_a_trial_is_begun_also_where_its_event_is_lost(sweep: SweepFolder) -> None:
    assert not sweep.is_begun()
    (sweep.path / "trials" / "0000-wae-00000000").mkdir()
    assert sweep.is_begun()


def test_of_two_that_create_the_same_sweep_one_is_refused(tmp_path: Path) -> None:
    children = []
    for k in range(3):
        if (child := os.fork()) == 0:
            try:
                SweepFolder.create(tmp_path / "study", {"by": k})
                os._exit(0)
            except (ConfigError, CannotRun) as error:
                os._exit(error.exit_code)
            finally:
                os._exit(70)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes.count(0) == 1
    assert set(codes) <= {0, ConfigError.exit_code, CannotRun.exit_code}
    assert SweepFolder.open(tmp_path / "study").definition == {"by": codes.index(0)}


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRun, match=r"file/study: .*cannot be written.*[Nn]ame another"):
        SweepFolder.create(tmp_path / "file" / "study", {})


def test_more_samples_replace_the_definition(sweep: SweepFolder) -> None:
    assert sweep.definition["search"] == {"samples": 2}
    with sweep.hold():
        sweep.redefine({"name": "study", "search": {"samples": 9}})
        assert sweep.definition["search"] == SweepFolder.open(sweep.path).definition["search"] == {"samples": 9}
        with pytest.raises(yaml.YAMLError):
            sweep.redefine({"name": object()})
    assert SweepFolder.open(sweep.path).definition["search"] == {"samples": 9}


@pytest.mark.parametrize("text", ["{", "[1, 2]", "", "!!python/object/apply:os.getcwd []"])
def test_a_damaged_definition_is_named(sweep: SweepFolder, text: str) -> None:
    (sweep.path / "sweep.yaml").write_text(text)
    with pytest.raises(DamagedSweep, match=r"sweep.yaml: .*Restore it"):
        SweepFolder.open(sweep.path).definition  # noqa: B018


def test_a_trial_folder_is_named_by_its_record(sweep: SweepFolder) -> None:
    with sweep.hold():
        issued = {"event": "issued", "number": 7, "key": "3fa9c0d1ee", "family": "wae", "attempt": 1}
        sweep.events.append(issued)
        sweep.events.append({"event": "ended", "number": 7, "outcome": "DIVERGED", "reason": "nan"})
    record = sweep.state().trials[7]
    assert record.outcome is Outcome.DIVERGED
    assert sweep.trial_of(record).path == sweep.path / "trials" / "0007-wae-3fa9c0d1"
    assert sweep.trial_of(record).path.is_dir()


def issued(number: int) -> dict[str, object]:
    return {"event": "issued", "number": number, "key": f"{number:02x}" * 32, "arm": "wae"}


def test_a_followed_state_is_the_state_and_the_same_object_as_long_as_the_log_is(sweep: SweepFolder) -> None:
    following = sweep.follow()
    with sweep.hold():
        sweep.events.append_many([issued(0), issued(1)])
        assert following.advance().is_whole
        state = following.state
        sweep.events.append({"event": "ended", "number": 1, "outcome": "PRUNED", "reason": "rung 1"})
        assert [event["event"] for event in following.advance().events] == ["ended"]
    assert following.state is state
    assert following.state == sweep.state()
    assert state.trials[1].outcome is Outcome.PRUNED


def test_a_followed_state_begins_anew_after_an_event_that_cannot_be(sweep: SweepFolder) -> None:
    following = sweep.follow()
    with sweep.hold():
        sweep.events.append(issued(0))
        following.advance()
        good = sweep.events.path.read_bytes()
        sweep.events.append_many([issued(1), issued(1)])
        for _ in range(2):
            with pytest.raises(DamagedSweep, match="issues trial 1 a second time"):
                following.advance()
    sweep.events.path.write_bytes(good)
    assert following.advance().is_whole
    assert following.state == sweep.state()
    assert list(following.state.trials) == [0]


def test_sweeps_are_listed_by_name_and_damage_does_not_hide_the_others(sweep: SweepFolder) -> None:
    root = sweep.path.parent
    SweepFolder.create(root / "another", {})
    (root / "not a sweep").mkdir()
    (root / "a file").write_text("")
    (sweep.path / "sweep.yaml").write_text("{")
    assert [found.name for found in sweeps(root)] == ["another", "study"]
    assert sweeps(root / "nowhere") == []
