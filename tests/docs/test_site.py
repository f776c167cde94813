"""The site builds strictly and without a network: no dead link or anchor, nothing that a browser would fetch from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.shown import ROOT

pytestmark = pytest.mark.slow  # ten seconds of one core, and a minute where others want it too


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
    build(config)  # raises where it warns
    return folder


def test_every_page_is_there_and_in_the_navigation(site: Path) -> None:
    front = (site / "index.html").read_text()
    pages = {page.relative_to(site).as_posix() for page in site.rglob("*.html")} - {"404.html"}
    linked = set(re.findall(r'href="([\w/-]+\.html)"', front))
    assert pages - linked <= {"index.html"}
    assert len(pages) > 45


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loads = re.compile(r'<(?:script|img|link|iframe)\b[^>]*?(?:src|href)="(https?:)?//[^"]*"')
    found = {page.name: tag[0] for page in site.rglob("*.html") for tag in loads.finditer(page.read_text())}
    assert {name: tag for name, tag in found.items() if "canonical" not in tag} == {}
    assert not [sheet for sheet in site.rglob("*.css") if re.search(r"url\(\"?https?:", sheet.read_text())]


def test_the_search_works_from_files_and_knows_members_and_commands(site: Path) -> None:
    index = (site / "search" / "search_index.js").read_text()
    for word in ("sliced_wasserstein", "retry-failed", "SweepState", "MLFLOW_TRACKING_URI"):
        assert word in index
