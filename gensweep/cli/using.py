"""The commands that use what won: best, sample, reconstruct."""

from __future__ import annotations

import json
import math
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gensweep.cli.options import (
    RUNS,
    AsJson,
    Device,
    Force,
    Name,
    Plugins,
    Runs,
    RunsOnly,
    Seed,
    Shared,
    SplitOf,
    What,
    sweep_named,
)
from gensweep.errors import ConfigError, suggest
from gensweep.home import expanded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gensweep.datasets.base import SplitName
    from gensweep.ledger.sweep_folder import SweepFolder
    from gensweep.models.arguments import Array
    from gensweep.models.generative import GenerativeModel
    from gensweep.models.outputs import Kind, Output
    from gensweep.models.winner import Standing

_SPLITS = ("train", "validation", "test")
_PAIRS = 8  # in a row


def best(
    name: Name,
    n: Annotated[int, typer.Option("-n", min=1, help="how many trials")] = 5,
    runs: Runs = RUNS,
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """List the best trials of a sweep: the winner first, then the others by their validation scores.

    The winner is the trial that was confirmed of the arm that is first on the test split; without confirmation the trial with
    the best validation score of those that were trained to their end.

    Examples:
      gensweep best wae
      gensweep best wae -n 20 --json
    """
    folder = sweep_named(name, runs)
    from gensweep.terminal import print_text, say, waiting

    with waiting(f"comparing the trials of {folder.name}"):
        from gensweep.cli.output import print_rows
        from gensweep.models.winner import standings
        from gensweep.tables import Layout

        found = standings(folder, n)
    say(f"{folder.name} is {folder.name}/{found.choice.number}: {found.choice.why}.")
    rows = _ranking(folder, found)
    if as_json:
        print(json.dumps(rows))
        return
    shown = [{**row, "parameters": _joined(row["parameters"])} for row in rows]
    keep, words = ("rank", "trial", "arm", found.table.objective.metric), ("parameters", "checkpoint")
    print_rows(shown, _columns(found), layout=Layout(keep, words, elsewhere="--json"))
    print_text(f"\nGo on with  {rows[0]['go on with']}" if rows else "")


def _columns(found: Standing) -> list[str]:
    metric = found.table.objective.metric
    is_tested = any(row["number"] in found.tested for row in found.rows)
    return [
        "rank",
        "trial",
        "arm",
        metric,
        *([f"test {metric}"] if is_tested else []),
        "outcome",
        "parameters",
        "checkpoint",
    ]


def _ranking(folder: SweepFolder, found: Standing) -> list[dict[str, Any]]:
    metric, rows = found.table.objective.metric, []
    for rank, row in enumerate(found.rows, start=1):
        number = row["number"]
        trial = f"{folder.name}/{number}"
        where = f"{shlex.quote(trial)}{folder.runs_option}"
        searched = [axis for axis in found.table.searched if row.get(axis) is not None]
        rows.append({
            "rank": rank, "trial": trial, "arm": row["arm"], metric: row[metric], f"test {metric}": found.tested.get(number),
            "outcome": row["outcome"], "parameters": {axis: row[axis] for axis in searched},
            "checkpoint": os.path.relpath(row["folder"] / "checkpoints" / "best"), "is winner": number == found.choice.number,
            "go on with": f"gensweep sample {where} -n 1000 -o {shlex.quote(f'{folder.name}-{number}.npy')}",
        })  # fmt: skip
    return rows


def _joined(parameters: dict[str, Any]) -> str:
    from gensweep.text import number

    return ", ".join(f"{axis}={number(value)}" for axis, value in parameters.items())


def sample(  # noqa: PLR0913 -- the options of a command are its interface
    what: What,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="x.npy, x.npz, x.png (a grid), or a folder/ of PNGs", show_default=False),
    ],
    n: Annotated[int, typer.Option("-n", min=1, help="how many samples")] = 1000,
    seed: Seed = 0,
    columns: Annotated[int | None, typer.Option(min=1, help="of the grid in a .png")] = None,
    device: Device = "cpu",
    force: Force = False,
    runs: RunsOnly = RUNS,
    plugins: Plugins = None,
    shared: Shared = False,
) -> None:
    """Write samples of a trained model. The same seed gives the same samples, and more of them begin with the same.

    Arrays are float32 [n, *shape] in the range of the data that the model was trained on; pictures have 8 bits.

    Examples:
      gensweep sample wae -n 10000 -o samples.npy
      gensweep sample wae/7 -n 64 -o grid.png --columns 8
      gensweep sample families/vae -n 5000 -o samples/ && gensweep evaluate samples --reference digits
    """
    place = place_of(output, ("npy", "npz", "png", "folder"), force=force)
    _refuse_columns(columns, place)
    model = model_of(what, runs, device)
    from gensweep.models import outputs

    is_density = place.kind == "png" and len(model.shape) == 1 and model.shape[0] <= 2
    if not is_density:
        place.refuse_points(model.shape, "its samples")
        if place.kind == "png":
            place.refuse_crowd(n, columns or max(1, round(math.sqrt(n))), model.shape)
    place.look_for_room(n, model.shape)
    blocks = _counted(model, n, seed)
    if place.kind == "folder":
        outputs.write_folder(place, blocks, model.bounds)
    elif place.kind == "png":
        outputs.write_picture(place, blocks, model.bounds, columns)
    else:
        outputs.write_array(place, blocks, (n, *model.shape))
    written(place, f"{n:,} samples of {model.name}, {model.family}, seed {seed}")


