"""A torch.export archive without what could run code, so that a stranger's may be opened.

`torch.export.load` runs code in more than its pickles: it evaluates the expressions of sizes as Python (sympy), compiles
the text of guards, and writes names into a function that it compiles. What it is given here is therefore not the file but
a new archive with no more than a network needs: its graph, in which every text is a plain name, a size or a known
operator, and its weights as raw numbers. Example inputs (a pickle), guards and notes are left out.
"""

from __future__ import annotations

import ast
import functools
import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import torch

_FORMAT = "archive_format"
_GRAPH = "models/model.json"
_EXAMPLES = "data/sample_inputs/model.pt"
_NOTE = "extra/gensweep.json"
LARGEST_NOTE = 2**16  # bytes
_TABLES = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
_RAW = re.compile(r"data/weights/weight_\d+|data/constants/tensor_\d+")
_PLAIN = {
    _FORMAT: rb"pt2",
    "archive_version": rb"\d{1,3}",
    "byteorder": rb"little|big",
    ".data/version": rb"\d{1,3}\s*",
}
_DROPPED = re.compile(r"extra/.*|\.data/serialization_id|\.format_version|\.storage_alignment", re.DOTALL)
_NAME = re.compile(r"[\w.+-]{0,500}", re.ASCII)
_OPERATOR = re.compile(r"torch\.ops\.(aten|prims)\.(\w+)\.(\w+)", re.ASCII)
_ARITHMETIC = {
    f"_operator.{name}"
    for name in (
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "neg",
        "getitem",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
    )
} | {"torch.sym_int", "torch.sym_float", "torch.sym_max", "torch.sym_min", "torch.sym_not", "math.ceil", "math.floor"}
_OF_SIZES = {
    "Symbol", "Integer", "Rational", "Add", "Mul", "Mod", "PythonMod", "FloorDiv", "CleanDiv", "CeilDiv", "Max", "Min",
    "CeilToInt", "FloorToInt", "TruncToInt", "IntTrueDiv", "FloatTrueDiv", "ToFloat", "ModularIndexing",
}  # fmt: skip
_SIZE = re.compile(r"[\w ()=',+*/%-]*", re.ASCII)
_SYMBOL = re.compile(r"[su]\d{1,4}", re.ASCII)  # torch counts up to the number of one
_NETWORKS_USE = """
    linear matmul mm bmm addmm baddbmm addbmm addmv mv dot vdot outer einsum bilinear cosine_similarity kron
    tensordot conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d conv_transpose3d _convolution
    conv_tbc batch_norm layer_norm native_layer_norm group_norm instance_norm rms_norm max_pool1d max_pool2d
    max_pool3d max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool1d
    adaptive_max_pool2d adaptive_max_pool3d relu relu6 leaky_relu rrelu prelu _prelu_kernel elu selu celu gelu silu
    mish sigmoid log_sigmoid logit tanh softplus softshrink hardshrink hardtanh hardswish hardsigmoid threshold glu
    erf erfc erfinv sin cos tan asin acos atan atan2 sinh cosh asinh acosh atanh sinc exp exp2 expm1 log log2 log10
    log1p sqrt rsqrt square reciprocal abs neg sign sgn ceil floor round trunc frac softmax _softmax log_softmax
    _log_softmax logsumexp logcumsumexp logaddexp logaddexp2 scaled_dot_product_attention dropout native_dropout
    alpha_dropout feature_dropout feature_alpha_dropout embedding one_hot add sub rsub mul div true_divide divide
    multiply subtract floor_divide remainder fmod pow addcmul addcdiv lerp maximum minimum max min amax amin argmax
    argmin aminmax fmax fmin mean sum prod std var std_mean var_mean median cumsum cumprod norm linalg_vector_norm
    linalg_matrix_norm frobenius_norm dist cdist clamp clamp_min clamp_max clip nan_to_num all any eq ne lt le gt ge
    logical_and logical_or logical_not logical_xor isnan isinf isfinite where bitwise_and bitwise_or bitwise_not
    bitwise_xor view reshape flatten unflatten ravel squeeze unsqueeze permute transpose t mT movedim moveaxis
    swapaxes contiguous clone detach expand expand_as broadcast_to repeat repeat_interleave tile cat concat
    concatenate stack hstack vstack split split_with_sizes chunk unbind slice narrow select index index_select
    gather take_along_dim flip roll rot90 tril triu diagonal diag diag_embed unfold im2col pixel_shuffle
    pixel_unshuffle channel_shuffle pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d
    replication_pad1d replication_pad2d replication_pad3d upsample_nearest1d upsample_nearest2d upsample_nearest3d
    upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d _upsample_nearest_exact2d
    _upsample_bilinear2d_aa _upsample_bicubic2d_aa grid_sampler grid_sampler_2d affine_grid_generator to _to_copy
    type_as view_as reshape_as copy lift_fresh_copy arange zeros zeros_like ones ones_like full full_like new_zeros
    new_ones new_full scalar_tensor fill masked_fill sym_size sym_numel sym_constrain_range
    sym_constrain_range_for_size _assert_tensor_metadata _assert_scalar convert_element_type broadcast_in_dim
"""
_OPERATORS = frozenset(_NETWORKS_USE.split())  # of ATen; each is known to check its arguments, and reads no file
_ASSUMPTIONS = {
    "integer",
    "positive",
    "nonnegative",
    "negative",
    "nonpositive",
    "zero",
    "nonzero",
    "real",
    "finite",
    "even",
    "odd",
}
_PARTS = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Load,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.USub,
)  # fmt: skip
_KEYS = re.compile(r'null|\[("\w*"(, )?)*\]', re.ASCII)
_DEEPEST = 100
# what zipfile raises at bytes that are none, or are damaged, or of a kind that it does not know
_NO_ARCHIVE = (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError)
_LONGEST_SIZE = 1000  # characters of one


