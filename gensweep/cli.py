"""Every command of gensweep: each a few lines that call one function below.

Results go to stdout, progress and errors to stderr. Heavy libraries are imported by the command that needs them, so
that `--help` and `check` answer at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gensweep import __version__, registry
from gensweep.errors import ConfigError, GensweepError, gathered, suggest

if TYPE_CHECKING:
    from gensweep.ledger.sweep_folder import SweepFolder

app = typer.Typer(
    name="gensweep",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Sweep families of generative models, and learn which is best, how sure that is, and at what cost.\n\n"
    "Begin with:  gensweep run search_spaces/wae.yaml",
    context_settings={"help_option_names": ["-h", "--help"]},
)

File = Annotated[Path, typer.Argument(help="a search-space file (YAML)", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        help="overrides in Hydra's grammar, as in dataset=fashion_mnist trial.family.lambda=10", show_default=False
    ),
]
Runs = Annotated[Path, typer.Option("--runs", "-o", envvar="GENSWEEP_RUNS", help="the folder that holds the sweeps")]
Name = Annotated[str, typer.Argument(help="a sweep's name, as `gensweep ls` shows it", show_default=False)]
Address = Annotated[
    str | None, typer.Option(envvar="RAY_ADDRESS", help="of a running Ray cluster; default: this machine")
]
TrackingUri = Annotated[
    str | None,
    typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow's store; default: sqlite:///mlflow.db in this folder"),
]
InProcess = Annotated[bool, typer.Option("--in-process", help="one trial after another in this process, without Ray")]
RUNS = Path("runs")


@app.command()
def run(  # noqa: PLR0913 -- the options of a command are its interface
    file: File,
    overrides: Overrides = None,
    runs: Runs = RUNS,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    in_process: InProcess = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="the same as `plan`")] = False,
) -> None:
    """Run a sweep, or go on with it if it was begun; ends with a comparison table.

    Examples:
      gensweep run search_spaces/wae.yaml
      gensweep run search_spaces/wae.yaml dataset=fashion_mnist trial.training.epochs=1 search.samples=4
      gensweep run search_spaces/families.yaml name=big search.samples=20 --address ray://head:10001
    """
    from gensweep.spaces.check import load_and_check

    sweep = load_and_check(file, overrides or [])
    if dry_run:
        _print_plan(sweep)
        return
    _conduct(sweep, runs, address, tracking_uri, in_process)


@app.command()
def check(file: File, overrides: Overrides = None) -> None:
    """Find every mistake in a search-space file, in a second and without starting anything.

    Example:
      gensweep check search_spaces/wae.yaml trial.latent_size='choice(4,8)'
    """
    from gensweep.spaces.check import data_problems, load_and_check

    sweep = load_and_check(file, overrides or [])
    if problems := data_problems(sweep):
        raise ConfigError(problems)
    counts = ", ".join(f"{n} x {family}" for family, n in sweep.counts.items())
    print(f"{file}: sound. {sum(sweep.counts.values())} trials ({counts}).")


@app.command()
def plan(file: File, overrides: Overrides = None) -> None:
    """Say what would run: trials, axes, time from a timed probe on this machine, disk.

    Example:
      gensweep plan search_spaces/families.yaml search.samples=50
    """
    from gensweep.spaces.check import load_and_check

    _print_plan(load_and_check(file, overrides or []))


@app.command()
def resume(
    name: Name,
    runs: Runs = RUNS,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    in_process: InProcess = False,
    samples: Annotated[
        int | None, typer.Option(help="ask for more trials a family than the sweep was begun with")
    ] = None,
) -> None:
    """Go on with a sweep after Ctrl-C, a crash or a time budget: the same trials, the same search, the same MLflow runs.

    Examples:
      gensweep resume wae
      gensweep resume wae --samples 40
    """
    from gensweep.spaces.sweep import from_definition

    definition = _sweep(runs, name).definition
    if samples is not None:
        definition = {**definition, "search": {**definition["search"], "samples": samples}}
    _conduct(from_definition(definition), runs, address, tracking_uri, in_process)


@app.command()
def ls(runs: Runs = RUNS, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """List the sweeps, with how far each is.

    Example:
      gensweep ls
    """
    from gensweep.ledger.sweep_folder import sweeps

    _print(["sweep", "trials", "ended", "state", "objective", "best"], [_summary(f) for f in sweeps(runs)], as_json)


@app.command()
def show(
    name: Name,
    trial: Annotated[int | None, typer.Argument(help="a trial's number")] = None,
    runs: Runs = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show the trials of a sweep, or everything about one trial.

    Examples:
      gensweep show wae
      gensweep show wae 7
    """
    folder = _sweep(runs, name)
    if trial is None:
        from gensweep.comparison.collect import trials

        table = trials(folder)
        shown = [c for c in table.columns if not c.startswith(("key", "protocol.")) and "." not in c]
        _print([*shown, "seconds"], table.rows, as_json)
        return
    _show_trial(folder, trial, as_json)


