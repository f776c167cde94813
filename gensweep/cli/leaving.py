"""The commands by which a model leaves gensweep: export, register."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.options import RUNS, Force, Plugins, Runs, RunsOnly, Shared, TrackingUri, What
from gensweep.errors import ConfigError
from gensweep.home import expanded

if TYPE_CHECKING:
    from gensweep.models.outputs import Kind, Output


def export(
    what: What,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="x.pt2; x.safetensors and x.md are written beside it", show_default=False),
    ],
    force: Force = False,
    runs: RunsOnly = RUNS,
    plugins: Plugins = None,
    shared: Shared = False,
) -> None:
    """Write a trained model as files that plain torch loads, without gensweep.

    x.pt2 is an archive of torch.export with `sample`, and with `decode` and `encode` where the family has them; each takes any
    number of rows, and what is drawn is an argument. x.safetensors has the weights, and x.md says what the model is, what it
    scored, and how to load it.

    Examples:
      gensweep export wae -o model.pt2
      gensweep export families/vae -o vae.pt2 --force
    """
    path = expanded(output, "-o")
    places = _places(path, force=force)
    from gensweep.cli.using import model_of, written
    from gensweep.models.outputs import write_files

    model = model_of(what, runs, "cpu")
    from gensweep.models.export import export as exported
    from gensweep.terminal import waiting

    with waiting(f"exporting {model.name}"):
        found = exported(model, path.stem)
    write_files({places[ending]: content for ending, content in found.files().items()})
    written(places[".pt2"], f"{', '.join(found.about['methods'])} of {model.name}, {model.family}")
    written(places[".safetensors"], "its weights")
    written(places[".md"], "what it is, and how plain torch loads it")


def register(  # noqa: PLR0913 -- the options of a command are its interface
    name: Annotated[
        str,
        typer.Argument(
            help="a sweep (its winner), or the trial or arm of one: NAME/TRIAL, NAME/ARM", show_default=False
        ),
    ],
    as_name: Annotated[
        str | None, typer.Option("--as", help="the name in the registry; by default the sweep's", show_default=False)
    ] = None,
    alias: Annotated[
        str | None, typer.Option(help="that this version shall have, as in champion", show_default=False)
    ] = None,
    runs: Runs = RUNS,
    tracking_uri: TrackingUri = None,
    plugins: Plugins = None,
    shared: Shared = False,
) -> None:
    """Register a model of a sweep, by default its winner, in MLflow's registry. To say it again changes nothing.

    The model is one that MLflow keeps already, as it does of the best trial of each arm, or it is sent first. Then
    mlflow.pyfunc.load_model("models:/NAME@ALIAS") loads it, without gensweep.

    Examples:
      gensweep register wae
      gensweep register wae/7 --as digits --alias champion
    """
    from gensweep.terminal import waiting

    with waiting(f"registering {name}"):
        from gensweep.registering import registered

        said = registered(name, runs, tracking_uri, as_name=as_name, alias=alias)
    print(said)


def _places(path: Path, *, force: bool) -> dict[str, Output]:
    """Where the three files go, by how their names end.

    Raises:
        ConfigError: one cannot be written there; with all reasons.
    """
    from gensweep.models.outputs import planned

    beside: tuple[Kind, ...] = ("safetensors", "md")
    wanted: dict[Path, Kind] = {path: "pt2", **{path.with_suffix(f".{kind}"): kind for kind in beside}}
    found: dict[str, Output] = {}
    wrong: list[str] = []
    for place, kind in wanted.items():
        try:
            found[f".{kind}"] = planned(place, (kind,), force=force)
        except ConfigError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigError("\n".join(dict.fromkeys(wrong)))
    return found
