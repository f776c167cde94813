from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable

import pytest

from gensweep.comparison import cells
from gensweep.comparison.collect import as_csv, trials
from gensweep.comparison.compare import compare
from gensweep.comparison.formats import FORMS, formatted
from gensweep.comparison.report import against_baselines, markdown
from gensweep.comparison.report import write as write_report
from gensweep.errors import ConfigError, NoUsableTrial
from gensweep.report.content import content_of
from gensweep.tables import cells_of
from tests.written_sweep import DEFINITION, Writer

Write = Callable[..., Writer]


def families(sweep: Writer, **scores: list[float]) -> None:
    for family, values in scores.items():
        for i, value in enumerate(values):
            latent = {"latent_size": 2 ** (1 + i % 3)}
            sweep.trial(family, value, configuration=latent, parameters=latent, scores={"wasserstein": 10 - value})


def test_without_confirmation_there_is_no_verdict_and_the_search_says_what_it_can(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[2.0, 4, 6, 8, 10, 12], wae=[1.0, 3, 5, 7, 9, 11], gan=[31.0, 32, 33, 34, 35, 36])
    found = compare([sweep.folder])
    assert found.by == "arm"
    assert found.sentence() == (
        f"Not confirmed: nothing was trained again on fresh seeds (gensweep confirm {sweep.folder.argument} does). "
        "Of configurations drawn at random, a trial of wae has a median FID of 5 [1, 11]; it is better than gan (P = 1.00, "
        "adjusted p = 0.0065); it is not distinguished from vae (P = 0.58, adjusted p = 0.7)."
    )
    assert found.as_dict()["verdict"]["word"] == "not confirmed"
    assert [row["arm"] for row in found.table()] == ["wae", "vae", "gan"]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"search": {"sampler": "tpe"}}, "study was searched by tpe, whose trials are no random draws"),
        ({"search": {"sampler": "grid"}}, "study was searched by grid, whose trials are no random draws"),
        ({"search": {"sampler": "of another package"}}, "study was searched by of another package, whose trials"),
        ({"early_stopping": {"name": "asha"}}, "asha stopped trials of study early"),
        ({"search": {"sampler": "qmc"}, "early_stopping": {"name": "none"}}, ""),
    ],
)
def test_of_an_adaptive_search_or_one_with_early_stopping_nothing_is_claimed(
    write: Write, settings: dict[str, object], why: str
) -> None:
    sweep = write(definition={**DEFINITION, **settings})
    families(sweep, vae=[2.0, 4, 6, 8, 10, 12], gan=[31.0, 32, 33, 34, 35, 36])
    found = compare([sweep.folder])
    assert found.search.why_not.startswith(why)
    assert bool(found.search.pairs) is (why == "")
    assert compare([sweep.folder], by="latent_size").sentence().startswith("No verdict by latent_size: ")
    if why:
        assert "Best FID so far, on the validation split: vae 2, gan 31. That is no verdict" in found.sentence()


def test_few_trials_are_no_distribution(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[2.0], wae=[1.0], gan=[3.0])
    assert "wae 1, vae 2, gan 3. That is no verdict: fewer than 6 results" in compare([sweep.folder]).sentence()


def test_the_strongest_model_that_learns_nothing_is_named(write: Write) -> None:
    sweep = write()
    for family, tests in {"vae": (2.0, 2.1, 2.2), "wae": (1.0, 1.1, 1.05), "gan": (4.0, math.inf, 5.0)}.items():
        parent = sweep.trial(family, 1.0)
        for test in tests:
            diverged = {"outcome": "DIVERGED"} if test == math.inf else {"test": test}
            sweep.trial(family, 1.0, parent=parent, **diverged)
    sanity = [
        {"row": "training items", "fid": 0.1}, {"row": "memoriser", "fid": 0.2}, {"row": "uniform noise", "fid": 50.0},
        {"row": "PCA Gaussian", "fid": 2.5}, {"row": "class means"},
    ]  # fmt: skip
    found = compare([sweep.folder])
    assert against_baselines(found, sanity) == (
        "wae and vae beat PCA Gaussian (2.5), the best of those that learn nothing; gan is not sure to."
    )
    assert against_baselines(found, [{"row": "PCA Gaussian", "fid": 0.5}]) == (
        "No arm is sure to beat PCA Gaussian (0.5), which learns nothing."
    )
    assert against_baselines(found, sanity[:2]) == ""
    assert "beat PCA Gaussian" in markdown(found, sanity=sanity)


