"""What follows from a look at a cluster, without one; tests/orchestration/test_changing_cluster.py has real ones."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gensweep.configuration import Resources
from gensweep.executors import _ray_joining, _ray_places, ray_following
from gensweep.executors._ray_changes import Changes
from gensweep.executors._ray_joining import Joining
from gensweep.executors._ray_limit import Limit
from gensweep.executors._ray_places import Losing, place
from gensweep.executors.base import Answer, Work
from gensweep.executors.ray_cluster import RayCluster
from gensweep.executors.ray_following import Following


def node(name: str, cpus: float = 2) -> dict[str, Any]:
    return {
        "NodeID": name * 2, "NodeName": name, "NodeManagerAddress": "10.0.0.1", "NodeManagerPort": 1,
        "NodeManagerHostname": "h", "Alive": True, "Resources": {"CPU": cpus},
    }  # fmt: skip


class Told:
    """A driver that keeps what it is told."""

    left = 100

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def resized(self, *what: Any) -> None:
        self.said.append(what)

    def left_out(self, machine: str, reason: str) -> None:
        self.said.append((machine, reason))

    def request_stop(self, reason: str, code: int) -> None:
        self.said.append((reason, code))


class There:
    """A cluster whose nodes, free resources and other sweeps a test sets, and what it is asked for."""

    def __init__(self) -> None:
        self.nodes = [node("a"), node("b")]
        self.used = dict[str, float]()
        self.beside = dict[str, int]()
        self.lacking = dict[str, list[str]]()
        self.wanted, self.lines = list[int](), list[str]()
        self.told, self.changes = Told(), Changes(Limit.of(4))
        self.changes.left = 100
        self.n_packs = self.n_processes = 0
        self.changes.limit.n_packs = lambda: self.n_packs
        self.changes.limit.n_processes = lambda: self.n_processes

    def follow(self, **resources: Any) -> Following:
        cluster: Any = SimpleNamespace(
            resources=Resources(gpu=0, **resources), say=self.lines.append, address="10.0.0.1:6379"
        )
        losing = Losing({"aa": "a (10.0.0.1)", "bb": "b (10.0.0.1)"})
        joining = Joining(self.asking if self.lacking else None, losing.places)
        return Following(cast(RayCluster, cluster), self.changes, losing, joining)

    @contextmanager
    def asking(self) -> Iterator[Any]:
        yield list

    def look(self, following: Following) -> list[tuple[Any, ...]]:
        """What is told after a look, and after one more where nodes are asked by then."""
        following.look()
        deadline = time.monotonic() + 20
        while following.joining.asked and time.monotonic() < deadline:
            time.sleep(0.01)
            following.look()
        self.changes.tell(cast(Work, self.told))
        said, self.told.said = self.told.said, []
        return said


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    found = There()

    def answers(_: object, nodes: list[dict[str, Any]], patience: float) -> dict[str, Answer[list[str]]]:
        return {one["NodeID"]: Answer((), found.lacking.get(one["NodeName"], [])) for one in nodes}

    class Beside:
        me = "me"

        def __init__(self, **_: Any) -> None: ...

        def say(self, part: float) -> None: ...

        def wants(self, places: int, mine: int) -> dict[str, int]:
            return {**found.beside, "me": mine}

    class Asks:
        def want(self, n: int, *_: Any) -> None:
            found.wanted.append(n)

    free = SimpleNamespace(
        available_resources_per_node=lambda: {
            n["NodeID"]: {"CPU": n["Resources"]["CPU"] - found.used.get(n["NodeName"], 0)} for n in found.nodes
        }
    )
    monkeypatch.setattr(ray_following, "state", free)
    monkeypatch.setattr(ray_following, "alive", lambda: found.nodes)
    monkeypatch.setattr(ray_following, "Sweeps", Beside)
    monkeypatch.setattr(ray_following, "Demand", Asks)
    monkeypatch.setattr(_ray_joining, "answers_of", answers)
    yield found
    _ray_places._left_out.clear()
    _ray_places.changed((), 0.0)


def test_places_follow_the_nodes(there: There) -> None:
    following = there.follow()
    assert there.look(following) == [], "as it was when the sweep began"
    there.nodes.pop()
    assert there.look(following) == [(2, 1, (), ("b (10.0.0.1)",), "")]
    there.nodes.append(node("c", 3))
    assert there.look(following) == [(5, 2, ("c (10.0.0.1)",), (), "")]
    assert there.changes.limit.places == there.changes.limit.now == 5
    assert there.wanted == [0, 0, 0], "the driver has no jobs for the places that there are"
    there.n_packs = there.n_processes = 5
    there.look(following)
    there.changes.left = 7
    there.look(following)
    assert there.wanted[3:] == [95, 2], "what there is work for beyond the places"
    there.nodes.append(node("head", 0))
    assert there.look(following) == [], "it can hold no trial"


def test_a_node_that_joins_and_lacks_something_is_named_and_gets_nothing(there: There) -> None:
    there.lacking = {"c": ["no divergence\n'odd'. Install it."], "d": []}
    following = there.follow()
    there.nodes += [node("c"), node("d")]
    said = there.look(following)
    reason = "it joined and lacks what they need: no divergence 'odd'. Install it. Then start Ray there anew."
    assert said == [("c (10.0.0.1)", reason), (6, 3, ("d (10.0.0.1)",), (), "")]
    assert there.look(following) == [], "said once"
    taken = place(Resources(gpu=0), 2.0, {"job": {"share": 1}})
    assert taken._kwargs["bundle_label_selector"] == [{"ray.io/node-id": "!in(cc)"}]


def test_a_node_that_is_asked_changes_no_place_but_is_none(there: There) -> None:
    before = place(Resources(gpu=0), 2.0, {"job": {"share": 1}})
    _ray_places.changed(["cc"], 2.0)
    meanwhile = place(Resources(gpu=0), 2.0, {"job": {"share": 1}})
    assert (before, hash(before)) == (meanwhile, hash(meanwhile)), "warm processes are reused"
    assert meanwhile._kwargs["bundle_label_selector"] == [{"ray.io/node-id": "!in(cc)"}]
    _ray_places.leave_out("cc")
    assert place(Resources(gpu=0), 2.0, {"job": {"share": 1}}) != before
    _ray_places.changed([], 8.0)
    assert place(Resources(gpu=0), 2.0, {"job": {"share": 2}}).head_cpus == 2.0


def test_a_sweep_beside_takes_its_part_and_gives_it_back(there: There) -> None:
    following = there.follow()
    there.beside = {"other": 4}
    assert there.look(following) == [(2, 2, (), (), "the cluster is shared with 1 other sweep")]
    there.beside = {}
    assert there.look(following) == [(4, 2, (), (), "")]
    assert there.look(there.follow(cluster_share=0.5)) == [(2, 2, (), (), "")]


def test_places_that_others_use_are_waited_for_and_that_is_said_once(there: There) -> None:
    following = there.follow()
    there.used = {"a": 2, "b": 2}
    assert there.look(following) == []
    assert (there.changes.limit.places, there.changes.limit.now) == (4, 0)
    there.look(following)
    assert there.lines == ["others use all places of the cluster: waiting until one is free"]
    there.n_packs = there.n_processes = 1
    there.used = {"a": 2, "b": 1}
    there.look(following)
    assert there.changes.limit.now == 2, "its own, and the one that is free"


def test_without_a_node_it_waits_and_says_so_and_ends_when_none_comes(there: There) -> None:
    following = there.follow(node_timeout=0)
    there.nodes = []
    gone = (0, 0, (), ("a (10.0.0.1)", "b (10.0.0.1)"), "")
    assert there.look(following)[0] == gone
    (line,) = there.lines
    assert line.endswith("(0 nodes there): waiting up to 0 s for one (resources.node_timeout)")
    assert ("no node of the cluster could hold a trial for 0 s (resources.node_timeout)", 75) in there.look(following)
    patient = there.follow()
    there.nodes = []
    assert there.look(patient) == [gone]
    there.nodes = [node("c")]
    assert there.look(patient) == [(2, 1, ("c (10.0.0.1)",), (), "")]


def test_a_node_whose_process_was_lost_gets_nothing_until_ray_knows(there: There) -> None:
    following = there.follow()
    there.look(following)  # by which they have names
    there.changes.is_followed = True
    for one in there.nodes:
        one["NodeManagerAddress"] = "127.0.0.1"  # where nobody listens at its port
    there.changes.lost("bb")
    there.look(following)
    assert (there.changes.limit.places, there.changes.limit.now) == (4, 2)
    there.changes.reported("bb")
    there.look(following)
    assert there.changes.limit.now == 4


def test_a_node_whose_process_ended_gets_trials_again_once_its_daemon_answers(there: There) -> None:
    """Else the same trials would be the first there each time it is believed, and would be lost four times."""
    following = there.follow()
    following.look()
    there.changes.is_followed = True
    for one in there.nodes:
        one["NodeManagerAddress"] = "127.0.0.1"
    there.changes.lost("aa")
    following.look()
    assert (there.changes.is_suspect("aa"), there.changes.limit.now) == (True, 2), "nobody listens there"
    with socket.create_server(("127.0.0.1", 0)) as daemon:
        there.nodes[0]["NodeManagerPort"] = daemon.getsockname()[1]
        following.look()
    assert (there.changes.is_suspect("aa"), there.changes.limit.now) == (False, 4)
