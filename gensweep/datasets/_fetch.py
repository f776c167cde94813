"""Fetch a dataset that cannot ship: `python -m gensweep.datasets._fetch fashion_mnist [--into FOLDER]`.

Two sources are tried: the Debian package, unpacked without installing it (needs apt-get, no root), and the authors'
own download. Whichever serves, every file is checked against its SHA-256 before it is put in place.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from gensweep.datasets import _fashion_mnist_files as fashion_mnist
from gensweep.errors import CannotRun, ConfigError, GensweepError

_PACKAGE = "dataset-fashion-mnist"
_HOME = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_SECONDS = 600
_CHUNK = 1 << 18


def fetch(into: Path) -> str:
    """Put the four files of Fashion-MNIST into folder `into`, unless a usual place has them; what was done, to print.

    Raises:
        CannotRun: no source served; the message has each one's reason.
    """
    for path in (str(into), None):
        if (present := fashion_mnist.find(path)) and _intact(present):
            return f"fashion_mnist is here already: {next(iter(present.values())).parent}"
    reasons = []
    for source in (_from_debian, _from_the_authors):
        with tempfile.TemporaryDirectory(prefix="gensweep-fetch-") as folder:
            try:
                found = source(Path(folder))
                for name, file in found.items():
                    fashion_mnist.content_of(name, file)
                _place(found.values(), into)
            except (OSError, subprocess.SubprocessError, GensweepError) as error:
                reasons.append(f"{source.__name__.removeprefix('_').replace('_', ' ')}: {error}")
                continue
            return f"fashion_mnist is in {into} now"
    raise CannotRun("fashion_mnist could not be fetched:\n  " + "\n  ".join(reasons))


def _intact(files: dict[str, Path]) -> bool:
    try:
        for name, file in files.items():
            fashion_mnist.content_of(name, file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return False
    return True


def _place(files: Iterable[Path], into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for file in files:
        # Copied beside its place first: an interrupted copy never has the name of a whole file.
        partial = into / f"{file.name}.partial"
        shutil.copyfile(file, partial)
        partial.replace(into / file.name)


def _from_debian(folder: Path) -> dict[str, Path]:
    """The files out of Debian's package, which is downloaded and unpacked but not installed."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise CannotRun("no apt-get and dpkg-deb here")
    _say("fashion_mnist: downloading Debian's package (31 MB)")
    # Package lists of our own, so that neither root nor a change of the machine's lists is needed.
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    private = [f"Dir::State::Lists={folder}/lists", f"Dir::Cache={folder}", "Debug::NoLocking=1", "APT::Sandbox::User="]
    options = [part for option in private for part in ("-o", option)]
    try:
        _run(["apt-get", "download", _PACKAGE], folder)
    except CannotRun:
        _run(["apt-get", *options, "update"], folder)
        _run(["apt-get", *options, "download", _PACKAGE], folder)
    package = next(folder.glob(f"{_PACKAGE}_*.deb"))
    _run(["dpkg-deb", "-x", str(package), str(folder / "unpacked")], folder)
    return _all_of(str(folder / "unpacked" / "usr" / "share" / "datasets" / fashion_mnist.FOLDER))


def _from_the_authors(folder: Path) -> dict[str, Path]:
    """The files from the address that the dataset's paper gives."""
    for name in fashion_mnist.FILES:
        _download(f"{_HOME}/{name}.gz", folder / f"{name}.gz")
    return _all_of(str(folder))


def _all_of(path: str) -> dict[str, Path]:
    found = fashion_mnist.find(path)
    if found is None:
        raise CannotRun(f"the four files are not in {path}")
    return found


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise CannotRun(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")


def _download(address: str, file: Path) -> None:
    with urllib.request.urlopen(address, timeout=30) as answer, file.open("wb") as out:
        size, had = int(answer.headers.get("Content-Length") or 0), 0
        while chunk := answer.read(_CHUNK):
            had += out.write(chunk)
            _say(f"\rfashion_mnist: {file.name} {had / 1e6:5.1f} of {size / 1e6:.1f} MB", end="")
    _say("")


def _say(text: str, end: str = "\n") -> None:
    if sys.stderr.isatty():
        print(text, end=end, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The command: 0 when the files are there, 4 when they could not be had."""
    parser = argparse.ArgumentParser(prog="python -m gensweep.datasets._fetch", description="Fetch a dataset.")
    parser.add_argument("dataset", choices=["fashion_mnist"])
    parser.add_argument("--into", type=Path, default=Path(".data") / fashion_mnist.FOLDER, help="default: %(default)s")
    given = parser.parse_args(arguments)
    try:
        print(fetch(given.into))
    except GensweepError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
