"""A pack: what an executor runs in one process. Trials of one shape, each of which says what it has to in its turn.

    while pack: for said in pack.turn(): the driver's answer -> pack.drop, pack.add

The trials stay the unit of everything else: that they trained together shows in no number beyond rounding.
"""

from __future__ import annotations

from collections.abc import Iterator

from gensweep.trial import Failure, Job, Said, run_trial


def alone(job: Job) -> Iterator[Said]:
    """The reports of a trial that trains alone, and the error that ends them if one does."""
    try:
        yield from run_trial(job)
    except (Exception, SystemExit) as error:  # a library's exit is a mistake as any other
        yield Failure.of(job.number, error)


class Pack:
    """Trials of one shape in one process; false once it has none. `rows`: how many it can have at once."""

    def __init__(self, job: Job) -> None:
        self.like, self.rows = job, job.rows or 1
        self._members: dict[int, Iterator[Said]] = {}
        self.add(job)

    def __bool__(self) -> bool:
        return bool(self._members)

    @property
    def n_members(self) -> int:
        """How many it has."""
        return len(self._members)

    def add(self, job: Job) -> None:
        """Let a trial join, from its newest checkpoint; nothing is trained yet."""
        self._members[job.number] = alone(job)

    def drop(self, number: int) -> None:
        """Leave a trial where it stands, if it is there."""
        if (reports := self._members.pop(number, None)) is not None:
            reports.close()  # type: ignore[attr-defined]

    def turn(self) -> list[Said]:
        """Train until a member has something to say. What has ended has left the pack."""
        said = [next(reports) for reports in self._members.values()]
        for one in said:
            if isinstance(one, Failure) or one.outcome is not None:
                self.drop(one.number)
        return said

    def close(self) -> None:
        """Leave every trial where it stands."""
        for number in list(self._members):
            self.drop(number)
