"""The page of events: what each says, with the fields that the ledger checks."""

from __future__ import annotations

from gensweep.ledger.fields import kind_of_field
from gensweep.ledger.state import KINDS

# kind -> (when it is written, its own fields). tests/docs/test_events.py holds this against the code and a real ledger.
EVENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "identified": (
        "The sweep was made: an id that copies keep, and the place where it was made, by which a copy is told from it.",
        ("sweep_id", "host", "folder", "inode"),
    ),
    "defined": ("The definition that holds from here on: the text of `sweep.yaml`.", ("definition",)),
    "started": (
        "A driver took the sweep. Trials that the last one had in hand wait to be handed out again.",
        ("pid", "at_once", "versions", "trial_schema"),
    ),
    "issued": (
        "A trial exists: of the search, or, with a `parent`, a confirmation of that trial on fresh seed number `repeat`.",
        ("number", "arm", "position", "key", "parameters", "configuration", "parent", "repeat"),
    ),
    "continued": (
        "A trial that waited is handed out again, and goes on from its newest checkpoint that verifies.", ("number",),
    ),
    "lost": (
        "The machine took the process of a trial: what kind of `fault` it was, and what is known of why.",
        ("number", "reason", "fault"),
    ),
    "reported": (
        "A trial reached an epoch at which it is scored. The checkpoint of it is durable before this is written.",
        ("number", "epoch", "step", "scores", "best", "best_epoch", "seconds", "evaluation_seconds", "items", "protocol", "test",
         "notes", "device", "host", "software"),
    ),
    "copied": (
        "Population-based training: the trial goes on from the weights of trial `source`, with new values of what `changed`.",
        ("number", "epoch", "source", "source_step", "parameters", "changed", "configuration"),
    ),
    "ended": (
        "A trial is over, with its outcome and why. What comes later of it changes nothing.",
        ("number", "outcome", "reason", "error", "fault", "epoch", "step", "best", "best_epoch", "seconds", "evaluation_seconds",
         "items", "protocol", "test", "notes", "device", "host", "software"),
    ),
    "retried": ("A trial that failed is open again: `gensweep resume NAME --retry-failed`.", ("number",)),
    "stopped": ("The sweep was stopped before its end, why, and the exit code that goes with the reason.", ("reason", "code")),
    "finished": ("Every trial has ended.", ()),
    "stored": ("The URL at which trials' folders are kept, below `gensweep-<sweep_id>`.", ("url", "sweep_id")),
    "left_out": ("A machine lost three trials in a row: this driver puts no more there.", ("host", "reason")),
    "resized": (
        "The cluster changed: which nodes joined and which are gone, how many have trials since, and how many run side by side.",
        ("places", "nodes", "joined", "gone", "why"),
    ),
    "closed": ("All that follows from the trials is written too: tables, the report, what goes to MLflow.", ()),
}  # fmt: skip


def page() -> str:
    """The page, as Markdown."""
    missing = KINDS ^ set(EVENTS)
    assert not missing, f"docs/generate/ledger.py and gensweep/ledger/state.py differ in {missing}"
    rows = [f"| `{kind}` | {said} | {_fields(fields)} |" for kind, (said, fields) in EVENTS.items()]
    return _PAGE.format(rows="\n".join(rows))


def _fields(fields: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}` ({kind_of_field(name)})" if kind_of_field(name) else f"`{name}`" for name in fields)


_PAGE = """# Events of the ledger

`runs/NAME/ledger/events.jsonl` is the sweep's memory. Each line is one event as JSON; the state of a sweep is what
`SweepState.apply` in `gensweep/ledger/state.py` makes of them in order, while it runs and when it is rebuilt. One driver
writes at a time, under a lease. The line is durable before what it says is acted on.

Every event has, besides its own fields:

| field | what it is |
|---|---|
| `event` | its kind, below |
| `seq` | 1, 2, 3, …: the order, and nothing else orders |
| `generation` | counts the drivers |
| `schema` | of the line; a newer one than this gensweep knows is refused |
| `at` | a time in UTC for people; nothing is decided by it |
| `crc` | the CRC-32 of the line before it |

A last line that a crash tore was never acknowledged and is left out; damage anywhere else is exit code 5, and
[`gensweep doctor`](commands.md#doctor) says what to do. What a field holds is checked before it is believed, as a ledger may come
from anybody. Of an event of an unknown kind nothing is made: a newer gensweep may have written it.

| event | when it is written | fields |
|---|---|---|
{rows}

`outcome` is one of `COMPLETED`, `PRUNED`, `DIVERGED`, `FAILED`; see [what a comparison may claim](../statistics.md). `fault` is
one of the machine's, in [stop, resume and repair](../how-to/stop-resume-repair.md).
"""
