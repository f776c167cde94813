"""The page: one HTML file that needs nothing else, from the content of a sweep and what its checkpoints show."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import plotly.io
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from gensweep.ledger.durable import make_directory, write_atomic
from gensweep.ledger.foreign import refuse_links
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report import facts
from gensweep.report.confirmed import confirmed_scores, search_training, seeds_training
from gensweep.report.content import Content, Table
from gensweep.report.critics import critic_charts
from gensweep.report.drawing import Chart
from gensweep.report.gallery import Strip, files, gallery
from gensweep.report.importance import importance_charts
from gensweep.report.latents import latent_maps, point_samples
from gensweep.report.manifolds import manifold_charts
from gensweep.report.palette import GRID, INK, MUTED, PAPER, Style, styles
from gensweep.report.responses import parallel, response
from gensweep.report.scales import scales, sweep_of
from gensweep.report.search import over_seconds, over_trials, quality_and_cost
from gensweep.report.series import arms_of
from gensweep.report.subjects import Best
from gensweep.spaces.due import due
from gensweep.text import counted, printable

NAME = "report.html"


@dataclass(frozen=True)
class Section:
    """A part of the page; where it has nothing to show, `notes` say why."""

    anchor: str
    title: str
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    strips: Sequence[Strip] = ()
    notes: Sequence[str] = ()
    folded: bool = False


def write(folder: SweepFolder, content: Content) -> Path:
    """Write report/report.html into the sweep's folder, and return its path. Nothing is trained, scored or fetched.

    The pictures of its gallery lie beside it as PNG.

    Raises:
        DamagedSweep: its ledger cannot be trusted, or a link lies where the page would.
        OSError: as it came, with an older page untouched.
    """
    destination = folder.path / "report"
    refuse_links(folder.path)
    refuse_links(destination)
    sections = _sections(folder, content)
    data = _rendered(folder, content, sections).encode(errors="replace")
    make_directory(destination)
    for section in sections:
        for name, picture in files(section.strips).items():
            write_atomic(destination / name, picture, fsync=False)
    write_atomic(destination / NAME, data, fsync=False)
    return destination / NAME


def page(folder: SweepFolder, content: Content) -> str:
    """The whole page as text."""
    return _rendered(folder, content, _sections(folder, content))


def _rendered(folder: SweepFolder, content: Content, sections: Sequence[Section]) -> str:
    look = styles(arms_of(content.trials))
    charts = [chart for section in sections for chart in section.charts]
    library, script = get_plotlyjs(), _package("page.js")
    return _template().render(
        title=folder.name,
        headline=content.headline,
        so_far=_so_far(folder, content),
        arms=[(style, arm) for arm, style in look.items()],
        sections=sections,
        commands=facts.commands(folder, content.trials, content.confirmation),
        definition=facts.definition(folder),
        # our own files, and Plotly's: none holds anything of the sweep
        library=Markup(library),
        script=Markup(script),
        css=Markup(_package("page.css")),
        allowed=" ".join(_allowed(text) for text in (library, script)),
        figures=_figures(charts),
        numbered={id(chart): i for i, chart in enumerate(charts)},
    )


def _sections(folder: SweepFolder, content: Content) -> list[Section]:
    table, look = content.trials, styles(arms_of(content.trials))
    if not table.rows:
        nothing = ["No trial was issued yet, so that there is nothing to show."]
        return [Section("verdict", "Verdict", tables=content.tables, notes=nothing), _provenance(folder, content)]
    models = content.models
    maps, unmapped = latent_maps(models)
    points, undrawn = point_samples(models)
    strips, told = gallery(models)
    sheets, flat = manifold_charts(models)
    return [
        _verdict(content, look),
        _search(content, look),
        _searched(folder, content, look),
        Section("gallery", "Gallery of each arm's best", charts=points, strips=strips, notes=[*told, *undrawn]),
        Section("latents", "Latent spaces", charts=[*sheets, *maps], notes=[*flat, *unmapped]),
        *_critics(models),
        _trainings(content, look),
        Section("failures", "Failures", tables=(tables := facts.failures(table)), notes=_unless(
            len(tables) > 1, "No trial diverged or failed.")),
        Section("trials", "All trials", tables=[facts.all_trials(table)], folded=True),
        _provenance(folder, content),
    ]  # fmt: skip


def _critics(models: Sequence[Best]) -> list[Section]:
    """Nothing where no best critic is known, as on nearly all data."""
    charts, notes = critic_charts(models)
    return [Section("critics", "Critics beside the best ones", charts=charts, notes=notes)] if charts else []


def _verdict(content: Content, look: dict[str, Style]) -> Section:
    found = content.confirmation
    charts = [confirmed_scores(content.trials, found, look)] if found else []
    notes = _unless(charts, "Nothing was confirmed: there are no scores of fresh seeds on the test split.")
    return Section("verdict", "Verdict", charts=charts, tables=content.tables, notes=notes)


def _search(content: Content, look: dict[str, Style]) -> Section:
    table = content.trials
    charts = _there([over_trials(table, look), over_seconds(table, look), quality_and_cost(table, look)])
    return Section("search", "The search", charts=charts, notes=_unless(charts, "No trial of the search has a score."))


def _searched(folder: SweepFolder, content: Content, look: dict[str, Style]) -> Section:
    table, sweep = content.trials, sweep_of(folder)
    known = scales(table, sweep)
    charts = _there([*(response(table, each, look) for each in known), parallel(table, known, look)])
    notes = _unless(charts, "No searched value differs between trials with a score.")
    shares, unsaid = importance_charts(content.state.trials.values(), sweep, look)
    return Section("searched", "What was searched", charts=[*charts, *shares], notes=[*notes, *unsaid])


def _trainings(content: Content, look: dict[str, Style]) -> Section:
    table, found = content.trials, content.confirmation
    charts = _there([seeds_training(table, found, look) if found else None, search_training(table, look)])
    return Section("training", "Training", charts=charts, notes=_unless(charts, "No trial has reported a score yet."))


def _provenance(folder: SweepFolder, content: Content) -> Section:
    told = facts.protocols(content.trials)
    notes = _unless(told or not content.trials.rows, "No trial left its protocol (protocol.json).")
    return Section("provenance", "Protocol, versions, commands", tables=[*told, facts.versions(folder)], notes=notes)


def _so_far(folder: SweepFolder, content: Content) -> str:
    """That the sweep is not over, and how far it is; empty where it is over."""
    if content.state.finished:
        return ""
    ended = sum(bool(row["outcome"]) for row in content.trials.rows)
    known = due({folder: content.state})
    of = f"{counted(known, 'trial')} have" if known else f"{counted(len(content.trials.rows), 'issued trial')} have"
    if folder.holder():
        return f"So far: {ended} of {of} ended. It is running."
    return f"So far: {ended} of {of} ended. It is not running now: gensweep resume {folder.argument} goes on with it."


def _there(charts: Iterable[Chart | None]) -> list[Chart]:
    return [chart for chart in charts if chart is not None]


def _unless(there: object, sentence: str) -> list[str]:
    return [] if there else [sentence]


def _figures(charts: Sequence[Chart]) -> Markup:
    """The figures and the colours that follow the page as JSON in which nothing ends a script."""
    known: list[Any] = [json.loads(plotly.io.to_json(chart.figure, engine="json")) for chart in charts]
    colours = {"ink": INK, "muted": MUTED, "grid": GRID, "paper": PAPER}
    return htmlsafe_json_dumps({"figures": known, "colours": colours})


def _allowed(script: str) -> str:
    """The source of a Content-Security-Policy that allows exactly this script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("gensweep.report", ""), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    environment.filters["identity"] = id
    return environment.get_template("page.html.jinja")


def _shown(value: Any) -> Any:
    """What the template prints: text without controls and turned directions; our own markup as it is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _package(name: str) -> str:
    return resources.files("gensweep.report").joinpath(name).read_text(encoding="utf-8")
