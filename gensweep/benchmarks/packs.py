"""What trials cost, and what packs gain: `python -m gensweep.benchmarks.packs [--only step packs] [--quick] [--eager]`.

Up to four parts, each a table on stdout or two, with progress on stderr:

    step        a training step against a loop by hand, alone and in stacks
    packs       rounds of a trial in a processor second, by the rows of the stack, eagerly and compiled; peak memory
    evaluation  its share of the trials of the README's sweep, alone and in packs
    end-to-end  trials an hour of `gensweep run` against a plain script of Ray Tune, DataLoader and MLflow's callback

What is compared is measured in one run and in turns; a ratio holds where single figures do not. The first two are processor
seconds of one thread. Compiling takes up to a minute for each network and number of rows that torch has not compiled before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gensweep.benchmarks import end_to_end, steps
from gensweep.benchmarks import workloads as of
from gensweep.benchmarks._telling import machine, say, table
from gensweep.modes import Mode

PARTS = ("step", "packs", "evaluation", "end-to-end")


def step(*, quick: bool, compiled: bool) -> None:
    """The steps of two families on two sizes of network."""
    workloads = [of.VAE_64] if quick else [of.VAE_64, of.WAE_64, of.VAE_784, of.WAE_784]
    epochs, repeats, rows = (1, 1, 2) if quick else (10, 9, 8)
    columns = ("workload", "way", "CPU ms a round", "speed")
    table("step", columns, steps.step_rows(workloads, epochs, repeats, rows, compiled=compiled))


def packs(*, quick: bool, compiled: bool) -> None:
    """Stacks of several sizes."""
    workloads = [of.WGAN_64] if quick else [of.WAE_64, of.WAE_784, of.WAE_CONV, of.WGAN_64]
    epochs, repeats, sizes = (1, 1, (1, 2)) if quick else (3, 5, (1, 4, 8, 16, 32))
    columns = ("workload", "way", "trial-rounds a CPU s", "gain", "peak MB")
    table("packs", columns, steps.pack_rows(workloads, epochs, repeats, sizes, compiled=compiled))


def evaluation(*, quick: bool) -> None:
    """Its share of whole trials of the sweep of the README."""
    contest = end_to_end.default_trials(epochs=2) if quick else end_to_end.default_trials()
    columns = ("trained", "trials", "training s", "evaluation s", "share")
    table(f"evaluation: {contest.title}", columns, shares(contest, 1 if quick else 8))


def shares(contest: end_to_end.Contest, samples: int) -> Iterator[tuple[str, ...]]:
    """Rows (how trained, trials, median seconds of a trial's training, of its evaluation, and of the latter's share)."""
    for pack in ("off", "8"):
        say(f"evaluation: {contest.title}, pack={pack}")
        by_mode: dict[str, list[tuple[float, float]]] = {}
        for said in _outcomes(contest, samples, f"resources.pack={pack}"):
            mode = str(replace(Mode.said(said["mode"]), latent_size=0))
            by_mode.setdefault(mode, []).append((said["seconds"], said["evaluation_seconds"]))
        for mode, seconds in sorted(by_mode.items()):
            training, scoring = (statistics.median(column) for column in zip(*seconds, strict=True))
            share = statistics.median(b / (a + b) for a, b in seconds)
            yield mode, str(len(seconds)), f"{training:.2f}", f"{scoring:.2f}", f"{share:.0%}"


def _outcomes(contest: end_to_end.Contest, samples: int, *overrides: str) -> list[dict[str, Any]]:
    """What the trials of a sweep in one process say at their ends."""
    with tempfile.TemporaryDirectory(prefix="gensweep-benchmark-") as folder:
        end_to_end.own(contest, samples, Path(folder), *overrides, in_process=True)
        return [json.loads(file.read_text()) for file in sorted(Path(folder).rglob("trials/*/outcome.json"))]


def against_the_script(*, quick: bool) -> None:
    """Trials an hour."""
    columns = ("way", "trials", "s", "s without start", "trials an hour", "without start", "times the script's")
    with tempfile.TemporaryDirectory(prefix="gensweep-benchmark-") as folder:
        short = end_to_end.short_trials(Path(folder), epochs=5 if quick else 30)
        default = end_to_end.default_trials()
        for contest, peers, samples in [(short, 2, 2)] if quick else [(short, 12, 256), (default, 12, 8)]:
            table(f"end to end: {contest.title}", columns, end_to_end.rows(contest, peers, samples))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--eager", action="store_true", help="of steps and packs nothing is compiled, which takes minutes"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all of it works")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(machine(), flush=True)
    for name, part in (("step", step), ("packs", packs)):
        if name in given.only:
            part(quick=given.quick, compiled=not given.eager)
    for name, whole in (("evaluation", evaluation), ("end-to-end", against_the_script)):
        if name in given.only:
            whole(quick=given.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
