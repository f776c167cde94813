"""A training step beside those of other libraries' trainers: `make bench-peers`, or `python -m gensweep.benchmarks.peers`.

The same auto-encoders on the same items: Pythae's own models with our networks, in its trainer; the loop by hand's models
as Lightning modules, with a DataLoader, in its. Both trainers as they ship, but for bars and messages. Processor seconds
of one thread for a round of a whole training of one trial, set up included, all ways in turn. A library that is not
installed is left out, and said.
"""

# mypy: disable-error-code="misc,name-defined"

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import io
import logging
import math
import os
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from gensweep.benchmarks import bare, steps
from gensweep.benchmarks import workloads as of
from gensweep.benchmarks._telling import machine, say, table
from gensweep.benchmarks.steps import Play, Way, model_by_hand
from gensweep.benchmarks.workloads import BATCH, N_ITEMS, Workload

LIBRARIES = {"Pythae": "pythae", "Lightning": "lightning"}


def installed() -> list[str]:
    """Those of the libraries that can be measured here."""
    return [name for name, module in LIBRARIES.items() if importlib.util.find_spec(module) is not None]


def with_lightning(workload: Workload, epochs: int) -> Way:
    """A Lightning module around the model by hand, with a DataLoader, in Lightning's trainer."""
    lightning: Any = importlib.import_module("lightning")
    data = workload.data().flatten(1)[: N_ITEMS // BATCH * BATCH]

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model_by_hand(workload.trainee())

        def training_step(self, batch: list[torch.Tensor], _number: int) -> torch.Tensor:
            (x,) = batch
            loss, first, second = self.model.loss(x, torch.randn(len(x), self.model.latent_size))
            self.log_dict({"loss": loss, "first": first, "second": second})
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    def ready() -> Play:
        folder = tempfile.TemporaryDirectory(prefix="gensweep-benchmark-")
        loader = DataLoader(TensorDataset(data), batch_size=BATCH, shuffle=True)

        def play() -> None:
            with folder as path, _quiet():
                trainer = lightning.Trainer(
                    max_epochs=epochs, accelerator="cpu", default_root_dir=path, enable_progress_bar=False,
                    enable_model_summary=False,
                )  # fmt: skip
                trainer.fit(Module(), loader)

        return play

    return Way("Lightning", 1, ready)


def with_pythae(workload: Workload, epochs: int) -> Way:
    """Pythae's own VAE or WAE with networks of the same sizes, in its trainer."""
    pythae = _pythae()
    data = workload.data()[: N_ITEMS // BATCH * BATCH]

    def ready() -> Play:
        folder = tempfile.TemporaryDirectory(prefix="gensweep-benchmark-")

        def play() -> None:
            with folder as path, _quiet():
                config = pythae.trainers.BaseTrainerConfig(
                    output_dir=path,
                    num_epochs=epochs,
                    learning_rate=1e-3,
                    per_device_train_batch_size=BATCH,
                    no_cuda=True,
                )
                items = pythae.data.datasets.BaseDataset(data, torch.zeros(len(data)))
                pythae.trainers.BaseTrainer(_in_pythae(workload), items, training_config=config).train()

        return play

    return Way("Pythae", 1, ready)


def _pythae() -> Any:
    for name in ("data.datasets", "models.nn", "models.base.base_utils", "trainers"):
        importlib.import_module(f"pythae.{name}")
    return importlib.import_module("pythae")


def _in_pythae(workload: Workload) -> Any:
    """The VAE or WAE as Pythae has it."""
    models = _pythae().models
    like, shape = model_by_hand(workload.trainee()), workload.data().shape[1:]
    d, k, hidden = math.prod(shape), like.latent_size, list(workload.network["hidden"])
    is_vae = isinstance(like, bare.VAE)

    class Encoder(models.nn.BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = bare.perceptron([d, *hidden, 2 * k if is_vae else k])

        def forward(self, x: torch.Tensor) -> Any:
            first, *second = self.layers(x.flatten(1)).split(k, 1)
            more = {"log_covariance": second[0]} if second else {}
            return models.base.base_utils.ModelOutput(embedding=first, **more)

    class Decoder(models.nn.BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = bare.perceptron([k, *hidden[::-1], d])

        def forward(self, z: torch.Tensor) -> Any:
            shown = torch.sigmoid(self.layers(z)).view(-1, *shape)
            return models.base.base_utils.ModelOutput(reconstruction=shown)

    if is_vae:
        return models.VAE(models.VAEConfig(input_dim=(d,), latent_dim=k), Encoder(), Decoder())
    config = models.WAE_MMD_Config(input_dim=(d,), latent_dim=k, reg_weight=10.0)
    return models.WAE_MMD(config, Encoder(), Decoder())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Inside, nothing is written to the terminal: neither bars nor advice."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(action="ignore"),
        ):
            yield
    finally:
        logging.disable(before)


def rows(workloads: list[Workload], epochs: int, repeats: int) -> Iterator[tuple[str, ...]]:
    """Rows (workload, trainer, CPU ms a round, its speed where that of the slowest is 1)."""
    makers = {"Pythae": with_pythae, "Lightning": with_lightning}
    for workload in workloads:
        say(f"peers: {workload.name}")
        ways = [steps.alone(workload, epochs), steps.stacked(workload, epochs, 8, compiled=False)]
        found = steps.timed(
            [*ways, *(makers[name](workload, epochs) for name in installed())], workload.rounds(epochs), repeats
        )
        slowest = max(one.median for one in found)
        for one in found:
            own = "gensweep, " if one.way.name not in makers else ""
            yield workload.name, f"{own}{one.way.name}", f"{1000 * one.median:.3f}", f"{slowest / one.median:.2f}"


def main() -> None:
    """One table on stdout."""
    parser = argparse.ArgumentParser(
        prog="python -m gensweep.benchmarks.peers", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="one small workload, once")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    os.environ.setdefault("TQDM_DISABLE", "1")
    for name in set(LIBRARIES) - set(installed()):
        say(f"{name} is not installed, and left out (make bench-peers installs it)")
    workloads = [of.VAE_64] if quick else [of.VAE_64, of.WAE_64, of.VAE_784, of.WAE_784]
    print(machine())
    table(
        "trainers", ("workload", "trainer", "CPU ms a round", "speed"), rows(workloads, *((2, 1) if quick else (20, 5)))
    )


if __name__ == "__main__":
    main()
