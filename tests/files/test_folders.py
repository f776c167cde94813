"""What of a folder is images, and what is skipped."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from gensweep.errors import ConfigError
from gensweep.files import folders
from gensweep.files.folders import listing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images."""
    made = tmp_path / "images"
    made.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (4, 4)).save(made / name)
    return made


def names(folder: Path) -> list[str]:
    return [f.relative_to(folder).as_posix() for f in listing(folder).files]


def link(at: Path, to: Path) -> None:
    at.symlink_to(to)


@pytest.mark.parametrize(
    "path",
    [".ipynb_checkpoints/a-checkpoint.png", "__MACOSX/a.png", "deep/__MACOSX/._a.png", "._a.png", ".hidden.png",
     "Thumbs.db", ".DS_Store", "desktop.ini"],
)  # fmt: skip
def test_what_is_hidden_or_left_by_a_system_is_no_image_and_is_counted(folder: Path, path: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "a.png", folder / path)
    found = listing(folder)
    assert names(folder) == ["a.png", "b.png"]
    assert "2 images; skipped 1 hidden or the system's (" in found.sentence()


def test_a_hidden_folder_that_was_asked_for_is_read(folder: Path) -> None:
    hidden = folder.rename(folder.parent / ".images")
    assert names(hidden) == ["a.png", "b.png"]
    assert listing(hidden).sentence() == ""


def test_a_link_to_nothing_is_skipped_and_one_to_a_file_followed(folder: Path) -> None:
    elsewhere = shutil.copy(folder / "a.png", folder.parent / "elsewhere.png")
    link(folder / "c.png", Path(elsewhere))
    link(folder / "x.png", folder / "gone.png")
    link(folder / "y.png", folder / "y.png")
    assert names(folder) == ["a.png", "b.png", "c.png"]
    assert "skipped 2 leading nowhere (x.png, y.png)" in listing(folder).sentence()


def test_a_folder_named_like_an_image_is_a_folder(folder: Path) -> None:
    (folder / "x.png").mkdir()
    shutil.copy(folder / "a.png", folder / "x.png" / "in.png")
    (folder / "empty_class").mkdir()
    assert names(folder) == ["a.png", "b.png", "x.png/in.png"]
    assert listing(folder).sentence() == ""


def test_folders_behind_links_are_read(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "other")
    classes = tmp_path / "classes"
    classes.mkdir()
    link(classes / "one", folder)
    link(classes / "two", other)
    assert names(classes) == ["one/a.png", "one/b.png", "two/a.png", "two/b.png"]


def test_every_folder_is_read_once_however_many_links_lead_there(folder: Path) -> None:
    (folder / "real").mkdir()
    shutil.move(folder / "b.png", folder / "real" / "b.png")
    for at, to in (("a_link", folder / "real"), ("self", folder), ("real/up", folder), ("above", folder.parent)):
        link(folder / at, to)
    assert names(folder) == ["a.png", "real/b.png"]
    assert "skipped 4 leading to folders read already (a_link, above, real/up, …)" in listing(folder).sentence()


def test_two_links_that_lead_to_each_others_folders_end(folder: Path, tmp_path: Path) -> None:
    far = tmp_path / "far"
    (far / "in").mkdir(parents=True)
    shutil.copy(folder / "a.png", far / "in" / "c.png")
    link(far / "back", folder)
    link(folder / "far", far)
    assert names(folder) == ["a.png", "b.png", "far/in/c.png"]


def test_files_of_other_kinds_are_counted_by_kind(folder: Path) -> None:
    for name in ("labels.csv", "a.npy", "b.npy", "README", "photo.heic"):
        (folder / name).write_bytes(b"")
    assert names(folder) == ["a.png", "b.png"]
    assert "skipped 5 of other kinds (.npy 2, " in listing(folder).sentence()


def test_a_pipe_named_like_an_image_is_not_opened(folder: Path) -> None:
    os.mkfifo(folder / "p.png")
    assert names(folder) == ["a.png", "b.png"]
    assert "1 no files but pipes or devices (p.png)" in listing(folder).sentence()


def test_upper_case_endings_are_images(folder: Path) -> None:
    for old, new in (("a.png", "a.PNG"), ("b.png", "b.Jpeg")):
        (folder / old).rename(folder / new)
    assert names(folder) == ["a.PNG", "b.Jpeg"]


def test_names_of_any_kind_are_read_and_shown_on_one_line(folder: Path) -> None:
    strange = ["é☃.png", "a\nb.png", os.fsdecode(b"\xff.png")]
    for name in strange:
        shutil.copy(folder / "a.png", folder / name)
    assert set(names(folder)) == {"a.png", "b.png", *strange}
    assert [folders.shown(Path(name)) for name in strange] == ["é☃.png", r"a\nb.png", r"\udcff.png"]


def test_folders_that_may_not_be_read_are_all_named_with_the_cure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A user's rights do not bind root, who runs tests in containers: the system's refusal is put in by hand.
    closed = [folder / "one", folder / "two"]
    for path in closed:
        path.mkdir()
    scan = os.scandir

    def refusing(path: Path):
        if path in closed:
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(ConfigError, match=r"one: this folder cannot be read.*\n.*two: this folder.*\n.*chmod"):
        listing(folder)


def test_an_archive_is_not_a_folder(folder: Path) -> None:
    archive = shutil.make_archive(str(folder), "zip", folder)
    with pytest.raises(ConfigError, match=r"images\.zip: a file, not a folder\. Unpack it"):
        listing(Path(archive))


def test_no_image_says_what_is_there_instead(folder: Path) -> None:
    for name in ("a.png", "b.png"):
        (folder / name).rename(folder / name.replace("png", "heic"))
    with pytest.raises(
        ConfigError, match=r"there is no image in it, but 2 of other kinds \(\.heic 2\)\. Images end in \.bmp"
    ):
        listing(folder)
