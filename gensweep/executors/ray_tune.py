"""Ray Tune as the executor, never the memory: each start builds a fresh Tuner around the driver and throws it away.

`Tuner.restore` is not used. Tune gives us placement, warm workers and notice of lost processes; what a sweep is and what
came of it stands in the ledger.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune

from gensweep.configuration import Resources
from gensweep.credentials import redacted
from gensweep.errors import Stopped
from gensweep.executors._mailbox import Mailbox
from gensweep.executors._ray_changes import Changes
from gensweep.executors._ray_joining import Joining
from gensweep.executors._ray_limit import Limit, kept_within
from gensweep.executors._ray_losses import told_as_losses
from gensweep.executors._ray_places import Losing, place
from gensweep.executors._ray_search import Guarded, WorkLosses, WorkSearcher, WorkStopper
from gensweep.executors._worker import Worker
from gensweep.executors.base import PATIENCE, Answer, Asking, Executor, T, Work
from gensweep.executors.ray_cluster import RayCluster
from gensweep.executors.ray_following import Following
from gensweep.executors.ray_watch import RayWatch
from gensweep.executors.visible import answers, answers_beside_gpus, names_of_places
from gensweep.stopping import handlers, put_back

_log = logging.getLogger(__name__)


class RayTune(Executor):
    """Runs jobs on a Ray cluster, each process one after another. `scratch` is Tune's: every node sees it; it is removed.

    Where Ray dies, the work is asked to stop; `hung` is told why where even that does not end the run.
    """

    def __init__(self, cluster: RayCluster, scratch: Path, hung: Callable[[str], None] = lambda _: None) -> None:
        self.cluster, self._scratch, self._hung = cluster, scratch, hung
        self._asked: Mapping[str, str] | None = None
        self._asking: tuple[Asking | None, float] = (None, PATIENCE)

    def ready(self) -> None:
        """See RayCluster."""
        before = handlers()
        self.cluster.ready()
        put_back(before)  # Ray's own end the process at SIGTERM

    @property
    def n_at_once(self) -> int:
        """As many as fit on the nodes."""
        self.ready()
        return self.cluster.places

    @property
    def nodes(self) -> Sequence[Mapping[str, float]]:
        """Those of the cluster that are alive, as Ray counts what they have."""
        self.ready()
        return self.cluster.nodes

    def settle(self, resources: Resources) -> None:
        """See the contract."""
        self.ready()
        self.cluster.settle(resources)

    def beside_gpus(self, question: Callable[[], T]) -> dict[str, T]:
        """See the contract; a worker there sees one GPU."""
        self.ready()
        return answers_beside_gpus(question)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is another's cluster: the nodes of it have Pythons of their own, this one too."""
        return self.cluster.address is not None

    def elsewhere(self, question: Callable[[], T], patience: float = PATIENCE) -> dict[str, Answer[T]]:
        """See the contract; the machines are nodes, by their names and addresses."""
        self.ready()
        if not self.is_elsewhere:
            return {}
        self._asked = names_of_places(self.cluster.resources)
        return answers(question, self.cluster.resources, patience)

    def ask_newcomers(self, asking: Asking, patience: float = PATIENCE) -> None:
        """See the contract."""
        self._asking = asking, patience

    def surroundings(self) -> dict[str, Any]:
        """The address, and what each node has."""
        self.ready()
        address = self.cluster.address
        return {
            "ray_address": address and redacted(address),
            "nodes": [_described(node) for node in self.cluster.nodes],
        }

    def run(self, work: Work) -> None:
        """See the contract."""
        guarded, changes = Guarded(work), Changes(Limit.of(self.n_at_once))
        mailbox = Mailbox() if self.cluster.resources.rows != 1 else None
        searcher, losing = WorkSearcher(guarded, changes, mailbox), Losing(names_of_places(self.cluster.resources))
        changes.left = work.left
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a lost worker is told by us, once
        tuner = tune.Tuner(
            tune.with_resources(Worker, partial(place, self.cluster.resources, _most(self.cluster.nodes))),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                num_samples=-1,
                reuse_actors=True,
                trial_name_creator=_short,
                trial_dirname_creator=_short,
            ),
            run_config=tune.RunConfig(
                name=f"start-{os.getpid()}",
                storage_path=str(self._scratch),
                stop=WorkStopper(searcher, losing),
                callbacks=[WorkLosses(searcher, self.cluster.logs, losing)],
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # trials keep their own
            ),
        )
        watch = RayWatch(lambda dead: work.request_stop(dead, Stopped.exit_code), self._hung)
        joining = Joining(self._asking[0], self._asked or losing.places, self._asking[1])
        following = Following(self.cluster, changes, losing, joining)
        try:
            with watch, following, told_as_losses(), kept_within(changes.limit):
                tuner.fit()
        except Exception as error:  # Ray raises bare ones too
            if watch.found is None:
                raise
            _log.debug("Tune after the end of Ray", exc_info=error)
        finally:
            self.cluster.is_dead = watch.found is not None
            shutil.rmtree(self._scratch, ignore_errors=True)
            if mailbox is not None and not self.cluster.is_dead:
                mailbox.close()
        if guarded.error is not None:
            raise guarded.error

    def abandon(self) -> None:
        """Ray's processes end with this one; their folder would stay."""
        self.cluster.abandon()

    def close(self) -> None:
        """Leave the cluster; a Ray that was started here ends."""
        self.cluster.close()


def _most(nodes: Sequence[Mapping[str, Any]]) -> float:
    """The CPUs of the node that has most."""
    return max((node.get("CPU", 0.0) for node in nodes), default=0.0)


def _described(node: dict[str, Any]) -> dict[str, float]:
    return {
        name: value
        for name, value in node.items()
        if name in ("CPU", "GPU", "memory") or name.startswith("accelerator_type:")
    }


def _short(trial: Any) -> str:
    return str(trial.trial_id)
