"""TensorBoard's event files of a sweep, on request: whether they can be written, and what writes them."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.axes.arms import Arm
from gensweep.axes.distributions import Choice, Distribution
from gensweep.errors import CannotRun
from gensweep.ledger.sweep_folder import SweepFolder

if TYPE_CHECKING:
    from gensweep.tracking.tensorboard_files import EventFiles

FOLDER = "tensorboard"


def wanted(sweep: Path, *, asked: bool) -> bool:
    """Whether the files of the sweep in a folder are to be written: because somebody asks, or asked earlier.

    Raises:
        CannotRun: somebody asks, and TensorBoard is not installed.
    """
    is_here = importlib.util.find_spec("tensorboard") is not None
    if asked and not is_here:
        raise CannotRun(
            "--tensorboard: TensorBoard is not installed here. Install it: pip install 'gensweep[tensorboard]'. Or leave the "
            "option out; gensweep sync NAME --tensorboard writes the files later."
        )
    return is_here and (asked or (sweep / FOLDER).is_dir())


def event_files(folder: SweepFolder, arms: Mapping[str, Arm]) -> EventFiles:
    """What writes the files of a sweep. TensorBoard is imported here and not before."""
    from gensweep.tracking.tensorboard_files import EventFiles

    laws = {str(axis.path): axis.distribution for arm in arms.values() for axis in arm.axes}
    axes = {"arm": False, **{path: _is_of_numbers(law) for path, law in laws.items()}}
    return EventFiles(folder, axes, folder.path / FOLDER)


def written_beside(
    folder: SweepFolder, arms: Mapping[str, Arm], say: Callable[[str], None], *, asked: bool
) -> AbstractContextManager[object]:
    """Meanwhile the files are kept level with the sweep, where they are wanted."""
    if not wanted(folder.path, asked=asked):
        return contextlib.nullcontext()
    from gensweep.tracking.tensorboard_files import Beside

    return Beside(event_files(folder, arms), say)


def _is_of_numbers(law: Distribution) -> bool:
    """Whether all its values are numbers; a truth value is a word."""
    if not isinstance(law, Choice):
        return True
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in law.options)
