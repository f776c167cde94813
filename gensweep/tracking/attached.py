"""Which files of a sweep's folder go to a run store: those that are in it, and nothing that a link in it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gensweep.ledger.history import TrialRecord

_PICTURES = ("samples/*.png", "reconstructions/*.png")
_OF_THE_SWEEP = ("sweep.yaml", "environment.json", "results.csv", "costs.csv")
_LARGEST = 2**28  # bytes of a file
_LARGEST_PICTURE = 2**23  # in the gallery, which somebody looks at
_MOST = 20  # arms in it
_SHOWN = 3


class Attached:
    """The files of one sweep; what is no file in its folder is left out and kept in `left_out`, by its name there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left_out: set[str] = set()

    def of_the_sweep(self) -> Iterator[Path]:
        """The definition, the tables and the report."""
        report = sorted((self.folder / "report").glob("[!.]*"))
        return self._own([*(self.folder / name for name in _OF_THE_SWEEP), *report])

    def of_a_trial(self, trial: Path) -> Iterator[Path]:
        """The pictures of a trial, whose folder is below."""
        return self._own(sorted(picture for pattern in _PICTURES for picture in trial.glob(pattern)))

    def gallery(self, best: Mapping[str, TrialRecord]) -> Iterator[tuple[Path, str]]:
        """The newest pictures of each arm's best trial, with the folder that they stand in: one place to compare arms in."""
        for arm, record in list(best.items())[:_MOST]:
            trial = self.folder / "trials" / record.folder_name
            newest = [max(found) for pattern in _PICTURES if (found := list(trial.glob(pattern)))]
            for picture in self._own(newest):
                if picture.stat().st_size <= _LARGEST_PICTURE:
                    yield picture, f"gallery/{arm}, trial {record.number}/{picture.parent.name}"

    def _own(self, paths: Iterable[Path]) -> Iterator[Path]:
        real = self.folder.resolve()
        for path in paths:
            name = path.relative_to(self.folder)
            if path.is_symlink() or (
                path.exists() and (path.resolve() != real / name or _is_odd(path) or _is_huge(path))
            ):
                self.left_out.add(str(name))
            elif path.is_file():
                yield path

    def sentence(self) -> str | None:
        """What was left out, for people."""
        names = sorted("".join(filter(str.isprintable, name)) for name in self.left_out)
        if not names:
            return None
        some = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        return f"not sent, because they are links, lie behind one, are no files or are huge: {some} in {self.folder}"


def _is_odd(path: Path) -> bool:
    """Whether it is neither a file nor a folder: to read a pipe would take for ever."""
    return not path.is_file() and not path.is_dir()


def _is_huge(path: Path) -> bool:
    """Whether it is larger than any that gensweep makes: a hole of a stranger's file takes no room, and its copy does."""
    return path.is_file() and path.stat().st_size > _LARGEST
