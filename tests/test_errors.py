"""What was probably meant by an unknown name."""

from __future__ import annotations

import pytest

from gensweep.errors import nearest, same_name, suggest

KNOWN = [
    "wae",
    "vae",
    "f_gan",
    "sliced_wasserstein",
    "batch_size",
    "lr",
    "latent_size",
    "max",
    "min",
    "grid",
    "cifar10",
]


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("WAE", "wae"), ("Vae", "vae"), ("vea", "vae"), ("f-gan", "f_gan"), ("F GAN", "f_gan"),
        ("sliced wasserstein", "sliced_wasserstein"), ("Sliced-Wasserstein", "sliced_wasserstein"), ("batchSize", "batch_size"),
        ("CIFAR-10", "cifar10"), ("learning_rate", "lr"), ("z_dim", "latent_size"), ("maximize", "max"), ("minimise", "min"),
        ("grid_search", "grid"), ("optuna", None), ("", None), ("x", None),
    ],
)  # fmt: skip
def test_the_nearest_name(given: str, known: str | None) -> None:
    assert nearest(given, KNOWN) == known


def test_case_and_hyphens_have_a_rule_of_their_own() -> None:
    assert suggest("WAE", ["wae", "vae"]) == "Write 'wae': names are in lower case. Known: vae, wae."
    assert (
        suggest("f-gan", ["f_gan"]) == "Write 'f_gan': names are in lower case, with '_' between words. Known: f_gan."
    )
    assert suggest("wea", ["wae"]) == "Did you mean 'wae'? Known: wae."
    assert suggest("exp-1", ["Exp-1"]) == "Did you mean 'Exp-1'? Known: Exp-1.", "names of others have other rules"


def test_the_same_name() -> None:
    assert same_name("Batch-Size", "batch_size")
    assert same_name("learning_rate", "lr")
    assert not same_name("lr", "lrs")
