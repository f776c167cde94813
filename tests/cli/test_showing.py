"""ls, show, compare, list, schema, sync: what they print of what is there."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import mlflow
import pytest

from gensweep import __version__, registry, shipped
from tests.cli.conftest import Command, Ended
from tests.written_sweep import DEFINITION, Writer

Done = tuple[Path, Ended]


@pytest.fixture
def study(tmp_path: Path) -> Writer:
    """A sweep of two arms of one family, of which one trial is running and one diverged."""
    sweep = Writer(tmp_path / "runs" / "study", {**DEFINITION, "name": "study"})
    for arm, latent, fid in (
        ("wae.mmd", 2, 3.0),
        ("wae.sinkhorn", 4, 2.0),
        ("wae.mmd", 4, 1.0),
        ("wae.sinkhorn", 2, 4.0),
    ):
        sweep.trial("wae", fid, arm=arm, configuration={"latent_size": latent}, parameters={"latent_size": latent},
                    scores={"fid.floor": 0.5, "wasserstein": 9.0 - fid})  # fmt: skip
    sweep.trial("wae", None, arm="wae.mmd", outcome="DIVERGED", reason="loss became nan", seconds=7.0)
    sweep.trial("wae", 0.5, arm="wae.sinkhorn", outcome="", seconds=1.5)
    return sweep


def test_ls_says_how_far_each_sweep_is(study: Writer, gensweep: Command) -> None:
    (row,) = json.loads(gensweep("ls", "--json").out)
    assert row == {"sweep": "study", "trials": 6, "ended": 5, "state": "stopped", "objective": "fid", "best": 0.5,
                   "seconds": 19.5}  # fmt: skip
    lines = gensweep("ls").out.splitlines()
    assert lines[0].split() == ["sweep", "trials", "ended", "state", "objective", "best", "seconds"]
    assert lines[1].split() == ["study", "6", "5", "stopped", "fid", "0.5", "19.5"]
    assert gensweep("ls", "--runs", "elsewhere").out.splitlines()[1:] == []


def test_show_has_a_line_a_trial_and_those_that_run_too(study: Writer, gensweep: Command) -> None:
    rows = json.loads(gensweep("show", "study", "--json").out)
    assert [row["number"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert list(rows[0]) == ["number", "arm", "family", "outcome", "epoch", "best_epoch", "latent_size", "fid",
                             "wasserstein", "seconds", "evaluation_seconds"]  # fmt: skip
    assert (rows[5]["outcome"], rows[5]["fid"], rows[5]["seconds"], rows[5]["evaluation_seconds"]) == (
        "",
        0.5,
        1.5,
        0.5,
    )
    assert (rows[4]["outcome"], rows[4]["epoch"], rows[4]["seconds"]) == ("DIVERGED", 15, 7.0)
    assert gensweep("show", "study").out.splitlines()[3].split()[:8] == [
        "2",
        "wae.mmd",
        "wae",
        "COMPLETED",
        "15",
        "15",
        "4",
        "1",
    ]


def test_show_tells_everything_of_one_trial(study: Writer, gensweep: Command) -> None:
    one = json.loads(gensweep("show", "study", "4", "--json").out)
    assert (one["arm"], one["outcome"], one["reason"]) == ("wae.mmd", "DIVERGED", "loss became nan")
    assert "outcome: RUNNING\n" in gensweep("show", "study", "5").out
    assert gensweep("show", "study", "9").code == 2


def test_show_tells_what_to_know_of_a_trials_numbers(study: Writer, gensweep: Command) -> None:
    assert json.loads(gensweep("show", "study", "5", "--json").out)["notes"] == []
    with study.folder.hold():
        study.folder.events.append({
            "event": "ended", "number": 5, "outcome": "COMPLETED", "notes": ["loss: it is off (1 in epoch 2)."]
        })  # fmt: skip
    assert json.loads(gensweep("show", "study", "5", "--json").out)["notes"] == ["loss: it is off (1 in epoch 2)."]
    assert "notes:\n- 'loss: it is off (1 in epoch 2).'\n" in gensweep("show", "study", "5").out


@pytest.mark.parametrize("command", [["show", "studi"], ["compare", "studi"], ["resume", "studi"], ["sync", "studi"]])
def test_a_sweep_that_is_not_there_is_a_mistake_with_a_suggestion(
    study: Writer, gensweep: Command, command: list[str]
) -> None:
    missing = gensweep(*command)
    assert missing.code == 2
    assert "there is no sweep 'studi' in runs. Did you mean 'study'?" in missing.err
    assert gensweep("show", "../runs/study").code == 2


def test_compare_ranks_arms_or_what_it_is_told(study: Writer, gensweep: Command) -> None:
    arms = json.loads(gensweep("compare", "study", "--json").out)
    assert arms["verdict"]["word"] == "not confirmed"
    assert [(row["arm"], row["n_search"], row["search"]["diverged"]) for row in arms["arms"]] == [
        ("wae.mmd", 3, 1),
        ("wae.sinkhorn", 2, 0),
    ]
    assert arms["arms"][0]["cost"] == {
        "training_seconds": 11.0,
        "evaluation_seconds": 1.5,
        "confirmation_seconds": 0.0,
        "seconds_by_device": {"": 12.5},
        "search_trials": 3,
        "confirmations": 0,
        "items_seen": None,
        "wall_seconds": pytest.approx(0, abs=60),
    }
    sizes = json.loads(gensweep("compare", "study", "--by", "latent_size", "--metric", "wasserstein", "--json").out)
    assert {row["arm"] for row in sizes["arms"]} == {"2", "4", "8"}
    shown = gensweep("compare", "study").out
    assert shown.startswith("Not confirmed: ")
    assert "so far, on the validation split: wae.mmd " in " ".join(shown.split())
    assert "\n\narm " in shown
    assert gensweep("compare", "study", "--by", "famly").code == 2
    assert "Did you mean 'latex'" in gensweep("compare", "study", "-f", "latx").err
    for margin in ("-1", "0", "nan", "inf"):
        refused = gensweep("compare", "study", "--margin", margin)
        assert (refused.code, "is no finite difference above 0" in refused.err) == (2, True)
    assert gensweep("compare", "study", "--json", "-f", "latex").code == 2
    assert gensweep("compare", "study", "-f", "csv").out.startswith("group,")


def test_a_sweep_without_a_score_cannot_be_compared(tmp_path: Path, gensweep: Command) -> None:
    Writer(tmp_path / "runs" / "none").trial("vae", None, outcome="DIVERGED")
    ended = gensweep("compare", "none")
    assert (ended.code, ended.out) == (1, "")
    assert "1 diverged" in ended.err


def test_evaluate_takes_the_best_checkpoint_and_the_newest_where_it_is_asked(done: Done, gensweep: Command,
                                                                            monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    from gensweep.evaluation import subjects

    asked = []
    real = subjects.subject
    monkeypatch.setattr(
        subjects, "subject", lambda *given, **named: asked.append(named["latest"]) or real(*given, **named)
    )
    options = ("--metrics", "sliced_wasserstein", "--split", "validation", "--json")
    (row,) = json.loads(gensweep("evaluate", "tiny/3", *options, folder=done[0]).out)
    kept = json.loads(gensweep("show", "tiny", "3", "--json", folder=done[0]).out)
    assert row["value"] == pytest.approx(kept["best"]["sliced_wasserstein"], rel=1e-6)
    gensweep("evaluate", "tiny/3", *options, "--latest", folder=done[0])
    assert asked == [False, True]


def test_evaluate_says_what_the_scores_mean(gensweep: Command) -> None:
    rows = json.loads(
        gensweep("evaluate", "--sanity", "--reference", "ring", "--metrics", "sliced_wasserstein", "--json").out
    )
    assert [row["row"] for row in rows][:3] == ["floor", "training items", "memoriser"]
    unfit = gensweep(
        "evaluate", "--sanity", "--reference", "digits", "--metrics", "mode_coverage,gaussian_fit", "--json"
    )
    assert (unfit.code, unfit.out) == (2, "")
    assert "mode_coverage" in unfit.err
    for wrong in (["evaluate"], ["evaluate", "--sanity"], ["evaluate", "tiny/0", "--sanity"]):
        assert gensweep(*wrong).code == 2


def test_every_mistake_in_what_to_evaluate_is_told_at_once(gensweep: Command) -> None:
    refused = gensweep("evaluate", "x/0", "--split", "tset", "--metrics", "fidd", "--reference", "rinng")
    assert refused.code == 2
    assert all(hint in refused.err for hint in ("--split tset: Did you mean 'test'?", "'fid'", "'ring'"))


def test_sync_fills_another_store(done: Done, tmp_path: Path, gensweep: Command) -> None:
    uri = f"sqlite:///{tmp_path / 'other.db'}"
    synchronised = gensweep("sync", "tiny", "--tracking-uri", uri, folder=done[0])
    assert synchronised.code == 0, synchronised.err
    assert synchronised.out == f"tiny: 4 trials are in {uri}\n"
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("gensweep")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 5


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_kind_is_listed_with_a_line_each(gensweep: Command, kind: str) -> None:
    rows = json.loads(gensweep("list", kind, "--json").out)
    assert [row["name"] for row in rows] == registry.names(kind)
    assert all(len(row["what"]) > 10 and "\n" not in row["what"] for row in rows)
    assert registry.names(kind)[0] in gensweep("list", kind).out


def test_without_a_kind_the_kinds_are_listed(gensweep: Command) -> None:
    rows = json.loads(gensweep("list", "--json").out)
    assert [row["kind"] for row in rows] == [*registry.KINDS, "search-spaces"]
    assert all(row["members"] == len(row["names"].split(", ")) for row in rows)
    assert all(row["members"] == len(registry.names(row["kind"])) for row in rows[:-1])
    assert rows[-1]["names"].split(", ") == shipped.names()
    shown = gensweep("list")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines()[0].split() == ["kind", "members", "names"]


def test_an_axis_that_a_family_does_not_use_is_empty_and_no_group(tmp_path: Path, gensweep: Command) -> None:
    sweep = Writer(tmp_path / "runs" / "study", {**DEFINITION, "name": "study"})
    for size, fid in ((2, 3.0), (2, 1.0), (4, 2.0), (4, 5.0)):
        sweep.trial("vae", fid, configuration={"latent_size": size}, parameters={"latent_size": size})
        sweep.trial("flow", fid / 2, configuration={"latent_size": 2}, parameters={})
    rows = json.loads(gensweep("show", "study", "--json").out)
    assert [row["latent_size"] for row in rows] == [2, None, 2, None, 4, None, 4, None]
    assert gensweep("show", "study").out.splitlines()[2].split()[6] == "-"
    groups = json.loads(gensweep("compare", "study", "--by", "latent_size", "--json").out)["arms"]
    assert {row["arm"]: row["n_search"] for row in groups} == {"2": 2, "4": 2}
    said = gensweep("compare", "study", "--by", "latent_size").out.split("\n\n")[0]
    assert said.endswith("Left out, for they have no latent_size: 4 trials of flow.")
    assert "Left out" not in gensweep("compare", "study").out
    assert "flow" in gensweep("compare", "study").out


def test_a_member_whose_library_is_missing_is_listed_with_what_it_needs(
    gensweep: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "gensweep.optimizers.sgd", raising=False)
    monkeypatch.setitem(sys.modules, "gensweep.optimizers.sgd", None)
    rows = {row["name"]: row["what"] for row in json.loads(gensweep("list", "optimizers", "--json").out)}
    assert "cannot be imported" in rows["sgd"]
    assert "cannot" not in rows["adam"]


COMMANDS = [
    "run",
    "check",
    "plan",
    "resume",
    "confirm",
    "ls",
    "show",
    "compare",
    "best",
    "sample",
    "reconstruct",
    "interpolate",
    "traverse",
    "evaluate",
    "ui",
    "sync",
    "list",
    "schema",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(gensweep: Command, command: str) -> None:
    shown = gensweep(command, "--help")
    assert shown.code == 0
    examples = shown.out.split("\n  Example")[1].split("\n\n")[0].splitlines()[1:]
    assert examples
    assert all(line.startswith(f"    gensweep {command}") for line in examples), "each on a line of its own, to copy"


def test_the_help_names_every_command(gensweep: Command) -> None:
    shown = gensweep("--help")
    assert shown.code == 0
    listed = shown.out.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in listed if not line.startswith(" " * 3)] == [
        "run", "check", "plan", "resume", "confirm", "submit", "status", "logs", "stop", "ls", "show", "compare",
        "best", "sample", "reconstruct", "interpolate", "traverse", "export", "register", "evaluate", "report",
        "train-extractor", "doctor", "ui", "sync", "rm", "rerun", "init", "list", "describe", "new", "schema"
    ]  # fmt: skip
    assert "..." not in "".join(listed)  # whole sentences
    assert gensweep("--version").out == f"{__version__}\n"


def test_the_version_names_the_commit_of_an_image(gensweep: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENSWEEP_COMMIT", "0123abc\x1b[2J")
    shown = gensweep("--version").out
    assert shown.startswith(f"{__version__} (0123abc")
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frobnicate"], "there is no command 'frobnicate'. Known: best, check, compare, confirm, describe, doctor, "
         "evaluate, export, init, interpolate, list, logs, ls, new, plan, reconstruct, register, report, "
         "rerun, resume, rm, run, sample, schema, show, status, stop, submit, sync, train-extractor, traverse, ui."),
        (["runn"], "Did you mean 'run'?"), (["ls", "--bogus"], "No such option: --bogus"), (["run"], "Missing argument"),
        (["show", "x", "seven"], "Invalid value for 'trial'"),
        (["list", "divergance"], "Did you mean 'divergences'?"), ([], "Usage:"),
    ],
)  # fmt: skip
def test_wrong_usage_is_exit_2_with_its_message(gensweep: Command, arguments: list[str], says: str) -> None:
    wrong = gensweep(*arguments)
    assert (wrong.code, wrong.out) == (2, "")
    assert says in wrong.err
    assert wrong.err.startswith("gensweep:")


def test_the_schema_is_one(gensweep: Command) -> None:
    assert json.loads(gensweep("schema").out)["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize(("end", "code"), [("Ctrl-C", 0), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_ui_says_where_the_pages_are(
    gensweep: Command, monkeypatch: pytest.MonkeyPatch, store: str, end: str, code: int
) -> None:
    from gensweep.tracking import pages
    from gensweep.tracking.access import Access

    class Shown(pages.Pages):
        def __enter__(self) -> Shown:
            self.url, self.access = f"{self.uri} at {self.port}", Access(Path("folder"), None)
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def wait(self) -> None:
            raise KeyboardInterrupt if end == "Ctrl-C" else pages.Ended(signal.Signals[end])

    monkeypatch.setattr(pages, "Pages", Shown)
    ended = gensweep("ui", "--port", "5009")
    assert (ended.code, ended.out) == (code, f"MLflow: {store} at 5009\n")
    assert ended.err.startswith("It asks for no password")


def test_the_pages_of_a_server_are_its_own_and_its_password_is_not_told(gensweep: Command) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        assert gensweep("ui", "--tracking-uri", f"http://me:s3cr3t@{place}/").out == f"MLflow: http://{place}\n"


@pytest.mark.parametrize("name", ["study/", "runs/study", "runs/study/", "./runs/study/", "runs//study"])
def test_a_sweep_may_be_named_as_a_shell_completes_it(study: Writer, gensweep: Command, name: str) -> None:
    plain = gensweep("show", "study")
    assert plain.code == 0
    assert gensweep("show", name) == plain
    assert gensweep("compare", name).out == gensweep("compare", "study").out


def test_a_sweep_of_another_folder_is_pointed_to(study: Writer, gensweep: Command, tmp_path: Path) -> None:
    (tmp_path / "runs").rename(tmp_path / "older")
    missing = gensweep("show", "older/study/")
    assert missing.code == 2
    assert "there is no sweep 'older/study' in runs. For older/study/: study --runs older." in missing.err
    assert gensweep("show", "study", "--runs", "older").code == 0
    assert gensweep("show", "older/study/", "--runs", "older/").code == 0
    assert gensweep("show", "older/nothing/").code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "study", "http://me:s3cr3t@h/"],
        ["ls", "http://me:s3cr3t@h/"],
        ["sync", "study", "--tracking-uri", "me:s3cr3t@h"],
        ["sync", "study", "--tracking-uri", "htp://me:s3cr3t@h"],
        ["ui", "--tracking-uri", "http://me:s3cr3t@127.0.0.1:1"],
        ["ui", "--tracking-uri", "http://me:s3cr3t@h:port"],
    ],
)
def test_no_message_has_a_password(study: Writer, gensweep: Command, arguments: list[str]) -> None:
    ended = gensweep(*arguments)
    assert ended.code in (2, 4)
    assert "s3cr3t" not in ended.out + ended.err
