"""The page: whole, valid, honest about what it lacks, and deaf to whatever a sweep's folder says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gensweep.comparison.collect import trials
from gensweep.errors import DamagedSweep
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report.content import Content, Table, content_of
from gensweep.report.page import page, write
from tests.report.conftest import issue
from tests.written_sweep import Writer

Write = Callable[..., Writer]
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
VOID = {"meta", "img", "input", "br", "link"}


class Read(HTMLParser):
    """The elements of a page with their attributes, scripts and texts; raises where tags are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif not self._open or self._open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def figures(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.scripts[0][1])["figures"]
        return found

    @property
    def sections(self) -> list[str | None]:
        return [attributes["id"] for attributes in self.all("section")]


def read(sweep: SweepFolder, content: Content | None = None) -> Read:
    return Read(page(sweep, content or content_of(sweep)))


ALL = ["verdict", "search", "searched", "gallery", "latents", "training", "failures", "trials", "provenance"]


def test_every_section_is_there_with_what_it_shows(trained: SweepFolder) -> None:
    found = read(trained)
    assert found.sections == ALL
    assert (
        len(found.all("img")) == 12
    )  # five kinds of three arms, of which one has no encoder: three of its are missing
    assert len(found.figures) == len([a for a in found.all("div") if a.get("class") == "plot"])
    for word in ("This family has no encoder", "Nothing was confirmed", "No trial diverged or failed.", "Protocol of"):
        assert word in found.text


def test_a_confirmed_sweep_says_its_verdict_first_and_shows_every_seed(study: Writer) -> None:
    found = read(study.folder)
    assert found.sections == ALL
    headline = content_of(study.folder).headline[0]
    assert headline.startswith("By fid on the test split")
    assert found.text.index(headline) < found.text.index("Confirmed scores, seed by seed")
    assert "loss became not finite at step 31" in found.text
    told = f"gensweep resume {study.folder.argument} goes on with it."
    assert f"So far: 12 of 12 trials have ended. It is not running now: {told}" in " ".join(found.text.split())


def test_a_sweep_of_nothing_and_one_of_failures_say_so(write: Write) -> None:
    sweep = write()
    assert "No trial was issued yet" in read(sweep.folder).text
    issue(sweep, "vae", None, outcome="FAILED", reason="CUDA out of memory")
    found = read(sweep.folder)
    assert found.sections == ALL
    assert found.figures == []
    for word in ("No trial of the search has a score.", "no trial of this arm has a score.", "CUDA out of memory"):
        assert word in found.text


def test_what_a_folder_says_is_never_markup_or_script(write: Write) -> None:
    sweep = write(EVIL.replace("/", "-"))
    issue(sweep, "vae", 3.0, 2)
    issue(sweep, "vae", None, 2, outcome="FAILED", reason=EVIL)
    sweep.trial("vae", 4.0, configuration={"latent_size": EVIL}, parameters={"latent_size": EVIL}, scores={EVIL: 1.0})
    sweep.trial("vae", 5.0, configuration={"latent_size": "b"}, parameters={"latent_size": "b"})
    content = content_of(sweep.folder)
    told = Content(content.trials, content.state, content.confirmation, [EVIL], [Table(EVIL, [{EVIL: EVIL}], [EVIL])])
    found = read(sweep.folder, told)
    assert len(found.scripts) == 3
    assert not [name for name, attributes in found.elements if any(key.startswith("on") for key in attributes)]
    assert [image for image in found.all("img") if not (image["src"] or "").startswith("data:image/png")] == []
    for parts in (content.tables, [Table("", [{"": EVIL}])]):
        assert (
            read(sweep.folder, Content(content.trials, content.state, None, [EVIL], parts)).text.count(EVIL) > 5
        )  # shown as text
    texts = json.dumps(found.figures)
    assert "alert" in texts
    assert "<script" not in texts  # Plotly reads tags too
    assert "<img" not in texts


def test_json_for_the_script_ends_no_script(study: Writer) -> None:
    text = page(study.folder, content_of(study.folder))
    data = text.split('id="figures">')[1].split("</script>")[0]
    assert not set("<>&'") & set(data)


def test_no_control_reaches_the_page(study: Writer) -> None:
    issue(study, "vae", None, outcome="FAILED", reason="a\x1b[31mred\u202ename\x07")
    text = page(study.folder, content_of(study.folder)).split('id="figures"')[0]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", text)
    assert "arename" not in text
    assert "aredname" in text


