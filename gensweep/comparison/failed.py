"""The seeds of confirmed arms that failed, by no fault of the arms': which, why, and what to do about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gensweep.comparison.collect import without_step
from gensweep.text import counted

_LONGEST = 200  # characters of a reason in a sentence


@dataclass(frozen=True)
class FailedSeeds:
    """The seeds of an arm that failed: `n` of the `issued`, their reasons, and how `gensweep confirm` is told of their sweep."""

    n: int
    issued: int
    reasons: tuple[str, ...]
    sweep: str

    @property
    def reason(self) -> str:
        """The most frequent one in a line, and how many others there are."""
        first, *others = (" ".join(reason.split()) for reason in self.reasons)
        short = first if len(first) <= _LONGEST else f"{first[: _LONGEST - 1]}…"
        return f"{short.rstrip('.')}, and {counted(len(others), 'other reason')}" if others else short.rstrip(".")

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON."""
        return {"n": self.n, "of": self.issued, "reasons": list(self.reasons)}


def failed_of(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> FailedSeeds | None:
    """Of the confirmations of one trial; None where none failed. `names` are how `gensweep confirm` is told of sweeps."""
    reasons = Counter(without_step(row["reason"]) for row in rows if row["outcome"] == "FAILED")
    if not reasons:
        return None
    sweep = str(rows[0]["sweep"])
    return FailedSeeds(
        reasons.total(), len(rows), tuple(reason for reason, _ in reasons.most_common()), names.get(sweep, sweep)
    )


def sentences(failed: Mapping[str, FailedSeeds], *, holds: bool) -> Iterator[str]:
    """Which arms have seeds that failed and why, whether that matters to the verdict, and the command that trains others."""
    for arm, own in failed.items():
        yield f"{own.n} of {counted(own.issued, 'seed')} of {arm} failed and left out ({own.reason})."
    if failed:
        yield f"The verdict {'would say the same whatever' if holds else 'could be another with'} their scores."
    for sweep in dict.fromkeys(own.sweep for own in failed.values()):
        seeds = max(own.issued + own.n for own in failed.values() if own.sweep == sweep)
        yield f"Once that is mended, `gensweep confirm {sweep} --seeds {seeds}` trains as many more."
