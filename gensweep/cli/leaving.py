"""The commands by which a model leaves gensweep: export, register."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gensweep.cli.options import RUNS, Force, RunsOnly, Shared, What
from gensweep.home import expanded


def export(
    what: What,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="x.pt2; x.safetensors and x.md are written beside it", show_default=False),
    ],
    force: Force = False,
    runs: RunsOnly = RUNS,
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
    from gensweep.models.outputs import planned

    path = expanded(output, "-o")
    place = planned(path, ("pt2",), force=force)
    beside = {
        ".pt2": place,
        ".safetensors": planned(path.with_suffix(".safetensors"), ("safetensors",), force=force),
        ".md": planned(path.with_suffix(".md"), ("md",), force=force),
    }
    from gensweep.cli.using import model_of, written
    from gensweep.models.outputs import write_files

    model = model_of(what, runs, "cpu")
    from gensweep.models.export import export as exported
    from gensweep.terminal import waiting

    with waiting(f"exporting {model.name}"):
        found = exported(model, path.stem)
    write_files({beside[ending]: content for ending, content in found.files().items()})
    written(place, f"{', '.join(found.about['methods'])} of {model.name}, {model.family}")
    written(beside[".safetensors"], "its weights")
    written(beside[".md"], "what it is, and how plain torch loads it")
