"""Files that are not there, or are no text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gensweep.reading import YamlError, read_file


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spaces").mkdir()
    (tmp_path / "study.yaml").write_text("name: a\n")
    (tmp_path / "spaces" / "wae.yml").write_text("name: a\n")
    return tmp_path


def told(name: str) -> str:
    with pytest.raises(YamlError) as error:
        read_file(Path(name))
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "studdy.yaml",
            "studdy.yaml does not exist. Did you mean 'study.yaml'? Known: study.yaml, spaces/wae.yml.",
        ),
        ("study", "Did you mean 'study.yaml'?"),
        ("study.yml", "Did you mean 'study.yaml'?"),
        ("wae", "Did you mean 'spaces/wae.yml'?"),
        ("WAE.yaml", "Did you mean 'spaces/wae.yml'?"),
        ("spaces/wea.yml", "Did you mean 'spaces/wae.yml'?"),
        ("space/wae.yaml", "space/wae.yaml lies in no folder: space does not exist. Did you mean 'spaces'?"),
        ("other", "other does not exist. Known: study.yaml, spaces/wae.yml."),
        ("other", "With gensweep come autoencoder, autoregressive, "),
        ("familes", "With gensweep come families, which may be meant, and "),
        ("vae.yaml", "One of this name ships with gensweep: write vae for it"),
        ("search_spaces/vae.yaml", "One of this name ships with gensweep: write vae for it"),
        ("spaces", "spaces is a folder. Name a file in it, as in spaces/wae.yml"),
        (".", ". is a folder. Name a file in it, as in study.yaml"),
        (
            "https://example.org/a.yaml",
            "https://example.org/a.yaml is an address, and a file on this "
            "machine is wanted. Download it first, and name a.yaml",
        ),
        ("s3://bucket/a.yaml", "s3://bucket/a.yaml is an address"),
    ],
)
def test_a_file_that_is_not_there(here: Path, name: str, says: str) -> None:
    assert says in told(name)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("# größe\nname: ä\n".encode("latin-1"), "f.yaml:1 is not UTF-8: byte 0xf6, which is 'ö' in Latin-1. Save the file as"),
        ("a: 1\nname: ä\n".encode("latin-1"), "f.yaml:2 is not UTF-8: byte 0xe4"),
        ("name: a\n".encode("utf-16"), "f.yaml cannot be read: its encoding is UTF-16. Save it as UTF-8"),
        ("name: a\n".encode("utf-16-le"), "its encoding is UTF-16"),
        ("name: a\n".encode("utf-16-be"), "its encoding is UTF-16"),
        (bytes(range(256)), "f.yaml cannot be read: it is no text file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is no text file"),
        (b"name: a\0b\n", "f.yaml:1 holds a character that YAML does not allow, U+0000"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_text(here: Path, data: bytes, says: str) -> None:
    (here / "f.yaml").write_bytes(data)
    assert says in told("f.yaml")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bom.yaml", "\ufeffname: a\ntrial: {x: 1}\n".encode()),
        ("crlf.yaml", b"name: a\r\ntrial:\r\n  x: 1\r\n"),
        ("cr.yaml", b"name: a\rtrial:\r  x: 1\r"),
        ("tabs.json", b'{\n\t"name": "a",\n\t"trial": {"x": 1},\n}\n'),
        ("document.yaml", b"%YAML 1.2\n---\nname: a\ntrial: {x: 1}\n...\n"),
    ],
)
def test_what_editors_and_programs_write_is_read(here: Path, name: str, data: bytes) -> None:
    (here / name).write_bytes(data)
    assert read_file(Path(name)) == {"name": "a", "trial": {"x": 1}}


def test_octals_and_hexadecimals_are_those_of_yaml_1_2(here: Path) -> None:
    (here / "f.yaml").write_text("a: 0o10\nb: 0x1F\nc: 1e-3\nd: 8.0\n")
    assert read_file(Path("f.yaml")) == {"a": 8, "b": 31, "c": 0.001, "d": 8.0}


def test_a_file_larger_than_any_search_space_is_not_read(here: Path) -> None:
    (here / "large.yaml").write_bytes(b"# " + b"x" * 2**20)
    assert "larger than 1 MiB" in told("large.yaml")
    with (here / "sparse.yaml").open("wb") as file:
        file.truncate(2**40)
    assert "larger than 1 MiB" in told("sparse.yaml")


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(here: Path) -> None:
    os.mkfifo(here / "pipe.yaml")
    assert "is a pipe, and no file" in told("pipe.yaml")


def test_what_a_shell_puts_in_place_of_a_file_is_read(here: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"name: a\n")
    os.close(write)
    try:
        assert read_file(Path(f"/dev/fd/{read}"))["name"] == "a"
    finally:
        os.close(read)
