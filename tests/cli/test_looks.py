"""What a terminal of some width shows: no number and no name is cut, and what is left out is named."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from gensweep import registry
from gensweep.cli.output import print_answer, print_plan, print_rest, print_rows
from gensweep.orchestration.plan import Probe
from gensweep.spaces.load import read
from gensweep.tables import Layout
from gensweep.verdict import judge
from tests.cli.conftest import SPACE, Command
from tests.written_sweep import DEFINITION, Writer

WIDTHS = (40, 80, 100, 120)
SCORES = {"wasserstein": 1.727, "sliced_wasserstein": 0.05153, "precision_recall": 0.4321}
Screen = Callable[[str], str]


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def screen(width: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Screen:
    """Makes stdout a terminal of this width; takes the colours from what it got, of which no line may be wider."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True)

    def seen(out: str) -> str:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
        assert [line for line in plain.splitlines() if cell_len(line) > width] == []
        return "\n".join(line.rstrip() for line in plain.splitlines())

    return seen


@pytest.fixture
def study(tmp_path: Path) -> Writer:
    """A sweep whose trials have long names and many numbers."""
    sweep = Writer(tmp_path / "runs" / "study", {**DEFINITION, "name": "study"})
    for n, (arm, fid) in enumerate((("sliced_wasserstein", 1.674), ("max_sliced_wasserstein", 13.08), ("mmd", 123.4))):
        parameters = {"family.lambda": 21.03 + n, "latent_size": 2**n, "training.optimizer.lr": 0.004473}
        tree = {"family": {"name": "wae", "lambda": 21.03 + n}, "latent_size": 2**n, "seed": 417927714 + n,
                "training": {"optimizer": {"lr": 0.004473, "betas": [0.5 + n / 10, 0.999]}, "epochs": 15}}  # fmt: skip
        sweep.trial("wae", fid, arm=arm, configuration=tree, parameters=parameters, scores=SCORES)
    sweep.trial(
        "wae", None, arm="mmd", outcome="", configuration=tree, parameters=parameters
    )  # so that no data are read
    return sweep


def has(out: str, *values: str) -> None:
    """Each is there, with nothing cut off or broken within."""
    missing = [value for value in values if not re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", out)]
    assert missing == [], out


def left_out(out: str) -> str:
    """The line about what is not shown, on one line."""
    return " ".join(out.partition("not shown at this width:")[2].split("\n\n")[0].split())


def test_the_final_tables(
    study: Writer, width: int, screen: Screen, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study.folder.path.parent.parent)
    verdict = judge(study.folder)
    print_answer(verdict)
    print_rest(verdict, None)
    out = screen(capfd.readouterr().out)
    trials, groups, *rest = out.split("\n\n") if width > 40 else [out] * 3
    has(trials, "1.674", "13.08", "123.4", "sliced_wasserstein", "max_sliced_wasserstein", "mmd")
    has(trials, "lambda=21.03", "latent_size=4", "lr=0.004473")
    if width == 40:
        has(trials, "seconds: 2")
    else:
        assert left_out(trials).endswith("seconds; all: gensweep show study --json")
        assert trials.split()[:3] == ["number", "arm", "fid"]
    has(groups, "sliced_wasserstein", "max_sliced_wasserstein", "1.67", "13.1", "123")
    assert "Best FID so far, on the validation split: sliced_wasserstein 1.67, " in " ".join(rest[0].split())


def test_show(study: Writer, width: int, screen: Screen, gensweep: Command) -> None:
    out = screen(gensweep("show", "study").out)
    has(out, "number", "sliced_wasserstein", "max_sliced_wasserstein", "mmd", "1.674", "13.08", "123.4")
    has(out, "lambda=21.03", "latent_size=4", "lr=0.004473")
    if width >= 80:
        assert out.split()[:2] == ["number", "arm"]
        assert "evaluation_seconds; all: --json" in left_out(out)
    else:
        assert "evaluation_seconds: 0.5" in out  # a block a row: nothing is left out


def test_show_of_one_trial(study: Writer, width: int, screen: Screen, gensweep: Command) -> None:
    one = gensweep("show", "study", "1").out.partition("folder:")[0]  # a path may be longer than a line
    has(screen(one), "fid: 13.08", "arm: max_sliced_wasserstein", "family.lambda: 22.03", "sliced_wasserstein: 0.05153")


def test_ls(study: Writer, width: int, screen: Screen, gensweep: Command) -> None:
    Writer(study.folder.path.parent / "a_name_of_a_sweep_that_is_long").trial("vae", 12.3456, seconds=98765.4)
    out = screen(gensweep("ls").out)
    has(out, "a_name_of_a_sweep_that_is_long", "study", "1.674", "12.35", "stopped")
    assert ("98766" in out) != (left_out(out) == "seconds; all: --json")


def test_compare(study: Writer, width: int, screen: Screen, gensweep: Command) -> None:
    sentence, groups = screen(gensweep("compare", "study").out).split("\n\n")[:2]
    has(" ".join(sentence.split()), "no verdict", "max_sliced_wasserstein", "1.67")
    has(groups, "max_sliced_wasserstein", "13.1", "123")
    assert not {"arm", "best"} & set(left_out(groups).split(", "))


@pytest.mark.parametrize("kind", ["families", "divergences", "optimizers"])
def test_list(width: int, screen: Screen, gensweep: Command, kind: str) -> None:
    out = screen(gensweep("list", kind).out)
    has(out, *registry.names(kind))
    words = " ".join(out.split())
    assert "not shown" not in words
    assert words.startswith("name what" if width > 40 or kind == "optimizers" else "name: ")


def test_list_of_the_kinds(width: int, screen: Screen, gensweep: Command) -> None:
    out = screen(gensweep("list").out)
    has(out, *registry.KINDS, "max_sliced_wasserstein", "fashion_mnist")


def test_a_table_of_what_scores_mean(width: int, screen: Screen, capfd: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"row": name, **{f"metric_number_{i}": 0.5447 + i for i in range(8)}} for name in ("floor", "training items")
    ]
    print_rows(rows, layout=Layout(("row", "metric_number_0"), elsewhere="report/comparison.md"))
    out = screen(capfd.readouterr().out)
    has(out, "floor", "training items", "0.5447")
    assert len(left_out(out).split(";")[0].split(", ")) == {40: 7, 80: 5, 100: 3, 120: 2}[width]
    assert left_out(out).endswith("metric_number_7; all: report/comparison.md")


def test_the_prices_of_a_plan(tmp_path: Path, width: int, screen: Screen, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    sweep, _ = read(tmp_path / "space.yaml", [])
    print_plan(
        sweep, [Probe("max_sliced_wasserstein", 12, {"latent_size": "choice(2, 4)"}, 123.4, 0.4321, 98765432, "alone")]
    )
    out = screen(capfd.readouterr().out)
    has(out, "max_sliced_wasserstein", "12", "24.77", "latent_size")
    assert ("disk MB" in left_out(out)) == (width == 40)


def test_what_is_no_terminal_has_a_line_a_row_however_wide(
    study: Writer, gensweep: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")  # colours are not what a width is
    lines = gensweep("show", "study").out.splitlines()
    assert len(lines) == 5
    has(lines[1], "sliced_wasserstein", "1.674", "417927714", "[0.5, 0.999]", "0.05153", "0.4321", "1.727")
    assert "\x1b" not in "".join(lines)
