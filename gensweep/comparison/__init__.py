"""What came of a sweep: tables, rankings, verdicts, figures and a report.

Matplotlib reads where its own files may go when it is imported, and complains where that is a home without room for them.
"""

import os

from gensweep.comparison.judge import ArmScore, Bounds, PairResult, Verdict, bounded, judge
from gensweep.home import cache_folder, has_writable_home

__all__ = ["ArmScore", "Bounds", "PairResult", "Verdict", "bounded", "judge"]

if not has_writable_home():
    os.environ.setdefault("MPLCONFIGDIR", str(cache_folder() / "matplotlib"))
