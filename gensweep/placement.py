"""What a trial process gets of the GPUs: settled once the executor is open, and told. `sweep.yaml` keeps the written word.

    auto -> a GPU where a node has one that torch can use, or the part of it that a trial is measured to need; else 0

Training on the CPU beside a GPU that idles is never silent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from gensweep.devices import Seen, seen
from gensweep.errors import CannotRun
from gensweep.executors.base import Executor
from gensweep.orchestration.share import chosen, peak_of, processes
from gensweep.plugged import Elsewhere
from gensweep.registry.folder import PluginFolder
from gensweep.spaces.sweep import Sweep
from gensweep.text import counted


def settled(sweep: Sweep, executor: Executor, say: Callable[[str], None], plugins: PluginFolder | None = None) -> Sweep:
    """The sweep as it runs here, with a number of GPUs for a trial process, which the executor takes too.

    Raises:
        CannotRun: trials would run where torch cannot use the GPU that they are given.
    """
    gpus = _gpus(sweep, executor, say, plugins)
    found = replace(sweep, resources=sweep.resources.settled(gpus))
    executor.settle(found.resources)
    return found


def _gpus(sweep: Sweep, executor: Executor, say: Callable[[str], None], plugins: PluginFolder | None) -> float:
    wanted, n_there = sweep.resources.gpu, sum(node.get("GPU", 0) for node in executor.nodes)
    if n_there < 1 or wanted == 0:
        if n_there >= 1:
            say(f"{_idle(n_there)}: resources.gpu is 0. To train there: resources.gpu=auto")
        return sweep.resources.gpu_share
    cards = executor.beside_gpus(seen)
    unusable = {machine: card.why for machine, card in cards.items() if not card.n}
    if unusable:
        told = "; ".join(f"{machine}: {why}" for machine, why in unusable.items())
        if wanted != "auto" or len(unusable) < len(cards):
            raise CannotRun(
                f"resources.gpu: torch cannot use the GPU of a node ({told}). To train on the CPU: resources.gpu=0"
            )
        say(f"{_idle(n_there)}, as torch cannot use that ({told})")
        return 0.0
    if wanted != "auto":
        return wanted
    card = min(cards.values(), key=lambda card: card.total, default=Seen(0))
    question: Callable[[], float] = partial(peak_of, sweep)
    asked = Elsewhere.of(plugins, question) if plugins else question
    found = chosen(
        sweep,
        card,
        processes(sweep, executor.nodes),
        lambda: max(executor.beside_gpus(asked).values(), default=math.inf),
    )
    say(str(found))
    return found.share


def _idle(n: float) -> str:
    return f"trials train on the CPU while {counted(int(n), 'GPU')} {'is' if n == 1 else 'are'} idle"