class UnsafeError(Exception):
    """The archive holds what could run code, or what no network needs; the message says what."""


def is_exported(data: bytes) -> bool:
    """Whether these are an archive of torch.export: of those that torch makes only its names its format."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return any(name.endswith(_FORMAT) for name in archive.namelist())
    except _NO_ARCHIVE:
        return False


def without_code(data: bytes) -> bytes:
    """The archive anew, with what a network needs and nothing else.

    Raises:
        UnsafeError: it holds what may run code when it is opened.
    """
    held = _members(data)
    if _GRAPH not in held:
        raise UnsafeError(f"has no {_GRAPH}")
    kept = {name: content for name, content in held.items() if _RAW.fullmatch(name)}
    for name, pattern in _PLAIN.items():
        if name in held:
            if not re.fullmatch(pattern, held[name]):
                raise UnsafeError(f"{name} holds {held[name][:40]!r}")
            kept[name] = held[name]
    for name in _TABLES:
        kept[name] = _json(
            name, held.get(name, b'{"config": {}}'), functools.partial(_checked_table, _folder(name), held)
        )
    kept[_GRAPH] = _json(_GRAPH, held[_GRAPH], _checked_graph)
    examples = io.BytesIO()
    torch.save(((), {}), examples)
    kept[_EXAMPLES] = examples.getvalue()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in kept.items():
            archive.writestr(zipfile.ZipInfo(f"network/{name}"), content)  # of no time
    return made.getvalue()


def packed(data: bytes, note: bytes) -> bytes:
    """The archive `without_code`, with a note; equal content gives equal bytes, whenever and wherever it is packed.

    Raises:
        UnsafeError: as `without_code`.
    """
    made = io.BytesIO(without_code(data))
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr(zipfile.ZipInfo(f"network/{_NOTE}"), note)
    return made.getvalue()


def note(data: bytes) -> bytes:
    """The note that `packed` put in; nothing where there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                is_plain = member.compress_type == zipfile.ZIP_STORED and member.file_size <= LARGEST_NOTE
                if member.filename.partition("/")[2] == _NOTE and is_plain:
                    return archive.read(member)
    except (*_NO_ARCHIVE, RuntimeError):  # what it is otherwise is said where it is opened
        pass
    return b""


def _members(data: bytes) -> dict[str, bytes]:
    """What the archive holds, by the name below its folder."""
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                name = member.filename.partition("/")[2]
                if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(data):
                    raise UnsafeError(f"{name} is compressed, which torch.export never does")
                known = (
                    name in (*_PLAIN, *_TABLES, _GRAPH, _EXAMPLES) or _RAW.fullmatch(name) or _DROPPED.fullmatch(name)
                )
                if not known or name in found:
                    raise UnsafeError(f"holds {name[:100]!r}{' twice' if name in found else ''}")
                found[name] = archive.read(member)
    except (*_NO_ARCHIVE, RuntimeError) as error:  # an encrypted member is a RuntimeError
        raise UnsafeError(f"is no whole archive ({error})") from error
    return found


def _json(name: str, content: bytes, checked: Callable[[Any], Any]) -> bytes:
    try:
        return json.dumps(checked(json.loads(content))).encode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, SyntaxError, MemoryError) as error:
        raise UnsafeError(f"{name} is not what torch.export writes ({error})") from error


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _checked_table(folder: str, held: Mapping[str, bytes], table: Any) -> Any:
    """Which file holds which weight: raw numbers, no fewer than its sizes say, for torch would make what is missing."""
    for entry in table["config"].values():
        if entry["use_pickle"] is not False or not re.fullmatch(r"(weight|tensor)_\d+", entry["path_name"]):
            raise UnsafeError("holds weights or constants as pickles")
        n = math.prod(size["as_int"] for size in entry["tensor_meta"]["sizes"])
        if not 0 <= n <= len(held.get(f"{folder}/{entry['path_name']}", b"")):
            raise UnsafeError(f"says that {entry['path_name']} has {n} numbers, which it has not")
    return _walked(table, 0)


