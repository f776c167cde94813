"""What is printed is what was said, in the width that there is."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from rich.console import Console

from gensweep import terminal
from gensweep.errors import Outcome
from gensweep.ledger.history import TrialRecord
from gensweep.objective import Objective
from gensweep.tables import Layout
from gensweep.terminal import Display, print_table, say, waiting

FID = Objective(metric="fid", mode="min")


def screen(width: int = 80, height: int = 25, **environment: str) -> Console:
    """A terminal that keeps what it is shown."""
    return Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None,
                   _environ={"TERM": "xterm", **environment})  # fmt: skip


def seen(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())


def lines(console: Console) -> list[str]:
    return [line.rstrip() for line in seen(console).splitlines()]


def test_brackets_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["what"], [{"what": "images [n, h, w] or [bold]"}], title="a [title]")

    assert capsys.readouterr().out.split("\n")[:3] == ["a [title]", "what".ljust(26), "images [n, h, w] or [bold]"]


def test_columns_go_from_the_right_but_for_those_that_stay() -> None:
    row = {"number": 12, "score": 1.674, "seconds": 123.4, "epoch": 3, "lambda": 21.03}
    full = ["number  score  seconds  epoch  lambda", "12      1.674  123.4    3      21.03"]
    without_epoch = ["number  score  seconds  lambda", "12      1.674  123.4    21.03"]
    kept = ["number  score  lambda", "12      1.674  21.03"]
    expected = {
        80: full,
        37: full,
        36: [*without_epoch, "not shown at this width: epoch; all:", "--json"],
        30: [*without_epoch, "not shown at this width:", "epoch; all: --json"],
        29: [*kept, "not shown at this width:", "seconds, epoch; all: --json"],
        21: [*kept, "not shown at this", "width: seconds,", "epoch; all: --json"],
        20: ["number: 12", "score: 1.674", "seconds: 123.4", "epoch: 3", "lambda: 21.03"],
    }
    for width, wanted in expected.items():
        layout = Layout(("number", "score", "lambda"), elsewhere="--json")
        print_table(list(row), [row], layout=layout, console=(c := screen(width)))
        assert lines(c) == wanted, width


def test_headers_and_words_are_wrapped_before_a_column_goes() -> None:
    row = {"name": "f_gan", "expected best of 4": "1.67 [1, 2]", "what": "a generator against a critic that bounds any"}
    print_table(list(row), [row], layout=Layout(words=("what",)), console=(c := screen(44)))
    assert lines(c) == [
        "       expected best",
        "name   of 4             what",
        "f_gan  1.67 [1, 2]      a generator against",
        "                        a critic that bounds",
        "                        any",
    ]


def test_columns_are_joined_where_not_all_fit_and_what_is_not_there_is_left_out() -> None:
    shared = {"latent_size": 8, "lr": 0.004473}
    rows = [
        {"number": 0, "lambda": 21.03, **shared, "score": 1.5},
        {"number": 1, "lambda": None, **shared, "score": 2.5},
    ]
    layout = Layout(("number", "score"), joined=("lambda", "latent_size", "lr"))
    for width, header in (
        (44, ["number", "lambda", "latent_size", "lr", "score"]),
        (43, ["number", "score", "parameters"]),
    ):
        print_table(list(rows[0]), rows, layout=layout, console=(c := screen(width)))
        assert lines(c)[0].split() == header
    assert lines(c)[1:] == [
        "0       1.5    lambda=21.03, latent_size=8,",
        "               lr=0.004473",
        "1       2.5    latent_size=8, lr=0.004473",
    ]


def test_rows_that_are_stacked_are_told_apart() -> None:
    rows = [{"name": "a_very_long_name", "score": 1.5}, {"name": "b", "score": None}]
    print_table(["name", "score"], rows, layout=Layout(("name", "score")), console=(c := screen(22)))
    assert lines(c) == ["name: a_very_long_name", "score: 1.5", "", "name: b", "score: -"]


def test_wide_characters_count_as_what_they_take() -> None:
    rows = [{"name": "数据集数据集", "score": 1.674}]
    print_table(["name", "score"], rows, layout=Layout(("name",)), console=(c := screen(18)))
    assert "数据集数据集" in seen(c)
    assert lines(c)[-1] == "width: score"


def test_a_table_without_rows_has_its_header() -> None:
    print_table(["sweep", "trials"], [], console=(c := screen(80)))
    assert lines(c) == ["sweep  trials"]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def record(number: int, epoch: int = 0, outcome: Outcome | None = None, fid: float | None = None, *,
           epochs: int = 20, arm: str = "sliced_wasserstein") -> TrialRecord:  # fmt: skip
    return TrialRecord(
        number, "0" * 64, arm, parameters={"family.lambda": 21.03, "latent_size": 2, "training.optimizer.lr": 0.004473},
        configuration={"training": {"epochs": epochs}}, epoch=epoch, outcome=outcome, best={} if fid is None else {"fid": fid},
        best_epoch=epoch, seconds=3.0,
    )  # fmt: skip


def pictured(display: Display) -> str:
    console = display.console
    console.print(display.drawn())
    return seen(console)


@pytest.mark.parametrize("width", [40, 80, 100, 120])
def test_the_live_table_cuts_no_number_and_no_name(clock: Clock, width: int) -> None:
    display = Display("study", 24, FID, "20", screen(width, 40))
    display.known(
        [record(0, 20, Outcome.COMPLETED, 1.674), record(1, 7, Outcome.PRUNED, 13.08), record(2, 12, None, 123.4)]
    )
    shown = pictured(display)
    assert all(len(line.rstrip()) <= width for line in shown.splitlines())
    for value in ("0000", "0001", "0002", "sliced_wasserstein", "1.674", "13.08", "123.4", "lambda=21.03",
                  "latent_size=2", "lr=0.004473"):  # fmt: skip
        assert re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", shown), (value, shown)
    assert ("12/20" in shown) == (width != 40 or "epoch: 12/20" in shown)


def test_the_live_table_shows_as_many_trials_as_fit_and_the_running_ones_first(clock: Clock) -> None:
    records = [record(n, 20, Outcome.COMPLETED, 10.0 - n) for n in range(5)] + [record(9, 3)]
    for height, expected in (
        (40, ["0009", "0004", "0003", "0002", "0001", "0000"]),
        (7, ["0009", "0004", "0003"]),
        (2, []),
    ):
        display = Display("study", 24, FID, "20", screen(120, height))
        display.known(records)
        assert re.findall(r"^00\d\d", pictured(display), re.MULTILINE) == expected


def test_epochs_of_running_trials_count_and_no_time_is_told_before_a_trial_has_ended(clock: Clock) -> None:
    display = Display("study", 4, FID, "20", screen())
    display.changed(record(0, 10))
    clock.now = 10.0
    assert display.time_left() is None
    assert "12%  time left: known when a trial has ended" in pictured(display)
    display.changed(record(0, 20, Outcome.COMPLETED, 2.0))
    display.changed(record(1, 5))
    clock.now = 25.0
    assert display.time_left() == pytest.approx(25 * 2.75 / 1.25)
    assert "31%  about 55 s left" in pictured(display)


def test_what_earlier_starts_did_is_no_measure_of_this_one(clock: Clock) -> None:
    display = Display("study", 10, FID, "20", screen())
    display.known([record(n, 20, Outcome.COMPLETED, 2.0) for n in range(6)] + [record(6, 10)])
    clock.now = 50.0
    assert display.time_left() is None
    display.changed(record(6, 20, Outcome.PRUNED, 3.0))  # half of it was done before
    assert display.time_left() == pytest.approx(50 * 3 / 0.5)


@pytest.mark.parametrize("epochs", [0, "choice(5, 10)", None])
def test_a_trial_of_unknown_length_counts_when_it_ends(clock: Clock, epochs: object) -> None:
    display = Display("study", 2, FID, "?", screen())
    display.changed(record(0, 10, epochs=epochs))  # type: ignore[arg-type]
    assert "0%" in pictured(display)
    assert "10/?" in pictured(display)


def test_a_terminal_of_lines_gets_lines_and_no_escapes(clock: Clock) -> None:
    console = screen(80, TERM="dumb")
    with Display("study", 4, FID, "20", console) as display:
        display.changed(record(0, 1))
        clock.now = 11.0
        display.changed(record(0, 2))
        display.changed(record(0, 3))
        display.changed(record(0, 20, Outcome.COMPLETED, 1.674))
    text = seen(console)
    assert "\x1b" not in text
    assert text.splitlines()[0] == "[0/4] 0000 sliced_wasserstein at epoch 2/20"
    assert " ".join(text.split("\n", 1)[1].split()) == (
        "[1/4] 0000 sliced_wasserstein completed at epoch 20, fid 1.674, 3.0 s: lambda=21.03, latent_size=2, lr=0.004473"
    )
    assert all(len(line) <= 80 for line in text.splitlines())


def test_what_is_no_terminal_gets_a_line_a_trial_that_ended(clock: Clock) -> None:
    console = Console(width=20, file=io.StringIO(), force_terminal=False)
    with Display("study", 4, FID, "20", console) as display:
        display.changed(record(0, 1))
        clock.now = 100.0
        display.changed(record(0, 2))
        display.changed(record(0, 20, Outcome.COMPLETED, 1.674))
    assert lines(console) == [
        "[1/4] 0000 sliced_wasserstein completed at epoch 20, fid 1.674, 3.0 s: lambda=21.03, latent_size=2, lr=0.004473"
    ]


def test_without_colour_there_is_none(clock: Clock) -> None:
    console = Console(
        width=80, file=io.StringIO(), force_terminal=True, _environ={"TERM": "xterm-256color", "NO_COLOR": "1"}
    )
    display = Display("study", 4, FID, "20", console)
    display.known([record(0, 20, Outcome.COMPLETED, 1.674), record(1, 3)])
    console.print(display.drawn())
    assert re.findall(r"\x1b\[[0-9;]*m", console.file.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")) == []  # type: ignore[attr-defined]


Stderr = Callable[..., Console]


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Stderr:
    def as_(console: Console) -> Console:
        monkeypatch.setattr(terminal, "_stderr", lambda: console)
        return console

    return as_


def test_waiting_is_a_line_that_goes_away_a_line_that_stays_or_nothing(stderr: Stderr) -> None:
    shown = {}
    for name, console in (("terminal", screen()), ("dumb", screen(TERM="dumb")),
                          ("file", Console(file=io.StringIO(), force_terminal=False))):  # fmt: skip
        stderr(console)
        with waiting("scoring [all]"):
            pass
        shown[name] = seen(console)
    assert "scoring [all]" in shown["terminal"]
    assert shown["terminal"].isascii()
    assert shown["terminal"].endswith("\x1b[2K")  # erased
    assert shown["dumb"] == "gensweep: scoring [all]\n"
    assert shown["file"] == ""


def test_what_is_said_is_wrapped_between_words_on_a_terminal_only(stderr: Stderr) -> None:
    long = "opening MLflow at a place that has a long name and then the number 0.004473"
    stderr(console := screen(80))
    say(long)
    assert lines(console) == [
        "gensweep: opening MLflow at a place that has a long name and then the number",
        "0.004473",
    ]
    stderr(file := Console(file=io.StringIO(), force_terminal=False, width=80))
    say(long)
    assert lines(file) == [f"gensweep: {long}"]
