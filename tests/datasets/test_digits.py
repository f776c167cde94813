import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from gensweep.datasets.digits import Digits
from gensweep.errors import ConfigError

SPLITS = ("train", "validation", "test")


def rows(images: torch.Tensor, shown: torch.Tensor) -> list[tuple[float, ...]]:
    return sorted(map(tuple, torch.cat([images.flatten(1), shown[:, None].float()], dim=1).tolist()))


def test_the_splits_are_scikit_learns_digits_each_once_with_its_label():
    splits = Digits().read()
    ours = torch.cat([splits.split(name) for name in SPLITS]), torch.cat([Digits().classes(name) for name in SPLITS])
    data, shown = load_digits(return_X_y=True)
    assert rows(*ours) == rows(torch.tensor(data / 16, dtype=torch.float32), torch.tensor(shown))
    assert [len(splits.split(name)) for name in SPLITS] == [1000, 397, 400]


def test_every_split_has_every_digit_about_equally_often():
    for name in SPLITS:
        share = np.bincount(Digits().classes(name), minlength=10) / len(Digits().classes(name))
        assert share.min() > 0.06
        assert share.max() < 0.14


def test_a_scikit_learn_without_the_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    elsewhere = ModuleSpec("sklearn", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: elsewhere)
    with pytest.raises(ConfigError, match=f"no {tmp_path}.*digits.csv.gz. Install another version"):
        Digits().read()


def test_without_scikit_learn_the_cure_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "Install scikit-learn" in (Digits().problem() or "")
    with pytest.raises(ConfigError, match="Install scikit-learn"):
        Digits().read()
