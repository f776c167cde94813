"""What a model does as programs of torch.export: pure functions of tensors, which run where there is no gensweep."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule

from gensweep.errors import CannotRun, ConfigError
from gensweep.families.base import LATENT
from gensweep.losses import Draw
from gensweep.models.generative import GenerativeModel
from gensweep.trainers.streams import draw

SAMPLE, DECODE, ENCODE = "sample", "decode", "encode"
ITEMS, CODES = "x", "z"
_ORDER = (SAMPLE, DECODE, ENCODE)
_CLOSE = 1e-6  # how far the numbers of a program may be from the model's, as a share of the largest
_TRACED, _TRIED = 3, 5  # rows: a program is for any number of them, which is tried with another one
_NOTES = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node")
_LONGEST = 300  # characters of another library's reason
Function: TypeAlias = Callable[..., torch.Tensor]


class Input(NamedTuple):
    """A tensor [n, *shape] that a program takes: what the user has, or numbers that are drawn by a law."""

    shape: tuple[int, ...]
    law: Literal["normal", "uniform"] | None = None


@dataclass(frozen=True)
class Program:
    """One method of a model. It takes its `inputs` in this order, as many rows of each, and gives one row for each."""

    inputs: Mapping[str, Input]
    exported: ExportedProgram


def programs(model: GenerativeModel) -> dict[str, Program]:
    """`sample`, and `decode` and `encode` where the family has them. Each was tried: it gives the model's own numbers.

    Raises:
        ConfigError: a method of the family is none that torch can export, or the data that it is fitted to are not here.
        CannotRun: a program gives other numbers than the model.
    """
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own code, about itself
        found = {method: _program(model, method, inputs, function) for method, inputs, function in _methods(model)}
    if model.game.decode is not None and DECODE not in found:
        found[DECODE] = Program(_codes(model), found[SAMPLE].exported)
    return dict(sorted(found.items(), key=lambda item: _ORDER.index(item[0])))


def _methods(model: GenerativeModel) -> Iterator[tuple[str, dict[str, Input], Function]]:
    """Each method with what it takes, as a function of networks and of these tensors."""
    game, sampler = model.game, model.trained.fitted.sample
    noise = {name: Input(wanted.shape, wanted.law) for name, wanted in game.sample_noise.items()}
    yield SAMPLE, noise, lambda nets, *drawn: sampler(nets, dict(zip(noise, drawn, strict=True)))
    if game.decode is not None and (
        game.fit or game.prior or set(noise) != {LATENT}
    ):  # else a sample is a decoded draw
        yield DECODE, _codes(model), game.decode
    if (encode := game.encode) is not None:
        wanted = {name: Input(one.shape, one.law) for name, one in game.encode_noise.items()}
        yield (
            ENCODE,
            {ITEMS: Input(model.shape), **wanted},
            lambda nets, x, *drawn: encode(nets, x, dict(zip(wanted, drawn, strict=True))),
        )


def _codes(model: GenerativeModel) -> dict[str, Input]:
    return {CODES: Input(model.game.sample_noise[LATENT].shape)}


def _program(model: GenerativeModel, method: str, inputs: Mapping[str, Input], function: Function) -> Program:
    given, seen = _examples(model, inputs, _TRACED), _Seen(model.game.networks)
    function(seen, *given)
    traced = _Traced({name: model.game.networks[name] for name in seen.names}, function)
    rows = Dim("n", min=1)
    try:
        exported = torch.export.export(traced, given, dynamic_shapes={"inputs": tuple({0: rows} for _ in given)})
    except Exception as error:  # torch raises many kinds
        why = " ".join(str(error).split())[:_LONGEST]
        raise ConfigError(
            f"{model.name}: torch.export cannot trace {method} of {model.family} ({type(error).__name__}: {why}). Its samples "
            f"are had by gensweep sample {model.name} -o x.npy."
        ) from error
    _strip(exported)
    given = _examples(model, inputs, _TRIED)
    if not _is_close(exported.module()(*given), function(model.game.networks, *given)):
        raise CannotRun(
            f"{model.name}: the exported {method} of {model.family} does not give the model's own numbers. Nothing was "
            f"written. Its samples are had by gensweep sample {model.name} -o x.npy."
        )
    return Program(inputs, exported)


def _examples(model: GenerativeModel, inputs: Mapping[str, Input], n: int) -> tuple[torch.Tensor, ...]:
    """n rows of each, the same each time: items are samples, codes and noise are drawn."""
    return tuple(
        torch.from_numpy(model.sample(n)) if name == ITEMS else draw(Draw(one.shape, one.law or "normal"), seed, n)
        for seed, (name, one) in enumerate(inputs.items())
    )


def _is_close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    scale = max(1.0, float(wanted.abs().max()))
    return found.shape == wanted.shape and float((found - wanted).abs().max()) <= _CLOSE * scale


def _strip(exported: ExportedProgram) -> None:
    """Leave out what tracing notes of the code: files of this machine, names of classes."""
    for module in exported.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            for note in _NOTES:
                node.meta.pop(note, None)


class _Traced(nn.Module):
    """A function of networks and tensors as a module, with copies of the networks that ask for no gradients."""

    def __init__(self, networks: Mapping[str, nn.Module], function: Function) -> None:
        super().__init__()
        self.networks = nn.ModuleDict({name: copy.deepcopy(network) for name, network in networks.items()})
        self.requires_grad_(False).eval()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """What the function gives."""
        return self.function(self.networks, *inputs)


class _Seen(Mapping[str, nn.Module]):
    """Networks that remember which of them were asked for: a program holds no others."""

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        self._networks = networks
        self.names: list[str] = []

    def __getitem__(self, name: str) -> nn.Module:
        if name not in self.names:
            self.names.append(name)
        return self._networks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._networks)

    def __len__(self) -> int:
        return len(self._networks)
