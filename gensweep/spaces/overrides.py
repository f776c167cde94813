"""Changes laid on a tree: values from the command line, and one file over another.

Paths run through `one_of`: a field is set in every branch that knows it, and a name keeps the branches of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gensweep import registry
from gensweep.axes.distributions import Choice, DistributionError, from_mapping, parse
from gensweep.configuration import TrialConfiguration
from gensweep.errors import Problem, suggest
from gensweep.reading import Items, Map, copied, located, plain
from gensweep.spaces.slots import Slot, name_of


@dataclass(frozen=True)
class Change:
    """One override. `set` and `force` create what is missing, `add` wants it missing, `delete` wants it there."""

    path: tuple[str, ...]
    value: Any
    text: str
    how: Literal["set", "add", "force", "delete"] = "set"

    @property
    def depth(self) -> int:
        """Of the node that it decides: naming a component comes before setting its fields, whatever was typed first."""
        return len(self.path) - (self.path[-1] == "name")


class _RefusedError(Exception):
    """A change that has no place in the tree."""


def lay(tree: Map, changes: list[Change]) -> list[Problem]:
    """Makes the changes in place, shallow ones first, and returns those that have no place."""
    problems = []
    for change in sorted(changes, key=lambda change: change.depth):
        head, *rest = change.path
        if head == "objective" and rest and isinstance(tree.get(head), str):  # its short form
            tree[head] = located({"metric": tree[head]}, tree.where[head])
        slot = Slot(model=TrialConfiguration) if head == "trial" else Slot()
        try:
            _Layer(change).into(tree, head, tuple(rest), slot)
        except _RefusedError as error:
            problems.append(Problem(change.text, ".".join(change.path), str(error)))
    return problems


def merged(below: Map, above: Map, *, root: bool = False) -> Map:
    """One mapping over another, key by key. Another `name`, a one_of or a distribution replaces the node below."""
    if not root and _replaces(below, above):
        return copied(above)  # type: ignore[no-any-return]
    result = Map(below, below.where)
    for key, value in above.items():
        old = below.get(key)
        result[key] = merged(old, value) if isinstance(old, Map) and isinstance(value, Map) else copied(value)
        result.where[key] = above.where.get(key, "")
    return result


def _replaces(below: Map, above: Map) -> bool:
    if "one_of" in below or "one_of" in above:
        return True
    if "name" in above and "name" in below:
        return bool(above["name"] != below["name"])
    try:
        return from_mapping(above) is not None
    except DistributionError:
        return True


class _Layer:
    def __init__(self, change: Change) -> None:
        self.change = change

    def into(self, holder: Any, key: Any, path: tuple[str, ...], slot: Slot) -> None:
        """Lays the change on `holder[key]`, of which `path` is what is left; `slot` is what `holder[key]` takes."""
        node = holder[key] if isinstance(holder, Items) else holder.get(key)
        if not path:
            self.end(holder, key, node, slot)
        elif isinstance(node, Map) and isinstance(node.get("one_of"), Items) and path[0] != "one_of":
            self.through(holder, key, node, path, slot)
        elif isinstance(node, Items):
            index = self.index(node, path[0])
            self.into(node, index, path[1:], slot)
        else:
            node = self.opened(holder, key, node, slot)
            if path == ("name",) and self.change.how != "delete" and node.get("name") != self.change.value:
                self.write(holder, key, located({"name": self.change.value}, self.change.text))
            else:
                self.into(node, path[0], path[1:], slot.inside(node, path[0]))

    def end(self, holder: Any, key: Any, node: Any, slot: Slot) -> None:
        """The change has arrived at its key."""
        value, how = self.change.value, self.change.how
        there = isinstance(holder, Items) or key in holder
        if how == "delete":
            if not there or (value is not None and plain(node) != value):
                raise _RefusedError("there is no such value to delete")
            del holder[key]
            return
        if how == "add" and there:
            raise _RefusedError("is set already, and + only adds. Leave the + out to change it")
        if isinstance(node, Map) and isinstance(node.get("one_of"), Items):
            kept = _branches(node, value)
            value = kept if kept is not None else value
        elif isinstance(node, Map) and isinstance(value, Mapping):
            value = merged(node, located(value, self.change.text))
        elif isinstance(node, Map) and value is not None and node.get("name") == value:
            return
        if isinstance(node, Map) and slot.kind and value in registry.names(slot.kind):
            value = {"name": value}
        self.write(holder, key, value if isinstance(value, Map) else located(value, self.change.text))

    def through(self, holder: Any, key: Any, node: Map, path: tuple[str, ...], slot: Slot) -> None:
        """The path runs through a one_of: on into its branches."""
        branches = node["one_of"]
        if path == ("name",):
            kept = _branches(node, self.change.value)
            if kept is None:
                raise _RefusedError(
                    f"no branch is named {self.change.value!r}. "
                    f"{suggest(str(self.change.value), map(name_of, branches))}"
                )
            self.write(holder, key, kept)
            return
        for i, branch in enumerate(branches):
            branches[i] = located({"name": branch}, branches.where[i]) if isinstance(branch, str) else branch
        knowing = [i for i, branch in enumerate(branches) if slot.knows(branch, path[0])]
        for i in knowing or range(len(branches)):
            self.into(branches[i], path[0], path[1:], slot.inside(branches[i], path[0]))

    def opened(self, holder: Any, key: Any, node: Any, slot: Slot) -> Map:
        """`holder[key]` as a mapping that fields can be set in."""
        if isinstance(node, Map):
            return node
        named = slot.kind and isinstance(node, str) and "(" not in node
        if node is not None and not named:
            raise _RefusedError(f"{'.'.join(self.change.path[:-1])} holds {node!r}, which has no fields")
        if self.change.how == "delete" and node is None:
            raise _RefusedError("there is no such value to delete")
        default = getattr(slot.default, "name", None) if node is None else node
        self.write(holder, key, located({"name": default} if default else {}, self.change.text))
        return holder[key]  # type: ignore[no-any-return]

    def write(self, holder: Any, key: Any, value: Any) -> None:
        holder[key] = value
        holder.where[key] = self.change.text

    def index(self, node: Items, part: str) -> int:
        if not part.isdecimal() or int(part) >= len(node):
            raise _RefusedError(f"'{part}' is not a position in a list of {len(node)}. Count from 0")
        return int(part)


def _branches(node: Map, value: Any) -> Map | None:
    """The one_of with the branches that `value` names, or the branch itself if it is one; None if it names none."""
    wanted = {value} if isinstance(value, str) else set()
    try:
        choice = parse(value) if isinstance(value, str) else None
    except DistributionError:
        choice = None
    if isinstance(choice, Choice):
        wanted = {option for option in choice.options if isinstance(option, str)}
    kept = [
        (branch, where)
        for branch, where in zip(node["one_of"], node["one_of"].where, strict=True)
        if name_of(branch) in wanted
    ]
    if not kept or wanted - {name_of(branch) for branch, _ in kept}:
        return None
    if len(kept) == 1:
        branch, where = kept[0]
        return branch if isinstance(branch, Map) else located({"name": branch}, where)
    return Map({"one_of": Items([branch for branch, _ in kept], [where for _, where in kept])}, node.where)
