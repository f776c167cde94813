"""A step beside other trainers: the table without those that are not installed, and with those that are."""

import pytest

from gensweep.benchmarks import peers
from gensweep.benchmarks.workloads import VAE_64


def test_what_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(peers, "LIBRARIES", {"Pythae": "no_such_library", "Lightning": "no_such_library"})
    found = list(peers.rows([VAE_64], 1, 1))
    assert [row[1] for row in found] == ["gensweep, alone", "gensweep, pack of 8"]
    assert min(float(row[-1]) for row in found) == 1.0


@pytest.mark.parametrize("name", sorted(peers.LIBRARIES))
def test_one_that_is_installed_trains(name):
    pytest.importorskip(peers.LIBRARIES[name])
    assert name in [row[1] for row in peers.rows([VAE_64], 1, 1)]
