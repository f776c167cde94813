"""The command that scores anything: evaluate."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gensweep.cli import completing
from gensweep.cli.options import RUNS, AsJson, Plugins, Runs, Shared, Trust, trust_these
from gensweep.errors import ConfigError, gathered, suggest

_SPLITS = ("train", "validation", "test")


def evaluate(  # noqa: PLR0913 -- the options of a command are its interface
    what: Annotated[
        str | None,
        typer.Argument(
            help="a trial (NAME/NUMBER), a sweep (its winner), NAME/ARM, a checkpoint's folder, a folder of images, or samples "
            "as .npy, .npz or .npz:KEY",
            show_default=False,
            autocompletion=completing.trials,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="the data to compare with: a dataset, or name,key=value; default: a trial's own",
            autocompletion=completing.datasets,
        ),
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="as in fid,kid,n=1000,precision_recall", autocompletion=completing.metrics)
    ] = "fid,sliced_wasserstein",
    split: Annotated[str, typer.Option(help="train | validation | test")] = "test",
    latest: Annotated[bool, typer.Option("--latest", help="a trial's newest checkpoint, not its best")] = False,
    resize: Annotated[bool, typer.Option("--resize", help="images of another size to the reference's")] = False,
    sanity: Annotated[
        bool, typer.Option("--sanity", help="what the scores mean: floors, and models that learn nothing")
    ] = False,
    runs: Runs = RUNS,
    trust: Trust = None,
    plugins: Plugins = None,
    as_json: AsJson = False,
    shared: Shared = False,
) -> None:
    """Score a trained model, or images made anywhere, with each score's protocol.

    Examples:
      gensweep evaluate wae/7 --metrics fid,kid
      gensweep evaluate folder_of_pngs --reference fashion_mnist --metrics fid,kid,precision_recall
      gensweep evaluate samples.npy --reference digits --metrics wasserstein,n=400 --split validation
      gensweep evaluate --sanity --reference digits --metrics fid,wasserstein
    """
    if sanity == bool(what):
        raise ConfigError("name what to evaluate, or give --sanity and --reference alone.")
    trust_these(trust)
    from gensweep.terminal import waiting

    with waiting("loading what computes scores"):
        from gensweep.cli.output import print_rows
        from gensweep.evaluation.sanity import sanity as sanity_rows
        from gensweep.evaluation.scores import evaluate as scored
        from gensweep.evaluation.scores import refuse_misfits
        from gensweep.evaluation.subjects import subject as subject_of
        from gensweep.evaluation.words import dataset_of, members
        from gensweep.models.naming import met
    from gensweep.tables import Layout

    if what:
        met(what, runs)  # metrics and data may be of its own components
    named, chosen, dataset = gathered(
        lambda: _split(split),
        lambda: members("metrics", metrics),
        lambda: dataset_of(reference) if reference else None,
    )
    for metric in chosen:
        metric.trust()
    subject = subject_of(what, runs, dataset, latest=latest, resize=resize) if what else None
    dataset = dataset or (subject.dataset if subject else None)
    if dataset is None:
        raise ConfigError("--sanity: name the data, as in --reference digits.")
    if subject is None:
        refuse_misfits(chosen, dataset)
    with waiting(f"computing {metrics}"):
        if subject is None:
            rows: list[dict[str, Any]] = list(sanity_rows(dataset, chosen, named))
        else:
            rows = [found.row() for found in scored(subject.model, dataset, chosen, named)]
    keep = ("row",) if subject is None else ("metric", "value")
    print_rows(rows, as_json=as_json, layout=Layout(keep, elsewhere="--json"))


def _split(name: str) -> Any:
    """One of the splits."""
    if name not in _SPLITS:
        raise ConfigError(f"--split {name}: {suggest(name, _SPLITS)}")
    return name
