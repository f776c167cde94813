"""The data of a trial: by the digest that its scores were protocolled with, and nothing of where they lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gensweep.tracking.data import data_of
from gensweep.tracking.run_store import Data

DIGEST = "50cc3e08" * 8


def protocolled(folder: Path, *digests: Any) -> Path:
    protocols = {f"score{i}": {"data": digest, "dataset": "x"} for i, digest in enumerate(digests)}
    (folder / "protocol.json").write_text(json.dumps(protocols))
    return folder


def test_data_have_a_name_a_digest_and_the_sizes_of_their_splits(tmp_path: Path) -> None:
    found = data_of(protocolled(tmp_path, DIGEST, DIGEST), {"dataset": {"name": "digits"}})
    sizes = {"train": 1000, "validation": 397, "test": 400}
    assert found == Data("digits", DIGEST[:12], '{"name": "digits"}', sizes)


def test_of_a_path_the_last_part_is_told(tmp_path: Path) -> None:
    file = tmp_path / "of somebody" / "measured.npy"
    file.parent.mkdir()
    np.save(file, np.zeros((50, 3), dtype=np.float32))
    found = data_of(protocolled(tmp_path, DIGEST), {"dataset": {"name": "array", "path": str(file)}})
    assert found is not None
    assert found.name == "array measured.npy"
    assert sum(found.sizes.values()) == 50
    assert "of somebody" not in repr(found)


def test_passwords_in_an_address_are_not_told(tmp_path: Path) -> None:
    node = {"name": "huggingface", "path": "https://me:s3cr3t@host/data", "subset": "hf://me:s3cr3t@host/x"}
    found = data_of(protocolled(tmp_path, DIGEST), {"dataset": node})
    assert found is not None
    assert "s3cr3t" not in repr(found)


@pytest.mark.parametrize(
    "node", [{"name": "array", "path": "/nowhere/x.npy"}, {"name": "nothing"}, {"name": "ring", "n_train": "x"}]
)
def test_sizes_of_data_that_are_not_here_are_left_out(tmp_path: Path, node: dict[str, Any]) -> None:
    found = data_of(protocolled(tmp_path, DIGEST), {"dataset": node})
    assert found is not None
    assert found.sizes == {}


@pytest.mark.parametrize("digests", [(), (DIGEST, "0" * 64), ("short",), (None,), (5,), ("g" * 64,)])
def test_scores_that_do_not_agree_on_the_data_say_nothing(tmp_path: Path, digests: tuple[Any, ...]) -> None:
    assert data_of(protocolled(tmp_path, *digests), {"dataset": {"name": "digits"}}) is None


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"fid": 5}'])
def test_before_the_first_scores_nothing_is_known(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "protocol.json").write_text(text)
    assert data_of(tmp_path, {"dataset": {"name": "digits"}}) is None


@pytest.mark.parametrize("dataset", [None, "digits", {"name": 5}, {}])
def test_a_configuration_without_a_dataset_has_no_data(tmp_path: Path, dataset: Any) -> None:
    assert data_of(protocolled(tmp_path, DIGEST), {"dataset": dataset}) is None
