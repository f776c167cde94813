"""torch.export archives from strangers: what could run code is left out or refused, and an honest one works as before."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.errors import ConfigError
from gensweep.extractors.exported import _OPERATORS, LARGEST_NOTE, UnsafeError, is_exported, note, packed, without_code
from gensweep.extractors.foreign import load

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
SIZE = "Symbol('s77', positive=True, integer=True)"


class Network(torch.nn.Module):
    """Of most kinds of operators: convolutions, norms, attention, resizing, constants, arithmetic of sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(1, 8, 3, padding=1)
        self.norm, self.group = torch.nn.BatchNorm2d(8), torch.nn.GroupNorm(2, 8)
        self.attention = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.register_buffer("shift", torch.arange(8.0).reshape(1, 8, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.nn.functional.interpolate(x, (12, 12), mode="bilinear", align_corners=False) - torch.tensor([0.5])
        y = torch.nn.functional.gelu(self.group(self.norm(self.convolution(x)) + self.shift))
        tokens = self.attention(torch.nn.functional.pad(y, (1, 1, 1, 1), mode="reflect").flatten(2).transpose(1, 2))
        together = torch.einsum("bij,bij->bj", tokens, tokens)
        first: torch.Tensor = torch.cat(together.chunk(2, 1), 1).view(x.shape[0], -1) * x.shape[0] / x.size(0)
        return first


class Plants:
    """What leaves a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.fixture(scope="module")
def honest() -> tuple[Network, bytes]:
    torch.manual_seed(0)
    network = Network().eval()
    with torch.no_grad():
        program = torch.export.export(
            network, (torch.rand(4, 1, 8, 8),), dynamic_shapes={"x": {0: torch.export.Dim("n")}}
        )
    file = io.BytesIO()
    torch.export.save(program, file)
    return network, file.getvalue()


def changed(archive: bytes, member: str, change: Callable[[bytes], bytes]) -> bytes:
    """The archive with another content of the member whose name ends so; a new member where there is none."""
    made, met = io.BytesIO(), False
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name.endswith(member) else old.read(name))
            met |= name.endswith(member)
        if not met:
            new.writestr(f"network/{member}", change(b""))
    return made.getvalue()


def in_graph(archive: bytes, change: Callable[[Any], None]) -> bytes:
    def rewrite(content: bytes) -> bytes:
        graph = json.loads(content)
        change(graph)
        return json.dumps(graph).encode()

    return changed(archive, "models/model.json", rewrite)


def pickled(folder: Path) -> bytes:
    file = io.BytesIO()
    torch.save(Plants(folder), file)
    return file.getvalue()


def opened(folder: Path, archive: bytes) -> torch.nn.Module:
    (folder / "network.pt2").write_bytes(archive)
    return load("file", folder / "network.pt2", None)[0]


def test_an_honest_one_gives_what_the_network_gives(tmp_path, honest):
    network, archive = honest
    assert is_exported(archive)
    images = torch.rand(7, 1, 8, 8)
    with torch.no_grad():
        assert torch.allclose(opened(tmp_path, archive)(images), network(images), rtol=1e-4)


def test_pickles_of_inputs_guards_and_extra_files_are_left_out(tmp_path, honest):
    """torch.export.load by itself unpickles the first and compiles the second."""
    planted, (network, archive) = tmp_path / "planted", honest
    evil = changed(archive, "data/sample_inputs/model.pt", lambda _: pickled(planted))
    evil = changed(evil, "extra/notes", lambda _: b"any")
    evil = in_graph(evil, lambda graph: graph.update(guards_code=[f"__import__('os').mkdir({str(planted)!r})"]))
    images = torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        assert torch.allclose(opened(tmp_path, evil)(images), network(images), rtol=1e-4)
    assert not planted.exists()


def _first_node(graph: Any) -> Any:
    return graph["graph_module"]["graph"]["nodes"][0]


def _weights(**change: Any) -> Callable[[bytes], bytes]:
    def rewrite(content: bytes) -> bytes:
        table = json.loads(content)
        next(iter(table["config"].values())).update(change)
        return json.dumps(table).encode()

    return rewrite


MANY = {"tensor_meta": {"dtype": 7, "sizes": [{"as_int": 10**15}], "strides": [{"as_int": 1}]}}
EVIL: dict[str, Callable[[bytes, Path], bytes]] = {
    "the size": lambda archive, there: changed(
        archive,
        "models/model.json",
        lambda text: text.replace(SIZE.encode(), f"__import__('os').mkdir({str(there)!r}) or {SIZE}".encode()),
    ),
    "the operator ": lambda archive, _: in_graph(archive, lambda g: _first_node(g).update(target="torch.os.mkdir")),
    "the operator": lambda archive, _: in_graph(
        archive, lambda g: _first_node(g).update(target="torch.ops.aten.__init__.__globals__")
    ),
    **{
        f"uses the operator {target}, which is not known to check": lambda archive, _, target=target: in_graph(
            archive, lambda g: _first_node(g).update(target=target)
        )
        for target in (
            "torch.ops.aten.from_file.default",
            "torch.ops.aten._sparse_coo_tensor_unsafe.default",
            "torch.ops.aten.segment_reduce.default",
            "torch.ops.aten.as_strided.default",
            "torch.ops.aten.set_.source_Storage",
            "torch.ops.aten._reshape_alias.default",
        )
    },
    "the operator 'torch.ops.aten.add.out'": lambda archive, _: in_graph(
        archive, lambda g: _first_node(g).update(target="torch.ops.aten.add.out")
    ),
    "the operator 'torch.ops.aten.relu.absent'": lambda archive, _: in_graph(
        archive, lambda g: _first_node(g).update(target="torch.ops.aten.relu.absent")
    ),
    "the symbol": lambda archive, _: in_graph(
        archive, lambda g: g["range_constraints"].update(u99999999999999={"min_val": 0, "max_val": 3})
    ),
    "the text": lambda archive, there: in_graph(
        archive, lambda g: _first_node(g).update(name=f"x); __import__('os').mkdir({str(there)!r}")
    ),
    "the structure": lambda archive, _: changed(
        archive, "models/model.json", lambda text: text.replace(b"builtins.tuple", b"os.system")
    ),
    "the subgraph or object": lambda archive, _: in_graph(
        archive, lambda g: _first_node(g)["inputs"][0].update(arg={"as_operator": "torch.os.mkdir"})
    ),
    "as pickles": lambda archive, _: changed(archive, "model_weights_config.json", _weights(use_pickle=True)),
    "which it has not": lambda archive, _: changed(archive, "model_weights_config.json", _weights(**MANY)),
    "'data/weights/model.pt'": lambda archive, there: changed(
        archive, "data/weights/model.pt", lambda _: pickled(there)
    ),
    "'data/constants/opaque_obj_0'": lambda archive, there: changed(
        archive, "data/constants/opaque_obj_0", lambda _: pickled(there)
    ),
    "'data/aotinductor/model/x.so'": lambda archive, _: changed(archive, "data/aotinductor/model/x.so", lambda _: b""),
    "is not what torch.export writes": lambda archive, _: changed(archive, "models/model.json", lambda _: b"[" * 10**5),
}


def test_every_operator_that_is_let_through_is_one_of_torch():
    spaces = (torch.ops.aten, torch.ops.prims)
    assert [name for name in sorted(_OPERATORS) if not any(hasattr(space, name) for space in spaces)] == []


@pytest.mark.parametrize("says", EVIL)
def test_what_could_run_code_is_refused_before_torch_opens_it(tmp_path, honest, says):
    evil = EVIL[says](honest[1], tmp_path / "planted")
    with pytest.raises(ConfigError, match=r"network\.pt2 .*It was not opened\. .*--trust") as refused:
        opened(tmp_path, evil)
    assert says.strip() in str(refused.value)
    assert not (tmp_path / "planted").exists()


def test_a_damaged_graph_is_one_error_and_no_traceback_of_torch(tmp_path, honest, caplog, capfd):
    damaged = in_graph(honest[1], lambda graph: graph["graph_module"]["graph"]["nodes"].reverse())
    with pytest.raises(ConfigError, match="holds no network that torch can load"):
        opened(tmp_path, damaged)
    assert not caplog.records
    assert capfd.readouterr().err == ""


def _in_sizes(archive: bytes, rewritten: Callable[[str], str]) -> bytes:
    """The archive with every size of a symbol written otherwise."""

    def walk(node: Any) -> None:
        for key, value in list(node.items()) if isinstance(node, dict) else ():
            if key == "expr_str":
                node[key] = rewritten(value)
            else:
                walk(value)
        for part in node if isinstance(node, list) else ():
            walk(part)

    return in_graph(archive, walk)


def _hidden(code: str) -> str:
    """For Python a word; for sympy, which takes line ends out of a text first, code."""
    return "".join(c if c.isalnum() or c == "_" else f"\\\nx{ord(c):02x}" for c in code)


@pytest.mark.parametrize(
    "text",
    [
        "Max('{hidden}', {size})", "Max('__import__', {size})", "Symbol('{hidden}', positive=True)", "Max(f'{hidden}', {size})",
        "Symbol('s0', commutative='{hidden}')", "Symbol('s0', **{{}})", "Rational('1e999999999')", "{size} # x",
        "Integer(99999999999999999999)", "lambda: {size}", "[{size}][0]", "{size}.name", "Symbol(print, '{hidden}')",
    ],
)  # fmt: skip
def test_a_size_is_of_numbers_and_symbols_however_it_is_written(tmp_path, honest, text):
    planted = tmp_path / "planted"
    hidden = _hidden(f"__import__('os').mkdir({str(planted)!r})")
    evil = _in_sizes(honest[1], lambda size: text.format(hidden=hidden, size=size))
    with pytest.raises(UnsafeError, match=r"holds the size|is not what torch\.export writes"):
        without_code(evil)
    assert not planted.exists()


def test_a_compressed_one_is_refused_before_it_is_unpacked(honest):
    """3 MB may be 3 GB."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(honest[1])) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(UnsafeError, match="is compressed"):
        without_code(bomb.getvalue())


def test_a_name_given_twice_is_refused(honest):
    """Two readers of one archive may take different ones."""
    made = io.BytesIO(honest[1])
    with zipfile.ZipFile(made, "a") as archive:
        name = next(name for name in archive.namelist() if name.endswith("models/model.json"))
        archive.writestr(name, archive.read(name))
    with pytest.raises(UnsafeError, match="twice"):
        without_code(made.getvalue())


def test_what_is_no_archive_is_none():
    assert not is_exported(b"nothing")
    with pytest.raises(UnsafeError, match="no whole archive"):
        without_code(b"nothing")


def test_a_note_travels_in_the_archive_and_equal_content_is_equal_bytes(tmp_path, honest, monkeypatch):
    network, archive = honest
    first = packed(archive, b'{"kind": "pca"}')
    monkeypatch.setattr(zipfile.time, "localtime", lambda *_: (2031, 5, 6, 7, 8, 9, 0, 0, 0))
    assert packed(archive, b'{"kind": "pca"}') == first
    assert packed(first, b'{"kind": "pca"}') == first
    assert note(first) == b'{"kind": "pca"}'
    assert note(archive) == note(b"nothing") == b""
    images = torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        assert torch.allclose(opened(tmp_path, first)(images), network(images), rtol=1e-4)


def test_a_note_that_is_compressed_or_large_is_none(honest):
    for content, how in ((b"0" * (LARGEST_NOTE + 1), zipfile.ZIP_STORED), (b"0" * 100, zipfile.ZIP_DEFLATED)):
        made = io.BytesIO(honest[1])
        with zipfile.ZipFile(made, "a") as archive:
            archive.writestr("network/extra/gensweep.json", content, how)
        assert note(made.getvalue()) == b""


def test_a_size_that_python_cannot_parse_is_refused(tmp_path, honest):
    evil = changed(honest[1], "models/model.json", lambda text: text.replace(SIZE.encode(), b"(" * 300))
    with pytest.raises(ConfigError, match=r"is not what torch\.export writes"):
        opened(tmp_path, evil)