def _refuse_columns(columns: int | None, place: Output) -> None:
    if columns is not None and place.kind != "png":
        raise ConfigError(
            f"--columns: {columns} are of a picture, and {place.path} is none. Leave it out, or write a .png."
        )


def _counted(model: GenerativeModel, n: int, seed: int) -> Iterator[Array]:
    from gensweep.models.generative import BLOCK
    from gensweep.progress import progress

    blocks = model.sample_blocks(n, seed)
    for _ in progress(range(0, n, BLOCK), f"sampling, {min(BLOCK, n):,} at a time"):
        yield next(blocks)


def reconstruct(  # noqa: PLR0913 -- the options of a command are its interface
    what: What,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="x.png (pairs), x.npy [n, 2, *shape], or x.npz", show_default=False)
    ],
    n: Annotated[int, typer.Option("-n", min=1, help="how many items, the first of the split")] = 32,
    split: SplitOf = "test",
    columns: Annotated[int | None, typer.Option(min=1, help="pairs in a row of a .png", show_default="8")] = None,
    device: Device = "cpu",
    force: Force = False,
    runs: RunsOnly = RUNS,
    plugins: Plugins = None,
    shared: Shared = False,
) -> None:
    """Write items of the data beside what a model makes of their codes: the original first, its reconstruction after it.

    A .npz has them under `originals` and `reconstructions`. The family must have an encoder.

    Examples:
      gensweep reconstruct wae -o pairs.png
      gensweep reconstruct wae/7 -n 1000 --split validation -o pairs.npz
    """
    place = place_of(output, ("png", "npy", "npz"), force=force)
    _refuse_columns(columns, place)
    model = model_of(what, runs, device)
    from gensweep.models import outputs

    model.need_encoder()
    place.refuse_points(model.shape, "its items")
    items = items_of(model, split, n)
    if place.kind == "png":
        place.refuse_crowd(2 * len(items), 2 * (columns or _PAIRS), model.shape)
    place.look_for_room(2 * len(items), model.shape)
    pairs = {"originals": items, "reconstructions": model.reconstruct(items)}
    outputs.write_pairs(place, pairs, model.bounds, columns or _PAIRS)
    written(
        place, f"{len(items):,} items of the {split} split and their reconstructions by {model.name}, {model.family}"
    )


def place_of(output: Path, kinds: tuple[Kind, ...], *, force: bool) -> Output:
    """Where a command writes, before anything is loaded."""
    from gensweep.models.outputs import planned

    return planned(expanded(output, "-o"), kinds, force=force)


def model_of(what: str, runs: Path, device: str) -> GenerativeModel:
    """The model that is named; on stderr why it is the one, where it was chosen."""
    from gensweep.terminal import say, waiting

    with waiting(f"loading {what}"):
        from gensweep.models.generative import load_model

        model = load_model(what, runs, device)
    if model.named.why:
        say(f"{what} is {model.name}: {model.named.why}.")
    return model


def items_of(model: GenerativeModel, split: str, n: int | None = None) -> Array:
    """The first n items of a split, or all."""
    if split not in _SPLITS:
        raise ConfigError(f"--split {split}: {suggest(split, _SPLITS)}")
    from gensweep.terminal import waiting

    chosen: SplitName = split  # type: ignore[assignment]  # looked at
    with waiting(f"reading {model.dataset.name}"):
        return model.items(chosen, n)


def written(place: Output, what: str) -> None:
    """What was written and where."""
    from gensweep.terminal import print_text

    print_text(f"{place.path}: {what}")