def test_where_more_is_better_verdict_optimism_and_baselines_are_turned_round(write: Write) -> None:
    sweep = write(definition={**DEFINITION, "objective": {"metric": "fid", "mode": "max"}})
    for family, tests in {"vae": (0.50, 0.51, 0.52), "wae": (0.80, 0.81, 0.82)}.items():
        parent = sweep.trial(family, 0.9)
        for test in tests:
            sweep.trial(family, 0.7, parent=parent, test=test)
    found = compare([sweep.folder])
    assert found.confirmation is not None
    assert (found.confirmation.verdict.word, found.confirmation.verdict.arm) == ("best", "wae")
    assert found.confirmation.optimism == {"vae": pytest.approx(0.39), "wae": pytest.approx(0.09)}
    assert [row["arm"] for row in found.table()] == ["wae", "vae"]
    baselines = [{"row": "PCA Gaussian", "fid": 0.6}, {"row": "class means", "fid": 0.2}]
    assert against_baselines(found, baselines) == (
        "wae beats PCA Gaussian (0.6), the best of those that learn nothing; vae is not sure to."
    )
    near = [{"row": "PCA Gaussian", "fid": 0.80}]  # within the interval of wae
    assert against_baselines(found, near).startswith("No arm is sure to beat")


def test_the_same_trial_of_two_sweeps_counts_once(write: Write) -> None:
    one, other = write("one"), write("other")  # with the same keys
    families(one, vae=[3.0, 4])
    families(other, vae=[3.0, 4, 5])
    found = compare([one.folder, other.folder])
    assert {group.name: group.n for group in found.search.groups} == {"one: vae": 2, "other: vae": 1}
    assert "Left out, for they are another sweep's too: 2 trials of other: vae." in found.sentence()


def test_a_sweep_is_named_once(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[3.0, 4])
    with pytest.raises(ConfigError, match="study is named more than once"):
        compare([sweep.folder, sweep.folder])


def test_what_is_confirmed_in_the_second_of_two_sweeps_has_its_trial_there(write: Write) -> None:
    one, other = write("one"), write("other")  # with the same keys, so that the other's search is left out
    for sweep in (one, other):
        families(sweep, vae=[3.0], wae=[4.0])
    for parent, tests in ((0, (3.0, 3.1)), (1, (4.0, 4.2))):
        for test in tests:
            other.trial(("vae", "wae")[parent], 3.0, parent=parent, test=test)
    for order in ([one.folder, other.folder], [other.folder, one.folder]):
        found = compare(order)
        rows = {row["arm"]: row for row in found.table()}
        assert (rows["other: vae"]["trial"], rows["other: vae"]["when chosen"]) == ("other/0", "3")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"training": {"epochs": 40}}, 'training.epochs: 20 in one; 40 in other'),
        ({"dataset": {"name": "ring"}}, 'dataset: {"name": "digits"} in one; {"name": "ring"} in other'),
        ({"network": {"name": "mlp", "hidden": [9]}}, 'network: '),
    ],
)  # fmt: skip
def test_sweeps_of_unlike_means_are_refused_and_forced_with_a_word(
    write: Write, change: dict[str, object], says: str
) -> None:
    common = {"dataset": {"name": "digits"}, "network": {"name": "mlp", "hidden": [8]}, "training": {"epochs": 20}}
    one, other = write("one"), write("other", keys="other")
    for sweep, means in ((one, common), (other, {**common, **change})):
        sweep.trial("vae", 2.0, configuration=means)
    with pytest.raises(ConfigError, match="differ in more than what they compare") as refused:
        compare([one.folder, other.folder])
    assert says in str(refused.value)
    found = compare([one.folder, other.folder], force=True)
    assert f"Compared in spite of differences: {says}" in found.sentence()
    assert found.as_dict()["forced"]
    again = write("again", keys="again")
    again.trial("vae", 2.0, configuration=common)
    assert compare([one.folder, again.folder]).forced == []