@app.command()
def compare(
    names: Annotated[list[str], typer.Argument(help="one or more sweeps", show_default=False)],
    runs: Runs = RUNS,
    metric: Annotated[str | None, typer.Option(help="rank by this score instead of the objective")] = None,
    by: Annotated[str | None, typer.Option(help="group by this column: family, divergence, latent_size, ...")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Rank families (or divergences, in a sweep of one family): expected best at equal budget, with intervals.

    Examples:
      gensweep compare families
      gensweep compare wae --by latent_size
      gensweep compare wae families --metric wasserstein
    """
    from gensweep.comparison.report import compare as rank

    comparison = rank([_sweep(runs, name) for name in names], metric=metric, by=by)
    if not as_json:
        print(comparison.sentence() + "\n")
    rows = comparison.table()
    _print(list(rows[0]), rows, as_json)
    if not as_json and (lines := comparison.namesakes()):
        print("\n".join(lines))


@app.command()
def evaluate(  # noqa: PLR0913 -- the options of a command are its interface
    what: Annotated[
        str | None,
        typer.Argument(
            help="a trial (NAME/NUMBER), a checkpoint's folder, a folder of images, or samples as .npy, .npz or .npz:KEY",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="the data to compare with: a dataset, or name,key=value; default: a trial's own"),
    ] = None,
    metrics: Annotated[str, typer.Option(help="as in fid,kid,n=1000,precision_recall")] = "fid,sliced_wasserstein",
    split: Annotated[str, typer.Option(help="train | validation | test")] = "test",
    latest: Annotated[bool, typer.Option("--latest", help="a trial's newest checkpoint, not its best")] = False,
    resize: Annotated[bool, typer.Option("--resize", help="images of another size to the reference's")] = False,
    sanity: Annotated[
        bool, typer.Option("--sanity", help="what the scores mean: floors, and models that learn nothing")
    ] = False,
    runs: Runs = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Score a trained model, or images made anywhere, with each score's protocol.

    Examples:
      gensweep evaluate wae/7 --metrics fid,kid
      gensweep evaluate folder_of_pngs --reference fashion_mnist --metrics fid,kid,precision_recall
      gensweep evaluate samples.npy --reference digits --metrics wasserstein,n=400 --split validation
      gensweep evaluate --sanity --reference digits --metrics fid,wasserstein
    """
    from gensweep.evaluation.sanity import sanity as sanity_rows
    from gensweep.evaluation.scores import evaluate as scored
    from gensweep.evaluation.subjects import subject as subject_of
    from gensweep.evaluation.words import dataset_of, members
    from gensweep.terminal import waiting

    if sanity == bool(what):
        raise ConfigError("name what to evaluate, or give --sanity and --reference alone.")
    _, chosen, dataset = gathered(
        lambda: _split_named(split),
        lambda: members("metrics", metrics),
        lambda: dataset_of(reference) if reference else None,
    )
    subject = subject_of(what, runs, dataset, latest=latest, resize=resize) if what else None
    dataset = dataset or (subject.dataset if subject else None)
    if dataset is None:
        raise ConfigError("--sanity: name the data, as in --reference digits.")
    with waiting(f"computing {metrics}"):
        if subject is None:
            rows: list[dict[str, Any]] = list(sanity_rows(dataset, chosen, split))  # type: ignore[arg-type]
        else:
            rows = [found.row() for found in scored(subject.model, dataset, chosen, split)]  # type: ignore[arg-type]
    _print(list(dict.fromkeys(key for row in rows for key in row)), rows, as_json)


def _split_named(split: str) -> None:
    if split not in (splits := ("train", "validation", "test")):
        raise ConfigError(f"--split {split}: {suggest(split, splits)}")


@app.command()
def ui(
    tracking_uri: TrackingUri = None,
    port: Annotated[int, typer.Option(help="of the page on this machine")] = 5000,
) -> None:
    """Open MLflow's own pages on the store in use; stop with Ctrl-C.

    Example:
      gensweep ui --port 5001
    """
    from gensweep.tracking.store import open_ui, resolve_uri

    pages = open_ui(resolve_uri(tracking_uri), port)
    print(f"MLflow: {pages.url}")
    if pages.process is not None:
        pages.process.wait()


@app.command()
def sync(name: Name, runs: Runs = RUNS, tracking_uri: TrackingUri = None) -> None:
    """Bring MLflow level with a sweep's folder, after the server was away or into another store.

    Example:
      gensweep sync wae --tracking-uri http://127.0.0.1:5000
    """
    from gensweep.campaign import synchronise

    print(synchronise(_sweep(runs, name), tracking_uri))


@app.command(name="list")
def list_(
    kind: Annotated[str, typer.Argument(help=" | ".join(registry.KINDS), show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """List the members of a kind, each with one line.

    Examples:
      gensweep list families
      gensweep list divergences
    """
    if kind not in registry.KINDS:
        raise ConfigError(f"unknown kind '{kind}'. {suggest(kind, registry.KINDS)}")
    rows = [_member(kind, name) for name in registry.names(kind)]
    _print(list(dict.fromkeys(key for row in rows for key in row)), rows, as_json)


@app.command()
def schema() -> None:
    """Print the JSON schema of a search-space file, for an editor to complete and check by.

    Example:
      gensweep schema > .gensweep-schema.json
    """
    import json

    from gensweep.spaces.schema import schema as search_space_schema

    print(json.dumps(search_space_schema(), indent=1))


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> NoReturn:
    """Run a command; an error of ours is its message on stderr and its exit code."""
    try:
        app(standalone_mode=False)
    except GensweepError as error:
        print(f"gensweep: {error}" if "\n" not in str(error) else f"gensweep:\n{error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        print("gensweep: stopped before anything began", file=sys.stderr)
        sys.exit(130)
    except typer._click.exceptions.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os._exit(0)
    sys.exit(0)


def _conduct(sweep: Any, runs: Path, address: str | None, tracking_uri: str | None, in_process: bool) -> None:
    """Run it, and print its table also when some of its trials failed."""
    from gensweep.campaign import SomeTrialsFailed, Where, conduct, is_done

    if is_done(runs / sweep.name, sweep):
        print(
            f"{sweep.name} is done: all its {sum(sweep.counts.values())} trials have ended. "
            f"For more: gensweep resume {sweep.name} --samples N",
            file=sys.stderr,
        )
    try:
        conduct(sweep, Where(runs, address, tracking_uri, in_process))
    except SomeTrialsFailed:
        _print_results(_sweep(runs, sweep.name), tracking_uri)
        raise
    _print_results(_sweep(runs, sweep.name), tracking_uri)


def _print_results(folder: SweepFolder, tracking_uri: str | None) -> None:
    from gensweep.axes.axis import AxisPath
    from gensweep.campaign import sanity
    from gensweep.comparison.collect import trials
    from gensweep.comparison.ground_truth import ground_truth
    from gensweep.comparison.report import compare as rank
    from gensweep.terminal import number

    comparison, table = rank([folder]), trials(folder)
    objective = folder.definition["objective"]
    sign = -1 if objective["mode"] == "max" else 1
    rows = sorted(
        table.rows, key=lambda r: (r.get(objective["metric"]) is None, sign * (r.get(objective["metric"]) or 0))
    )
    paths = {AxisPath(name).place for r in folder.state().trials.values() for name in r.parameters}
    chosen = [
        axis for axis, path in table.axes.items() if path.removesuffix(".name") in paths and path.endswith(".name")
    ]
    values = [axis for axis, path in table.axes.items() if path in paths]
    for row in rows:
        given = [(axis, row[axis]) for axis in values if row.get(axis) is not None]
        row["parameters"] = ", ".join(f"{axis}={number(value)}" for axis, value in given)
    scores = [score for score in table.scores if "." not in score]
    _print(["number", "arm", *chosen, *scores, "epoch", "outcome", "seconds", "parameters"], rows, as_json=False)
    print()
    groups = comparison.table()
    _print(list(groups[0]), groups, as_json=False)
    print("\n".join([*comparison.namesakes(), ""]))
    if meaning := sanity(folder):
        _print(list(dict.fromkeys(key for row in meaning for key in row)), meaning, as_json=False)
        print()
    if truth := ground_truth(folder):
        _print(truth.columns(), truth.table(), as_json=False)
        notes = truth.footnotes()
        print("\n".join(["", *notes, *([""] if notes else []), truth.sentence(), ""]))
    option = f" --tracking-uri {tracking_uri}" if tracking_uri and not os.environ.get("MLFLOW_TRACKING_URI") else ""
    report = folder.path / "report" / "comparison.md"
    print(f"{comparison.sentence()}\n\nReport: {report}\nIn MLflow: gensweep ui{option}")


def _print_plan(sweep: Any) -> None:
    from gensweep.orchestration.plan import probe
    from gensweep.spaces.check import data_problems
    from gensweep.terminal import print_table

    if problems := data_problems(sweep):
        raise ConfigError(problems)
    probes = []
    for found in probe(sweep):
        probes.append(found)
        print(
            f"{found.family}: {found.trials} trials; searched: "
            + (", ".join(f"{axis} {law}" for axis, law in found.axes.items()) or "nothing")
        )
    print()
    print_table(
        ["family", "trials", "training s/trial", "evaluation s/trial", "minutes in all", "disk MB"],
        [
            {
                "family": p.family,
                "trials": p.trials,
                "training s/trial": p.training_seconds,
                "evaluation s/trial": p.evaluation_seconds,
                "minutes in all": p.seconds / 60,
                "disk MB": p.disk / 1e6,
            }
            for p in probes
        ],
    )
    total, n = sum(p.seconds for p in probes), sum(p.trials for p in probes)
    print(
        f"\n{n} trials, about {total / 60:.1f} minutes one at a time on this machine and less in parallel or with early "
        f"stopping ({sweep.early_stopping.dump()['name']}); {sum(p.disk for p in probes) / 1e6:.0f} MB of checkpoints. Nothing was started."
    )


def _sweep(runs: Path, name: str) -> SweepFolder:
    from gensweep.ledger.sweep_folder import SweepFolder, sweeps

    if not (runs / name / "sweep.yaml").exists():
        raise ConfigError(f"there is no sweep '{name}' in {runs}. {suggest(name, [f.name for f in sweeps(runs)])}")
    return SweepFolder.open(runs / name)


def _summary(folder: SweepFolder) -> dict[str, Any]:
    state, metric = folder.state(), folder.definition["objective"]["metric"]
    best = [r.best[metric] for r in state.trials.values() if metric in r.best]
    choose = max if folder.definition["objective"]["mode"] == "max" else min
    how = "running" if folder.holder() else "done" if state.finished else "stopped" if state.trials else "empty"
    return {
        "sweep": folder.name,
        "trials": len(state.trials),
        "state": how,
        "objective": metric,
        "ended": sum(r.outcome is not None for r in state.trials.values()),
        "best": choose(best) if best else None,
    }


def _show_trial(folder: SweepFolder, number: int, as_json: bool) -> None:
    import json

    import yaml

    state = folder.state()
    if number not in state.trials:
        raise ConfigError(f"{folder.name} has no trial {number}. It has {len(state.trials)} trials, from 0 on.")
    record = state.trials[number]
    facts = {
        "number": number,
        "outcome": record.outcome.name if record.outcome else "RUNNING",
        "reason": record.reason,
        "arm": record.arm,
        "family": record.family,
        "parameters": record.parameters,
        "epoch": record.epoch,
        "step": record.step,
        "best": record.best,
        "best_epoch": record.best_epoch,
        "seconds": round(record.seconds, 3),
        "protocol": record.protocol,
        "folder": str(folder.path / "trials" / record.folder_name),
        "configuration": record.configuration,
        "reports": [{"epoch": r.epoch, **r.scores} for r in record.reports],
    }
    print(json.dumps(facts) if as_json else yaml.safe_dump(facts, sort_keys=False).strip())


def _member(kind: str, name: str) -> dict[str, str]:
    try:
        cls = registry.load(kind, name)
    except ConfigError as error:
        return {"name": name, "what": str(error)}
    what = getattr(cls, "summary", None) or (cls.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    paper = {"paper": cls.paper} if hasattr(cls, "paper") else {}
    return {"name": name, "what": " ".join(what.split()), **paper}


def _print(columns: list[str], rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps([{column: row.get(column) for column in columns} for row in rows]))
        return
    from gensweep.terminal import print_table

    print_table(columns, rows)


if __name__ == "__main__":
    main()
