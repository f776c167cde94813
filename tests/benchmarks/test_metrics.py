import re
import subprocess
import sys
from pathlib import Path

import pytest

import gensweep
from gensweep import registry
from gensweep.benchmarks import metrics

SMOKE = Path(gensweep.__file__).parents[1] / "search_spaces" / "smoke.yaml"


@pytest.mark.slow
def test_a_tiny_run_prints_three_tables_on_stdout_and_progress_on_stderr():
    done = subprocess.run(
        [sys.executable, "-m", "gensweep.benchmarks.metrics", "--sizes", "100", "200", "--dimensions", "8",
         "--frechet", "300", "16", "--trial", str(SMOKE)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in registry.names("metrics"):
        if name in ("classification_accuracy_score", "linear_probe"):
            assert re.search(rf"^{name} .*it needs classes", done.stdout, re.M)
            continue
        assert len(re.findall(rf"^{name} +(100|200) +\d+\.\d+ +\d+\.\d+ +[\d?]+$", done.stdout, re.M)) == 2, done.stdout
        assert f"{name} at n = 200" in done.stderr
    values = re.findall(r"(?:both sides new|sqrtm) +[\d.]+ +([\d.e+-]+)$", done.stdout, re.M)
    assert len(values) == 2
    assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-5)
    shares = re.findall(r"^0\d+-\w+-\w+ +[\d.]+ +[\d.]+ +([\d.]+)%$", done.stdout, re.M)
    assert len(shares) == 2  # smoke.yaml has two families
    assert all(0 < float(share) < 100 for share in shares)


def test_what_would_take_too_long_is_said_not_run():
    rows = list(metrics.per_metric(["wasserstein"], [100, 10**6], 4, seconds=1))
    assert rows[0][1] == "100"
    assert rows[1][:2] == ("wasserstein", "1000000")
    assert rows[1][3].startswith("not run: about")