def _checked_graph(graph: Any) -> Any:
    for symbol in graph.get("range_constraints", {}):
        _check(_SYMBOL.fullmatch(symbol), "symbol", symbol)
    return {**_walked(graph, 0), "guards_code": []}


def _walked(node: Any, depth: int) -> Any:
    """A part of the graph in which every text is known to be plain; notes are dropped."""
    if depth > _DEEPEST:
        raise UnsafeError("is nested too deeply")
    if isinstance(node, dict):
        for key in node:
            _check(_NAME.fullmatch(key), "key", key)
        return {key: _CHECKS.get(key, _walked)(value, depth + 1) for key, value in node.items()}
    if isinstance(node, list):
        return [_walked(item, depth + 1) for item in node]
    if isinstance(node, str):
        _check(_NAME.fullmatch(node), "text", node)
    return node


def _notes(_node: Any, _depth: int) -> Any:
    return {}


def _guards(_node: Any, _depth: int) -> Any:
    return []


def _no_graph(node: Any, _depth: int) -> Any:
    _check(not node, "subgraph or object", node)
    return node


def _quoted(text: Any, _depth: int) -> Any:
    """An argument such as the equation of einsum: it is written into code in quotes."""
    _check(isinstance(text, str) and text.isprintable() and len(text) <= _LONGEST_SIZE, "text", text)
    return text


def _operator(target: Any, _depth: int) -> Any:
    """An operator of the list, in any overload but one that writes to a tensor that is given (`out`)."""
    if target in _ARITHMETIC:
        return target
    named = _OPERATOR.fullmatch(target)
    _check(named, "operator", target)
    assert named is not None
    space, name, overload = named.groups()
    if name not in _OPERATORS and name.removesuffix("_") not in _OPERATORS:  # relu_ is relu in place
        raise UnsafeError(f"uses the operator {target:.100}, which is not known to check what a file gives it")
    found = getattr(getattr(getattr(torch.ops, space), name, None), overload, None)
    _check(isinstance(found, torch._ops.OpOverload), "operator", target)
    assert isinstance(found, torch._ops.OpOverload)
    _check(not any(argument.is_out for argument in found._schema.arguments), "operator", target)
    return target


def _size(expression: Any, _depth: int) -> str:
    """Sums, products and quotients of whole numbers and symbols, written anew: sympy reads a text otherwise than Python.

    It takes line ends out before it evaluates, so that a text which Python reads as harmless may be another one there;
    and whatever function is given a text evaluates that too. Only the name of a symbol is one.
    """
    _check(isinstance(expression, str) and len(expression) <= _LONGEST_SIZE, "size", expression)
    _check(_SIZE.fullmatch(expression), "size", expression)
    tree = ast.parse(expression, mode="eval")
    names = {id(part.args[0]) for part in ast.walk(tree) if _is_symbol(part)}
    for part in ast.walk(tree):
        if isinstance(part, ast.Call):
            _check(isinstance(part.func, ast.Name) and part.func.id in _OF_SIZES, "size", expression)
        elif isinstance(part, ast.Name):
            _check(part.id in _OF_SIZES or _SYMBOL.fullmatch(part.id), "size", expression)
        elif isinstance(part, ast.keyword):
            _check(part.arg in _ASSUMPTIONS and isinstance(part.value, ast.Constant), "size", expression)
        elif isinstance(part, ast.Constant):
            named = id(part) in names and isinstance(part.value, str) and _SYMBOL.fullmatch(part.value)
            _check(named or (isinstance(part.value, int) and abs(part.value) < 2**63), "size", expression)
        else:
            _check(isinstance(part, _PARTS), "size", expression)
    return ast.unparse(tree)


def _is_symbol(part: ast.AST) -> TypeGuard[ast.Call]:
    """Whether it is `Symbol('s0', …)`."""
    return (
        isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "Symbol" and bool(part.args)
    )


def _tree(text: Any, _depth: int) -> Any:
    """How inputs and outputs are nested: in tuples, lists and dictionaries of plain keys."""
    _walk_tree(json.loads(text), 0)
    return text


def _walk_tree(node: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise UnsafeError("is nested too deeply")
    if isinstance(node, dict):
        _check(node["type"] in (None, "builtins.tuple", "builtins.list", "builtins.dict"), "structure", node["type"])
        _check(node["context"] is None or _KEYS.fullmatch(node["context"]), "structure", node["context"])
        _walk_tree(node["children_spec"], depth + 1)
    for part in node if isinstance(node, list) else ():
        _walk_tree(part, depth + 1)


def _check(fine: object, what: str, given: object) -> None:
    if not fine:
        raise UnsafeError(f"holds the {what} {given!r:.100}")


_CHECKS: dict[str, Callable[[Any, int], Any]] = {
    "metadata": _notes, "guards_code": _guards, "target": _operator, "expr_str": _size, "in_spec": _tree, "out_spec": _tree,
    "as_string": _quoted, "as_operator": _no_graph, "as_graph": _no_graph, "as_custom_obj": _no_graph,
    "custom_obj": _no_graph, "custom_obj_values": _no_graph,
}  # fmt: skip
