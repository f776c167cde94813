"""A folder of a user's own components on the command line: used from YAML, carried along, trusted by its hash."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from gensweep import registry
from tests.cli.conftest import Command, Ended
from tests.own_components import FILES, SPACE, write_components


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An account that trusts nothing, and a process that uses no plug-ins, as each command's is."""
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GENSWEEP_TRUSTED", "")
    monkeypatch.delenv("GENSWEEP_PLUGINS", raising=False)
    _forget(monkeypatch)


def _forget(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registry, "_used", [])
    patch.setattr(registry, "_refused", {})
    patch.setenv("GENSWEEP_TRUSTED", "")


@pytest.fixture
def own(gensweep: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command beside `mine/` and a search space that uses all of it, each as in a process of its own."""
    write_components(tmp_path / "mine")
    (tmp_path / "space.yaml").write_text(SPACE)

    def run(*arguments: str) -> Ended:
        _forget(monkeypatch)
        return gensweep(*arguments)

    return run


PLAIN = """
defaults: [base, {dataset: ring}, _self_]
confirm: none
tracking: {models: none}
objective: sliced_wasserstein
search: {sampler: random, samples: 2}
trial:
  network: {name: mlp, hidden: [8]}
  latent_size: int(1, 8)
  family: vae
  training: {epochs: 1}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
"""
RUN = ("run", "space.yaml", "--in-process")


def test_members_of_four_kinds_are_used_and_the_folder_travels(own: Command, tmp_path: Path) -> None:
    (tmp_path / "mine" / ".git").mkdir()
    (tmp_path / "mine" / "tests").mkdir()
    (tmp_path / "mine" / "tests" / "test_mine.py").write_text("")
    ran = own(*RUN, "--plugins", "mine")
    assert ran.code == 0, ran.err
    sweep = tmp_path / "runs" / "own"
    copied = {
        str(f.relative_to(sweep / "plugins")): f.read_text() for f in (sweep / "plugins").rglob("*") if f.is_file()
    }
    assert copied == FILES
    definition = yaml.safe_load((sweep / "sweep.yaml").read_text())
    assert sorted(definition["plugins"]) == sorted(FILES)
    assert len(json.loads((sweep / "environment.json").read_text())["plugins"]) == 64
    events = [json.loads(line) for line in (sweep / "ledger" / "events.jsonl").read_text().splitlines()]
    issued = [event for event in events if event["event"] == "issued"]
    weights = [event["parameters"]["family.divergence.weight"] for event in issued if event["arm"] == "wae"]
    assert weights == pytest.approx([5.8, 6.8])
    protocol = json.loads(next(sweep.glob("trials/*/protocol.json")).read_text())
    assert "plug-in" in protocol["mean_error"]
    assert "plug-in" not in protocol["sliced_wasserstein"]


def test_without_the_folder_they_are_unknown(own: Command) -> None:
    ended = own("check", "space.yaml")
    assert ended.code == 2
    for said in ("unknown divergence 'mean_gap'", "unknown searcher 'corner'", "unknown family 'shifted'"):
        assert said in ended.err


@pytest.mark.parametrize("how", ["option", "environment", "settings"])
def test_the_folder_is_named_by_option_environment_or_settings(
    own: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "environment":
        monkeypatch.setenv("GENSWEEP_PLUGINS", "mine")
    if how == "settings":
        (tmp_path / "no-config" / "gensweep").mkdir(parents=True)
        (tmp_path / "no-config" / "gensweep" / "config.yaml").write_text(f"plugins: {tmp_path}/mine\n")
    ended = own("check", "space.yaml", *(["--plugins", "mine"] if how == "option" else []))
    assert ended.code == 0, ended.err


def test_a_sweep_that_uses_none_takes_none_along_and_keeps_its_keys(own: Command, tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(PLAIN)
    assert own(*RUN, "name=without").code == 0
    ended = own(*RUN, "name=with", "--plugins", "mine")
    assert ended.code == 0, ended.err
    keys = [sorted(f.name for f in (tmp_path / "runs" / name / "trials").iterdir()) for name in ("without", "with")]
    assert keys[0] == keys[1]
    assert not (tmp_path / "runs" / "with" / "plugins").exists()


def test_its_own_trials_have_other_keys_once_their_code_changes(own: Command, tmp_path: Path) -> None:
    assert own(*RUN, "--plugins", "mine", "name=one").code == 0
    write_components(tmp_path / "other", mean_gap=FILES["divergences/mean_gap.py"] + "# changed\n")
    assert own(*RUN, "--plugins", "other", "name=two").code == 0
    one, two = ({f.name for f in (tmp_path / "runs" / name / "trials").iterdir()} for name in ("one", "two"))
    assert {name for name in one if "shifted" in name} == {name for name in two if "shifted" in name}
    assert not {name for name in one if "wae" in name} & two


def test_a_sweep_goes_on_with_its_copy_and_its_models_are_used(own: Command, tmp_path: Path) -> None:
    assert own(*RUN, "--plugins", "mine").code == 0
    shutil.rmtree(tmp_path / "mine")
    ended = own("resume", "own", "--in-process", "--samples", "3")
    assert ended.code == 0, ended.err
    for words in (
        ("sample", "own/shifted", "-n", "3", "-o", "x.npy"),
        ("rerun", "own/0"),
        ("evaluate", "own/0", "--metrics", "mean_error"),
        ("report", "own"),
        ("best", "own"),
        ("export", "own/0", "-o", "m.pt2"),
        ("sync", "own"),
    ):
        ended = own(*words)
        assert ended.code == 0, (words, ended.err)


def test_a_changed_folder_is_refused_with_the_difference(own: Command, tmp_path: Path) -> None:
    assert own(*RUN, "--plugins", "mine").code == 0
    (tmp_path / "mine" / "_shared.py").write_text("POWER = 4\n")
    before = (tmp_path / "runs/own/ledger/events.jsonl").read_bytes()
    for words in (
        (*RUN, "--plugins", "mine"),
        ("resume", "own", "--samples", "3", "--in-process", "--plugins", "mine"),
    ):
        ended = own(*words)
        assert ended.code == 2
        assert "plugins _shared.py: " in ended.err
        assert "other plug-ins" in ended.err
    assert (tmp_path / "runs/own/ledger/events.jsonl").read_bytes() == before
    assert own("resume", "own", "--samples", "3", "--in-process").code == 0


def telltale(trace: Path) -> str:
    """A family whose file leaves a trace when it is run."""
    return f"{FILES['families/shifted.py']}\nfrom pathlib import Path\nPath({str(trace)!r}).touch()\n"


def test_a_strangers_folder_runs_nothing_until_it_is_trusted(
    own: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "ran"
    write_components(tmp_path / "mine", shifted=telltale(trace))
    assert own(*RUN, "--plugins", "mine").code == 0
    trace.unlink()
    for name in [name for name in sys.modules if name.startswith("gensweep_plugins_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "another-account"))
    for words in (
        ("resume", "own", "--samples", "3", "--in-process"), ("sample", "own/shifted", "-o", "x.npy"), ("rerun", "own/2"),
        ("evaluate", "own/shifted", "--metrics", "sliced_wasserstein"), ("report", "own"),
        ("export", "own/shifted", "-o", "m.pt2"), ("register", "own/shifted"), ("sync", "own"),
        ("interpolate", "own/shifted", "-o", "x.png"),
    ):  # fmt: skip
        ended = own(*words)
        assert ended.code == 2, words
        assert "--plugins" in ended.err
        assert "families/shifted" in ended.err
        assert "Traceback" not in ended.err
    for words in (("ls",), ("show", "own")):
        assert own(*words).code == 0, words
    assert not trace.exists()
    ended = own("sample", "own/shifted", "-n", "2", "-o", "x.npy", "--plugins", "runs/own/plugins")
    assert ended.code == 0, ended.err
    assert own("sample", "own/shifted", "-n", "2", "-o", "y.npy").code == 0  # it is remembered


def test_a_copy_that_was_altered_is_damage(own: Command, tmp_path: Path) -> None:
    assert own(*RUN, "--plugins", "mine").code == 0
    (tmp_path / "runs/own/plugins/families/shifted.py").write_text(telltale(tmp_path / "ran"))
    ended = own("sample", "own/0", "-o", "x.npy")
    assert ended.code == 5
    assert not (tmp_path / "ran").exists()
    assert "plugins families/shifted.py: " in ended.err


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        (
            "divergences/mmd.py",
            "",
            "the divergence 'mmd' is there already, of gensweep itself. Give the file another name.",
        ),
        ("divergence/other.py", "", "mine/divergence: is no kind of component. Did you mean 'divergences'?"),
        ("divergences/No-Name.py", "", "'No-Name' is no name of a divergence"),
        ("divergences/class.py", "", "'class' is no name of a divergence"),
        ("loose.py", "", "mine/loose.py: stands in no kind's folder"),
        ("divergences/deep/other.py", "", "mine/divergences/deep/other.py: lies too deep for a member"),
        ("divergences/large.py", "#" * 2**20 + "#", "mine/divergences/large.py: is larger than 1 MiB"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_at_once(
    own: Command, tmp_path: Path, path: str, text: str, says: str
) -> None:
    (tmp_path / "mine" / path).parent.mkdir(exist_ok=True)
    (tmp_path / "mine" / path).write_text(text)
    ended = own(*RUN, "--plugins", "mine")
    assert ended.code == 2
    assert says in ended.err
    assert not (tmp_path / "runs").exists()


def test_all_of_it_is_said_at_once_and_links_are_not_followed(own: Command, tmp_path: Path) -> None:
    (tmp_path / "mine" / "metrics" / "linked.py").symlink_to("mean_error.py")
    (tmp_path / "mine" / "loose.py").write_text("")
    os.mkfifo(tmp_path / "mine" / "metrics" / "pipe.py")
    ended = own("list", "--plugins", "mine")
    assert ended.code == 2
    for said in ("linked.py: is a link", "loose.py: stands", "pipe.py: is no file"):
        assert said in ended.err


@pytest.mark.parametrize(
    ("name", "says"), [("nowhere", "nowhere: is not there"), ("space.yaml", "is a file"), ("empty", "no component")]
)
def test_what_is_no_such_folder_is_refused(own: Command, tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    ended = own(*RUN, "--plugins", name)
    assert ended.code == 2
    assert says in ended.err


def test_a_faulty_member_is_named_with_its_line_and_hides_no_other(own: Command, tmp_path: Path) -> None:
    (tmp_path / "mine" / "divergences" / "faulty.py").write_text("\n1 / 0\n")
    ended = own("list", "divergences", "--plugins", "mine", "--json")
    rows = {row["name"]: row["what"] for row in json.loads(ended.out)}
    assert "mine/divergences/faulty.py:2: ZeroDivisionError" in rows["faulty"]
    assert rows["mean_gap"].startswith("The distance of two samples' means")


def test_the_file_does_not_name_them(own: Command, tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text("plugins: mine\n" + SPACE.lstrip())
    ended = own("check", "space.yaml", "--plugins", "mine")
    assert ended.code == 2
    assert "space.yaml:1 plugins: are named on the command line" in ended.err


def _ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gensweep", *words],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.mark.slow
def test_killed_it_goes_on_from_its_copy(own: Command, tmp_path: Path) -> None:
    del own
    long = ["trial.training.epochs=30", "search.samples=6"]
    words = [sys.executable, "-m", "gensweep", *RUN, *long, "--plugins", "mine"]
    null = subprocess.DEVNULL
    with subprocess.Popen(
        words, cwd=tmp_path, env=_environment(), start_new_session=True, stdout=null, stderr=null
    ) as running:
        log = tmp_path / "runs" / "own" / "ledger" / "events.jsonl"
        while running.poll() is None and (not log.exists() or b"reported" not in log.read_bytes()):
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGKILL)
    shutil.rmtree(tmp_path / "mine")
    ended = _ran(tmp_path, "resume", "own", "--in-process")
    assert ended.returncode == 0, ended.stderr
    outcomes = list((tmp_path / "runs" / "own" / "trials").glob("*/outcome.json"))
    assert len(outcomes) == 12


@pytest.mark.slow
def test_workers_of_ray_take_it_from_the_sweeps_folder(own: Command, tmp_path: Path) -> None:
    del own
    ended = _ran(tmp_path, "run", "space.yaml", "--plugins", "mine")
    assert ended.returncode == 0, ended.stderr
    outcomes = [
        json.loads(f.read_text())["outcome"] for f in (tmp_path / "runs" / "own" / "trials").glob("*/outcome.json")
    ]
    assert outcomes == ["COMPLETED"] * 4


def test_a_resolved_file_says_that_plug_ins_belong_to_it_and_runs_with_them(own: Command, tmp_path: Path) -> None:
    printed = own("run", "space.yaml", "--plugins", "mine", "--cfg")
    assert printed.code == 0
    assert "# Some of its components are plug-ins: run it with the same --plugins." in printed.out
    (tmp_path / "resolved.yaml").write_text(printed.out)
    assert own("check", "resolved.yaml", "--plugins", "mine").code == 0