@pytest.mark.parametrize("form", FORMS)
def test_each_form_holds_every_arm_and_the_answer(write: Write, form: str) -> None:
    sweep = write()
    for arm, tests in {"wae.max_sliced": (1.0, 1.1, 1.05), "vae": (2.0, 2.1, 2.2)}.items():
        parent = sweep.trial("wae", 1.5, arm=arm)
        for test in tests:
            sweep.trial("wae", 1.5, arm=arm, parent=parent, test=test)
    found = compare([sweep.folder])
    text = formatted(found, form)
    if form == "json":
        read = json.loads(text)
        assert read["verdict"] == {"word": "best", "arm": "wae.max_sliced", "sentence": found.sentence()}
        assert [arm["confirmed"]["seeds"] for arm in read["arms"]] == [3, 3]
        assert read["pairs"][0]["distinguished"] is True
        assert read["arms"][0]["cost"] == {
            "training_seconds": 2.0,
            "evaluation_seconds": 0.5,
            "confirmation_seconds": 7.5,
            "seconds_by_device": {"": 10.0},
            "search_trials": 1,
            "confirmations": 3,
            "items_seen": None,
            "wall_seconds": pytest.approx(0, abs=60),
        }
    elif form == "csv":
        read = list(csv.DictReader(io.StringIO(text)))
        assert [(row["group"], row["seeds"]) for row in read] == [("wae.max_sliced", "3"), ("vae", "3")]
    elif form == "latex":
        assert "wae.max\\_sliced & " in text
        assert text.count("\\\\") == 3  # the head and two arms
        assert "95 \\% CI" in text
    else:
        assert found.sentence() in text
        assert "| wae.max_sliced |" in text


def test_arms_are_compared_and_any_other_column_where_it_is_named(write: Write) -> None:
    sweep = write()
    for name, value in (("mmd", 3.0), ("sinkhorn", 2.0), ("mmd", 4.0), ("sinkhorn", 1.0)):
        divergence = {"family": {"name": "wae", "divergence": {"name": name}}}
        sweep.trial("wae", value, arm=f"wae.{name}", configuration=divergence)
    found = compare([sweep.folder])
    assert found.by == "arm"
    assert [group.name for group in found.search.groups] == ["wae.sinkhorn", "wae.mmd"]
    assert [group.name for group in compare([sweep.folder], by="divergence").search.groups] == ["sinkhorn", "mmd"]
    assert [group.name for group in compare([sweep.folder], by="family").search.groups] == ["wae"]
    with pytest.raises(ConfigError, match="Did you mean 'divergence'"):
        compare([sweep.folder], by="divergnce")


def test_namesakes_of_two_arms_are_two_groups(write: Write) -> None:
    sweep = write()
    for arm, value in (("wgan.clip", 1.0), ("wgan.sobolev", 2.0), ("gan", 3.0)):
        sweep.trial(arm.partition(".")[0], value, arm=arm)
    assert [row["arm"] for row in compare([sweep.folder]).table()] == ["wgan.clip", "wgan.sobolev", "gan"]
    assert [row["family"] for row in compare([sweep.folder], by="family").table()] == ["wgan", "gan"]


def test_a_sweep_of_one_group_has_an_answer(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 12.34)
    assert "Best FID so far, on the validation split: vae 12.3." in compare([sweep.folder]).sentence()
    families(sweep, vae=[2.0, 4, 6, 8, 10])
    assert compare([sweep.folder]).sentence().endswith("; there is no other group to compare it with.")


def test_other_scores_are_ranked_in_their_own_direction_and_may_disagree(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[5.0, 6], wae=[1.0, 2])
    assert compare([sweep.folder]).other_scores() == {"wasserstein": "vae, wae"}
    assert compare([sweep.folder], metric="wasserstein").search.groups[0].name == "vae"
    with pytest.raises(ConfigError, match="Did you mean 'wasserstein'"):
        compare([sweep.folder], metric="waserstein")


