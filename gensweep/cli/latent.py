"""The commands that go through a latent space: interpolate, traverse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gensweep.cli.options import RUNS, Device, Force, Plugins, RunsOnly, Seed, Shared, SplitOf, What
from gensweep.cli.using import items_of, model_of, place_of, written
from gensweep.errors import ConfigError, suggest

if TYPE_CHECKING:
    from gensweep.models.arguments import Array
    from gensweep.models.generative import GenerativeModel
    from gensweep.models.outputs import Kind, Output

_HOW = ("linear", "spherical")
_OVER = ("prior", "codes")
_KINDS: tuple[Kind, ...] = ("png", "npy")
_MOST_AXES = 16  # that are shown where none are named
_CODED = 1000  # items whose codes say where the axes lie


def interpolate(  # noqa: PLR0913 -- the options of a command are its interface
    what: What,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="x.png (a row each), or x.npy [ways, steps, *shape]", show_default=False),
    ],
    between: Annotated[
        tuple[int, int] | None,
        typer.Option(help="two items of the split, by number from 0; default: between random latents", metavar="I J"),
    ] = None,
    how: Annotated[str, typer.Option(help="linear | spherical")] = "spherical",
    steps: Annotated[int, typer.Option(min=2, help="items of a way, both ends among them")] = 8,
    n: Annotated[int, typer.Option("-n", min=1, help="how many ways between random latents")] = 4,
    split: SplitOf = "test",
    seed: Seed = 0,
    device: Device = "cpu",
    force: Force = False,
    runs: RunsOnly = RUNS,
    plugins: Plugins = None,
    shared: Shared = False,
) -> None:
    """Write what lies between two latents, in steps: the way from one to the other as a row of items.

    `spherical` goes on great circles, so that each step is as far from the centre as draws of the prior are.

    Examples:
      gensweep interpolate wae -o ways.png
      gensweep interpolate wae --between 3 17 --how linear --steps 12 -o way.png
      gensweep interpolate wae/7 -n 100 -o ways.npy
    """
    place = place_of(output, _KINDS, force=force)
    if how not in _HOW:
        raise ConfigError(f"--how {how}: {suggest(how, _HOW)}")
    model = model_of(what, runs, device)
    _refuse_points(place, model)
    ends = _random_ends(model, n, seed) if between is None else _ends_at(model, between, split, seed)
    from gensweep.models.interpolation import interpolation

    found = interpolation(model, *ends, steps, "linear" if how == "linear" else "spherical")
    said = "random latents" if between is None else f"items {between[0]} and {between[1]} of the {split} split"
    _write(place, model, found)
    written(place, f"{how} ways of {steps} steps between {said}, by {model.name}, {model.family}")


def _random_ends(model: GenerativeModel, n: int, seed: int) -> tuple[Array, Array]:
    both = model.latents(2 * n, seed)
    return both[:n], both[n:]


def _ends_at(model: GenerativeModel, between: Sequence[int], split: str, seed: int) -> tuple[Array, Array]:
    try:
        model.need_encoder()
    except ConfigError as error:
        raise ConfigError(f"{error} Or leave --between out: the way between random latents needs no encoder.") from None
    items = items_of(model, split)
    if wrong := [one for one in between if not 0 <= one < len(items)]:
        raise ConfigError(
            f"--between: there is no item {wrong[0]} in the {split} split, which has {len(items):,}, from 0 on."
        )
    codes = model.encode(items[list(between)], seed)
    return codes[:1], codes[1:]


def traverse(  # noqa: PLR0913 -- the options of a command are its interface
    what: What,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="x.png (a row each), or x.npy [axes, steps, *shape]", show_default=False),
    ],
    axes: Annotated[
        str | None,
        typer.Option(help="of the latent space, from 0, as in 0,3,5; default: the first 16", show_default=False),
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="values of an axis")] = 9,
    over: Annotated[
        str | None,
        typer.Option(
            help="prior: from -3 to 3, the other axes at 0 | codes: their quantiles of the training items, the others at "
            "their means. Default: prior, where the family's is normal",
            show_default=False,
        ),
    ] = None,
    device: Device = "cpu",
    force: Force = False,
    runs: RunsOnly = RUNS,
    plugins: Plugins = None,
    shared: Shared = False,
) -> None:
    """Write what each latent axis does: a row for each, along which it alone moves.

    Examples:
      gensweep traverse wae -o axes.png
      gensweep traverse wae/7 --axes 0,3 --steps 15 --over codes -o axes.png
    """
    place = place_of(output, _KINDS, force=force)
    if over is not None and over not in _OVER:
        raise ConfigError(f"--over {over}: {suggest(over, _OVER)}")
    model = model_of(what, runs, device)
    _refuse_points(place, model)
    from gensweep.models.traversal import evenly, quantiles, traversal

    d = model.latent_size or 0
    chosen = _axes(axes, d)
    if over == "prior" and model.game.prior:
        raise ConfigError(
            f"--over prior: -3 to 3 are deviations of N(0, I), which the prior of {model.name} is not. Give --over codes."
        )
    if (over or ("codes" if model.game.fit or model.game.prior else "prior")) == "codes":
        codes = model.encode(items_of(model, "train", _CODED))
        base, values, span = codes.mean(0), quantiles(codes, steps), "the quantiles of codes from 1 % to 99 %"
    else:
        base, values, span = [0.0] * d, evenly(d, steps), "-3 to 3"
    found = traversal(model, base, values, chosen)
    _write(place, model, found)
    told = f"axes {', '.join(map(str, chosen))} of {d}" if len(chosen) > 1 else f"axis {chosen[0]} of {d}"
    written(place, f"{told}, a row each, over {span} in {steps} steps, by {model.name}, {model.family}")


def _axes(text: str | None, d: int) -> list[int]:
    if text is None:
        return list(range(min(d, _MOST_AXES)))
    words = [word.strip() for word in text.split(",")]
    if wrong := [word for word in words if not word.isdecimal() or len(word) > 9]:
        raise ConfigError(
            f"--axes {text:.80}: {wrong[0]!r:.40} is no axis. Give numbers from 0 to {d - 1}, as in 0,3,5."
        )
    return [int(word) for word in words]


def _refuse_points(place: Output, model: GenerativeModel) -> None:
    model.need_latents()
    place.refuse_points(model.shape, "its items")


def _write(place: Output, model: GenerativeModel, found: Any) -> None:
    from gensweep.models import outputs

    rows, steps = found.shape[:2]
    place.look_for_room(rows * steps, model.shape)
    if place.kind == "npy":
        outputs.write_array(place, [found], found.shape)
        return
    place.refuse_crowd(rows * steps, steps, model.shape)
    outputs.write_picture(place, [found.reshape(-1, *model.shape)], model.bounds, steps)