def test_the_page_needs_and_reaches_no_network(trained: SweepFolder) -> None:
    found = read(trained)
    assert found.all("link") == found.all("iframe") == found.all("base") == found.all("form") == []
    for _, attributes in found.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,"))
    style = page(trained, content_of(trained)).split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    ours = found.scripts[2][1]
    assert "showSendToCloud: false" in ours  # else Plotly shows a button that uploads the chart
    assert 'plotlyServerURL: ""' in ours


def test_the_policy_allows_exactly_the_scripts_of_the_page(trained: SweepFolder) -> None:
    found = read(trained)
    (policy,) = [a["content"] or "" for a in found.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data: blob:"
    run = [text for attributes, text in found.scripts if attributes.get("type") != "application/json"]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]


def test_tables_and_figures_say_what_they_are(study: Writer) -> None:
    found = read(study.folder)
    assert len(found.all("caption")) == len(found.all("table")) > 5
    assert all(header.get("scope") in ("col", "row") for header in found.all("th"))
    plots = [attributes for attributes in found.all("div") if attributes.get("class") == "plot"]
    assert plots
    assert all(plot["role"] == "img" and len(plot["aria-label"] or "") > 20 for plot in plots)
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {(link["href"] or "").removeprefix("#") for link in found.all("a")}
    assert anchors <= set(ids)
    boxes = [a for a in found.all("div") if "scroll" in (a.get("class") or "")]
    assert all(box["tabindex"] == "0" for box in boxes)  # by the keyboard too


def test_every_axis_of_a_chart_has_its_words(study: Writer) -> None:
    for figure in read(study.folder).figures:
        layout = figure["layout"]
        named = [axis for axis in ("xaxis", "yaxis") if layout[axis]["title"].get("text")]
        ticked = [axis for axis in ("xaxis", "yaxis") if layout[axis].get("ticktext")]
        assert set(named) | set(ticked) == {"xaxis", "yaxis"} or layout["yaxis"].get("visible") is False


def test_written_into_the_folder_whole_and_twice_the_same(study: Writer) -> None:
    path = write(study.folder, content_of(study.folder))
    assert path == study.folder.path / "report" / "report.html"
    first = path.read_bytes()
    assert write(study.folder, content_of(study.folder)).read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    assert len(first) < 8e6


def test_a_link_in_the_place_of_the_page_is_not_followed(study: Writer, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (study.folder.path / "report").symlink_to(outside)
    with pytest.raises(DamagedSweep, match="link"):
        write(study.folder, content_of(study.folder))
    assert list(outside.iterdir()) == []


def test_the_headline_of_an_unconfirmed_sweep_says_that_it_is_no_verdict(write: Write) -> None:
    sweep = write()
    assert content_of(sweep.folder).headline == ["there is no trial yet, so there is nothing to compare."]
    issue(sweep, "vae", 3.0)
    issue(sweep, "wae", 2.0)
    (sentence,) = content_of(sweep.folder).headline
    assert sentence.startswith("Not confirmed: ")
    assert "wae 2, vae 3. That is no verdict" in sentence
    *_, best = content_of(sweep.folder).tables
    assert [row["trial"] for row in best.rows] == ["1", "0"]


def test_tables_of_the_caller_are_shown(study: Writer) -> None:
    told = Content(
        trials(study.folder), study.folder.state(), None, ["the headline"], [Table("mine", [{"a": "1"}], ["a note"])]
    )
    text = read(study.folder, told).text
    for word in ("the headline", "mine", "a note"):
        assert word in text


def test_numbers_at_the_ends_of_what_floats_hold_make_a_page(write: Write) -> None:
    sweep = write()
    for n, fid in enumerate((1.7e308, 5e-324, -1.7e308, 0.0)):
        issue(sweep, "vae", fid, (2, 8, 16, 2)[n], seconds=(0.0, 1e300, 1e-300, 3.0)[n])
    for test in (1e300, 5e-324, 1e299):
        issue(sweep, "vae", 1.0, parent=1, test=test)
    assert read(sweep.folder).sections == ALL


@pytest.mark.parametrize("large", [10**300, 10**310, [10**300]])
def test_numbers_of_hundreds_of_digits_are_short(write: Callable[..., Writer], large: Any) -> None:
    sweep = write()
    for fid, n in ((1e300, large), (2e300, 7), (3e300, 8)):
        sweep.trial("vae", fid, configuration={"momentum": n}, parameters={"momentum": n})
    found = read(sweep.folder)
    assert "1e+3" in found.text
    assert max(map(len, re.findall(r"\d+", found.text))) < 20