def test_what_the_markdown_and_the_page_both_show_is_worked_out_once(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = write()
    families(sweep, vae=[5.0, 6], wae=[1.0, 2])
    found = compare([sweep.folder])
    asked: list[str] = []
    monkeypatch.setattr(cells, "table", lambda comparison: asked.append("table") or [{"arm": "wae"}])
    monkeypatch.setattr(
        "gensweep.comparison.compare.search_of",
        lambda rows, objective, *_, **__: asked.append(objective.metric) or found.search,
    )
    for _ in range(2):
        markdown(found)
        assert content_of(sweep.folder, comparison=found).tables
    assert asked == ["table", "wasserstein"]


def test_numbers_of_hundreds_of_digits_are_short_everywhere(write: Write) -> None:
    sweep = write()
    for latent, score in ((10**300, 2e300), (-(10**310), 1e300), ([10**300], 3e300)):
        sweep.trial("vae", score, configuration={"latent_size": latent}, parameters={"latent_size": latent})
    for test in (1e300, 1e300):
        sweep.trial("vae", 1e300, configuration={"latent_size": -(10**310)}, parent=1, test=test, seconds=1e300)
    table, found = trials(sweep.folder), compare([sweep.folder])
    by_latent = compare([sweep.folder], by="latent_size")
    shown = [markdown(found), markdown(by_latent), *(formatted(found, form) for form in FORMS)]
    columns = [column for column in table.columns if column != "key"]
    shown += [str(cells_of(table.shown, table.rows)), as_csv(table.rows, columns).decode()]
    assert [re.findall(r"\d{20,}", text) for text in shown] == [[]] * len(shown)
    assert all("e+300" in text for text in shown)
    assert {group.name for group in by_latent.search.groups} == {"1e+300", "-1e+310", "[1e+300]"}
    assert next(csv.DictReader(io.StringIO(shown[-1])))["latent_size"] == "1e+300"


def test_a_score_that_only_tells_ranks_nothing(write: Write) -> None:
    sweep = write()
    for family in ("vae", "wae"):
        sweep.trial(family, 1.0, scores={"nearest_neighbour": 0.5, "nearest_neighbour.copies": 0.1, "fid.floor": 0.2})
    for score in ("nearest_neighbour", "nearest_neighbour.copies", "fid.floor"):
        with pytest.raises(ConfigError, match=f"'{score}' only tells about models.*Rank by fid\\.$"):
            compare([sweep.folder], metric=score)
    assert compare([sweep.folder]).other_scores() == {"nearest_neighbour": "not ranked: it only watches for something"}


def test_a_detail_is_ranked_in_a_direction_of_its_own(write: Write) -> None:
    sweep = write()
    for family, bits in (("vae", 3.0), ("flow", 2.0)):
        scores = {"log_likelihood": -100 * bits, "log_likelihood.bits_per_dimension": bits}
        sweep.trial(family, 1.0, scores=scores)
    for score in ("log_likelihood", "log_likelihood.bits_per_dimension"):
        assert [group.name for group in compare([sweep.folder], metric=score).search.groups] == ["flow", "vae"]


def test_a_detail_of_different_protocols_is_refused_too(write: Write) -> None:
    sweep = write()
    for n_fake in (500, 1000):
        sweep.trial("vae", 1.0, scores={"fid_infinity.fid": 3.0}, protocol={"n_fake": n_fake}, metric="fid_infinity")
    with pytest.raises(ConfigError, match="fid_infinity was taken by 2 protocols"):
        compare([sweep.folder], metric="fid_infinity.fid")


def test_scores_of_different_protocols_are_refused_with_what_differs(write: Write) -> None:
    one, other = write("one"), write("other", keys="other")
    one.trial("vae", 3.0, protocol={"n_fake": 500, "extractor": {"sha": "a"}, "split": "validation"})
    other.trial("vae", 2.0, protocol={"n_fake": 1000, "extractor": {"sha": "a"}, "split": "validation"})
    with pytest.raises(ConfigError) as raised:
        compare([one.folder, other.folder])
    message = str(raised.value)
    assert "n_fake: 500 in" in message
    assert "one/0" in message
    assert "other/0" in message
    assert "extractor" not in message
    assert "split:" not in message


def test_two_sweeps_are_compared_as_groups_of_their_own(write: Write) -> None:
    one, other = write("one"), write("other", keys="other")
    families(one, vae=[3.0, 4])
    families(other, vae=[1.0, 2])
    found = compare([one.folder, other.folder])
    assert [group.name for group in found.search.groups] == ["other: vae", "one: vae"]
    assert found.search.groups[0].best_trial == "other/0"


def test_a_column_that_one_of_two_sweeps_has_groups_neither(write: Write) -> None:
    """The trials of the other would all be one group without a name."""
    one, other = write("one"), write("other", keys="other")
    for size in (2, 8):
        one.trial(
            "wae",
            size,
            configuration={"family": {"name": "wae"}, "latent_size": size},
            parameters={"latent_size": size},
        )
        other.trial("wae", size, configuration={"family": {"name": "wae"}, "latent_size": 4})
    with pytest.raises(
        ConfigError, match=r"--by latent_size: other has no such column, .* Group by one of arm, family, sweep"
    ):
        compare([one.folder, other.folder], by="latent_size")
    assert len(compare([one.folder], by="latent_size").search.groups) == 2


def test_sweeps_of_different_objectives_need_a_named_score(write: Write) -> None:
    one, other = (
        write("one"),
        write("other", {**DEFINITION, "objective": {"metric": "wasserstein", "mode": "min"}}, "o"),
    )
    for sweep in (one, other):
        families(sweep, vae=[3.0, 4])
    with pytest.raises(ConfigError, match="--metric"):
        compare([one.folder, other.folder])
    assert compare([one.folder, other.folder], metric="fid").search.objective.metric == "fid"


def test_the_report_on_disk(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[float(i) for i in range(2, 26, 2)], wae=[float(i) for i in range(1, 24, 2)])
    sweep.trial("wae", None, outcome="DIVERGED", reason="loss.model is nan | at step 12")
    sweep.trial("wae", None, outcome="DIVERGED", reason="loss.model is nan at step 99")
    found = compare([sweep.folder])
    paths = write_report(found, sweep.folder.path / "report", pictures={"confirmed.png": "Every seed as a dot."})
    assert {path.name for path in paths} == {"comparison.md", "comparison.csv", "comparison.json"}
    text = (sweep.folder.path / "report" / "comparison.md").read_text()
    assert text.splitlines()[2] == f"**{found.sentence()}**"
    assert "- wae: 1 diverged: loss.model is nan" in text
    assert "![Every seed as a dot.](confirmed.png)" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") > 2 for line in tables)
    rows = list(csv.DictReader(io.StringIO((sweep.folder.path / "report" / "comparison.csv").read_text())))
    assert [(row["group"], row["n_search"], row["diverged"]) for row in rows] == [
        ("vae", "12", "0"),
        ("wae", "14", "2"),
    ]


def test_a_sweep_in_which_everything_diverged_has_no_answer(write: Write) -> None:
    sweep = write()
    sweep.trial("vae", 3.0, outcome="DIVERGED")
    with pytest.raises(NoUsableTrial, match="1 diverged"):
        compare([sweep.folder])


def test_what_the_scores_mean_stands_in_the_report(write: Write) -> None:
    sweep = write()
    families(sweep, vae=[2.0, 4], wae=[1.0, 3])
    text = markdown(compare([sweep.folder]), sanity=[{"row": "floor", "fid": 1.23456}, {"row": "memoriser"}])
    assert "## What the scores mean on these data" in text
    assert "| floor | 1.235 |" in text
    assert "## What the scores mean" not in markdown(compare([sweep.folder]))


@pytest.mark.parametrize(("mode", "says"), [("min", "less is better"), ("max", "more is better")])
def test_the_notes_say_which_way_is_better(write: Write, mode: str, says: str) -> None:
    sweep = write(definition={**DEFINITION, "objective": {"metric": "fid", "mode": mode}})
    families(sweep, vae=[2.0, 4], wae=[1.0, 3])
    assert f"By fid ({says})" in markdown(compare([sweep.folder]))
    assert compare([sweep.folder]).search.groups[0].name == {"min": "wae", "max": "vae"}[mode]


EVIL = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) `b` |c| $\\x$ \x1b[31m\nd"


def test_a_page_runs_nothing_of_what_a_ledger_says(write: Write) -> None:
    """Of names, reasons, scores, axes and protocols: a report is opened in a browser, and MLflow shows it too."""
    sweep = write()
    arm = EVIL.replace("\x1b[31m\nd", "").replace("\\x", "x")
    for i in range(8):
        sweep.trial("vae", float(i), arm=arm if i % 2 else "wae", configuration={EVIL: i}, parameters={EVIL: i},
                    scores={EVIL: 1.0}, protocol={EVIL: "x"})  # fmt: skip
    sweep.trial("vae", None, arm=arm, outcome="FAILED", reason=EVIL, protocol={EVIL: "x"})
    page = markdown(compare([sweep.folder]), {"responses.png": "A caption."}, [{"row": EVIL, EVIL: "1"}])
    assert "&lt;img src=x onerror" in page
    assert "<img" not in page
    assert not re.search(r"(?<!\\)\]\(", page.replace("](responses.png)", ""))
    assert "\x1b" not in page
    rows = [line for line in page.splitlines() if "onerror" in line and line.startswith("| ")]
    assert all("\\|c\\|" in line for line in rows)
