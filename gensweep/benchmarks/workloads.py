"""What is trained to see what a step costs: small, but each of another kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from gensweep.configuration import TrialConfiguration
from gensweep.trainers.loop import Trainee
from gensweep.trial import build_game, build_trainee

N_ITEMS, BATCH = 1000, 64  # 15 rounds an epoch of a family of one player


@dataclass(frozen=True)
class Workload:
    """A family on a network, trained on uniform noise in the shape of a dataset, which is as much work as the data."""

    name: str
    family: str | dict[str, Any]
    network: dict[str, Any]
    dataset: str
    precision: str = "float32"

    def configuration(self, seed: int = 0, epochs: int = 1) -> TrialConfiguration:
        """Of one trial."""
        return TrialConfiguration.model_validate({
            "dataset": {"name": self.dataset}, "family": self.family, "network": self.network, "latent_size": 8,
            "training": {"epochs": epochs, "batch_size": BATCH, "precision": self.precision},
            "evaluation": {"metrics": ["sliced_wasserstein"]},
            "seed": seed,
        })  # fmt: skip

    def trainee(self, seed: int = 0, device: str = "cpu") -> Trainee:
        """One that has not been trained."""
        c = self.configuration(seed)
        return build_trainee(c, build_game(c), torch.device(device))

    def data(self) -> torch.Tensor:
        """[n, *shape] in [0, 1]."""
        shape = self.configuration().dataset.shape
        return torch.rand(N_ITEMS, *shape, generator=torch.Generator().manual_seed(0))

    def rounds(self, epochs: int) -> int:
        """How many rounds so many epochs are."""
        per_round = self.trainee().game.batches_per_round
        return -(-epochs * (N_ITEMS // BATCH) // per_round)


def mlp(*hidden: int) -> dict[str, Any]:
    """The node of an MLP."""
    return {"name": "mlp", "hidden": list(hidden)}


VAE_64 = Workload("VAE, MLP 64-128-128-8", "vae", mlp(128, 128), "digits")
WAE_64 = Workload("WAE, MLP 64-128-128-8", "wae", mlp(128, 128), "digits")
VAE_784 = Workload("VAE, MLP 784-256-256-8", "vae", mlp(256, 256), "fashion_mnist")
WAE_784 = Workload("WAE, MLP 784-256-256-8", "wae", mlp(256, 256), "fashion_mnist")
WAE_CONV = Workload("WAE, conv 28 x 28, 16 channels", "wae", {"name": "conv", "channels": 16}, "fashion_mnist")
WGAN_64 = Workload(
    "WGAN-GP, MLP 64-128-128", {"name": "wgan", "constraint": "gradient_penalty"}, mlp(128, 128), "digits"
)
