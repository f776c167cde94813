"""Nodes that join while a sweep runs are asked what those were asked that were there when it started, in threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from queue import SimpleQueue
from typing import Any

from gensweep.errors import CannotRun
from gensweep.executors.base import PATIENCE, Answer, Asking
from gensweep.executors.visible import answers_of

_log = logging.getLogger(__name__)


class Joining:
    """Asks nodes, and knows of which it knows the answer. Without a question every node is as good as any.

    `known` are the nodes that were asked at the start.
    """

    def __init__(self, asking: Asking | None, known: Collection[str], patience: float = PATIENCE) -> None:
        self._asking, self._patience = asking, patience
        self._admitted, self._asked, self._refused = set(known), set[str](), set[str]()
        self._answers = SimpleQueue[Mapping[str, tuple[str, ...]]]()

    @property
    def asked(self) -> frozenset[str]:
        """The ids of the nodes whose answers are not there yet."""
        return frozenset(self._asked)

    def look(self, nodes: Mapping[str, dict[str, Any]]) -> tuple[set[str], dict[str, tuple[str, ...]]]:
        """Which of these nodes, by id, may have trials; and what the others lack of which that is new."""
        refused = dict[str, tuple[str, ...]]()
        while not self._answers.empty():
            for node, lacking in self._answers.get().items():
                self._asked.discard(node)
                if not lacking:
                    self._admitted.add(node)
                elif node in nodes:
                    self._refused.add(node)
                    refused[node] = lacking
        new = nodes.keys() - self._admitted - self._asked - self._refused
        if new and self._asking is None:
            self._admitted |= new
        elif new:
            self._asked |= new
            asked = [nodes[node] for node in sorted(new)]
            threading.Thread(target=self._ask, args=(asked,), name="gensweep-ray-joining", daemon=True).start()
        return self._admitted & nodes.keys(), refused

    def _ask(self, nodes: list[dict[str, Any]]) -> None:
        assert self._asking is not None
        found = {node["NodeID"]: Answer[list[str]](("could not be asked",)) for node in nodes}
        try:
            with self._asking() as question:
                found |= answers_of(question, nodes, self._patience)
        except (CannotRun, OSError) as error:  # the runs cannot be written: so says the driver, too
            found = {node: Answer((str(error),)) for node in found}
        except Exception as error:  # Ray raises bare ones too
            _log.debug("asking nodes that joined", exc_info=error)
        self._answers.put({node: (*answer.wrong, *(answer.value or ())) for node, answer in found.items()})
