"""The linalg dialect: linalg.generic and linalg.contract by their maps, named products and convolutions by tables.

Bodies other than multiply-and-add are work without multiply-accumulates, or refused where they reduce two operands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.mlir.affine import AffineMap, Sum, affine_map
from tileloom.workload.frontends.mlir.lexer import Group
from tileloom.workload.frontends.mlir.nests import Access, extents_of, nest
from tileloom.workload.frontends.mlir.scope import Scope
from tileloom.workload.frontends.mlir.syntax import (
    Operation,
    attributes,
    flat,
    integers,
    resolve,
    split_commas,
    types_in,
)
from tileloom.workload.frontends.nodes import AnyNode, Product, Stated, TensorFacts, Transpose, Vector, Window, words

PRODUCTS = {
    "matmul": ("mk", "kn", "mn"),
    "quantized_matmul": ("mk", "kn", "mn"),
    "matmul_transpose_a": ("km", "kn", "mn"),
    "matmul_transpose_b": ("mk", "nk", "mn"),
    "mmt4d": ("mkij", "nkhj", "mnih"),
    "batch_mmt4d": ("bmkij", "bnkhj", "bmnih"),
    "batch_matmul": ("bmk", "bkn", "bmn"),
    "quantized_batch_matmul": ("bmk", "bkn", "bmn"),
    "batch_matmul_transpose_a": ("bkm", "bkn", "bmn"),
    "batch_matmul_transpose_b": ("bmk", "bnk", "bmn"),
    "batch_reduce_matmul": ("bmk", "bkn", "mn"),
    "matvec": ("mk", "k", "m"),
    "vecmat": ("k", "kn", "n"),
    "dot": ("k", "k", ""),
    "batch_matvec": ("bmk", "bk", "bm"),
    "batch_vecmat": ("bk", "bkn", "bn"),
}
VECTOR = words("""fill copy broadcast map reduce add sub mul div div_unsigned exp log abs ceil floor negf max min select erf tanh
    sqrt rsqrt square powf reciprocal round softmax fill_rng_2d elementwise elemwise_unary elemwise_binary pack unpack
    index yield""")
_NAMED = re.compile(r"(depthwise_)?conv_([123])d(?:_(n?[gcdhw]*)_([a-z]*?))?(_q)?")
_PASSES = ("ext", "trunc", "sitofp", "uitofp", "fptosi", "fptoui", "bitcast", "index_cast", "convert")
_BODY_ADDS = ("addf", "addi", "add")
_BODY_TIMES = ("mulf", "muli", "mul", "andi")


def interpret(op: Operation, scope: Scope) -> list[AnyNode]:
    """The nodes of one linalg operation."""
    ins, outs = _operands(op, scope)
    try:
        if op.short in ("generic", "contract") or "indexing_maps" in attributes(op):
            node = _generic(op, scope, ins, outs)
        elif op.short in PRODUCTS:
            node = _product(op, scope, ins)
        elif op.short.startswith(("conv_", "depthwise_conv_")):
            node = _convolution(op, scope, ins)
        elif op.short == "transpose":
            order = tuple(integers(attributes(op).get("permutation", []), scope.module, op.start))
            node = Transpose(name=scope.label(op), operator=op.name, order=order)
        elif op.short in VECTOR or op.short.startswith("pooling_"):
            node = Vector(name=scope.label(op), operator=op.name)
        else:
            return scope.unread(op, f"E-OP: '{op.name}' is not known; run linalg's generalization on it first")
    except UnsupportedError as fault:
        return scope.unread(op, str(fault))
    except InputError as fault:
        return scope.unread(op, "; ".join(fault.problems))
    for value, facts in (*ins, *outs):
        if scope.facts(value) is None and facts is not None:
            scope.define(value, facts)
    inputs = tuple(scope.name(v) for v, _ in ins)
    # On buffers, where nothing is returned, the outputs are the results.
    outputs = tuple(scope.name(v) for v, _ in outs)
    if op.results:
        outputs = tuple(scope.define(r, facts or TensorFacts((None,))) for r, (_, facts) in zip(op.results, outs))
    return [replace(node, inputs=inputs, outputs=outputs)]


Operands = list[tuple[str, TensorFacts | None]]


def _operands(op: Operation, scope: Scope) -> tuple[Operands, Operands]:
    """(value, type) of ins(...) and outs(...); in the generic form by the segment sizes."""
    found: dict[str, Operands] = {"ins": [], "outs": []}
    for word, group in zip(op.items, op.items[1:]):
        if word.text in found and isinstance(group, Group):
            values = [t.text for t in flat(group.items) if t.kind == "value"]
            types = types_in(group.items, scope.module)
            known = [*types, *[None] * len(values)]
            found[word.text] = [(v, scope.facts(v) or t) for v, t in zip(values, known)]
    if not found["ins"] and not found["outs"] and op.items and isinstance(op.items[0], Group):
        values = [t.text for t in flat(op.items[0].items) if t.kind == "value"]
        scope.learn(op, values)
        sizes = attributes(op).get("operandSegmentSizes") or attributes(op).get("operand_segment_sizes") or []
        split = (integers(sizes, scope.module, op.start) or [len(values) - 1])[0]
        return [(v, scope.facts(v)) for v in values[:split]], [(v, scope.facts(v)) for v in values[split:]]
    return found["ins"], found["outs"]


def _generic(op: Operation, scope: Scope, ins: Operands, outs: Operands) -> AnyNode:
    maps = _maps(op, scope)
    if maps is None:
        raise UnsupportedError("E-NONAFFINE: 'indexing_maps' is missing or no list of affine maps")
    if len(maps) != len(ins) + len(outs):
        raise InputError(f"{len(maps)} indexing maps for {len(ins)} inputs and {len(outs)} outputs")
    ranks = {len(m.names) for m in maps}
    if len(ranks) != 1:
        raise InputError(f"indexing maps of {' and '.join(map(str, sorted(ranks)))} dimensions; all need the same")
    strays = sorted({d for m in maps for r in m.results for d in r.terms if d not in m.names})
    if strays:
        raise UnsupportedError(f"E-NONAFFINE: '{strays[0][:60]}' is no dimension of its indexing map")
    # Dimensions are known by their place: each map may have names of its own.
    loops = tuple(Sum({name: 1}) for name in maps[0].names)
    maps = [AffineMap(maps[0].names, m.applied(loops)) for m in maps]
    body = "product" if op.short != "generic" else _body(op, scope, len(ins), len(outs))
    label = scope.label(op)
    if body == "vector":
        return Vector(name=label, operator=op.name)
    shapes = [facts.shape if facts else () for _, facts in (*ins, *outs)]
    accesses = [Access(m.results, s) for m, s in zip(maps, shapes)]
    # Scalars that scale the whole result have no indices.
    names = maps[0].names
    extents = extents_of(names, accesses)
    if body == "other":
        reduced = [n for n in names if all(n not in s.terms for s in accesses[-1].indices)]
        if any(extents[n] > 1 for n in reduced) and len(ins) > 1:
            raise UnsupportedError(
                "E-OP: its body reduces two operands by something else than a sum of products; nothing here maps that"
            )
        return Vector(name=label, operator=op.name)
    return Stated(name=label, operator=op.name, problem=nest(label, extents, accesses[: len(ins)], accesses[-1]))


def _maps(op: Operation, scope: Scope) -> list[AffineMap] | None:
    listed = attributes(op).get("indexing_maps", [])
    if len(listed) != 1 or not isinstance(listed[0], Group):
        return None
    return [affine_map(resolve(part, scope.module)) for part in split_commas(listed[0].items)]


def _body(op: Operation, scope: Scope, inputs: int, outputs: int) -> str:
    """'product' for acc + product of all inputs, 'vector' for what reads one operand or reduces nothing, else 'other'."""
    if not op.regions:
        raise InputError("a linalg.generic without a body")
    arguments = _block_arguments(op.regions[0])
    made: dict[str, tuple[str, tuple[str, ...]]] = {}
    yielded = ""
    for inner in scope.module.inside(op.regions[0]):
        values = inner.operands()
        if inner.results:
            repeated = tuple(t.text for t in flat(inner.items) if t.kind == "value")
            made[inner.results[0]] = (inner.short, repeated)
        elif inner.short == "yield" and values:
            yielded = values[0]
    if outputs == 1 and inputs > 1 and len(arguments) == inputs + outputs and _is_product(yielded, arguments, made):
        return "product"
    return "other"


def _block_arguments(region: Group) -> list[str]:
    head = region.items[1] if len(region.items) > 1 else None
    if region.items[0].kind == "alias" and isinstance(head, Group):
        return [t.text for t in flat(head.items) if t.kind == "value"]
    return []


def _is_product(yielded: str, arguments: Sequence[str], made: dict[str, tuple[str, tuple[str, ...]]]) -> bool:
    *inputs, accumulator = arguments

    def seen(value: str) -> tuple[str, tuple[str, ...]]:
        """What makes a value, casts looked through."""
        for _ in range(len(made) + 1):
            name, operands = made.get(value, ("", ()))
            if not name.startswith(_PASSES) or not operands:
                break
            value = operands[0]
        return made.get(value, ("", (value,)))

    name, operands = seen(yielded)
    if name not in _BODY_ADDS or len(operands) != 2:
        return False
    for total, term in (operands, operands[::-1]):
        if seen(total) == ("", (accumulator,)):
            return sorted(_factors(term, seen, 16)) == sorted(inputs)
    return False


def _factors(value: str, seen: Callable[[str], tuple[str, tuple[str, ...]]], depth: int) -> list[str]:
    name, operands = seen(value)
    if name in _BODY_TIMES and depth:
        return [f for o in operands for f in _factors(o, seen, depth - 1)]
    # A zero point that is subtracted from an operand leaves the shape of the work as it is.
    if name in ("subi", "subf") and depth and operands:
        return _factors(operands[0], seen, depth - 1)
    return list(operands) if not name else [f"{name}?"]


def _product(op: Operation, scope: Scope, ins: Operands) -> AnyNode:
    labels = PRODUCTS[op.short]
    extents: dict[str, int] = {}
    for letters, (value, facts) in zip(labels[:2], ins):
        shape = facts.shape if facts else ()
        if len(shape) != len(letters):
            raise InputError(f"operand '{value}' of {op.name} has {len(shape)} axes; {len(letters)} are needed")
        for letter, size in zip(letters, shape):
            if size is None:
                raise UnsupportedError(f"E-DYN: operand '{value}' of {op.name} has a dynamic size")
            if extents.setdefault(letter, size) != size:
                raise InputError(f"operands of {op.name} disagree: {extents[letter]} and {size}")
    if len(ins) < 2:
        raise InputError(f"{op.name} needs two operands")
    return Product(name=scope.label(op), operator=op.name, labels=labels, extents=extents)


def _convolution(op: Operation, scope: Scope, ins: Operands) -> AnyNode:
    layouts = named_layouts(op.short)
    rank = sum(c.isdigit() for c in layouts[0])
    given = attributes(op)
    steps = {k: integers(given.get(k, []), scope.module, op.start) or [1] * rank for k in ("strides", "dilations")}
    if any(len(v) != rank for v in steps.values()):
        raise InputError(f"{op.name}: strides and dilations are {steps}; expected {rank} numbers each")
    for letters, (value, facts) in zip(layouts, ins):
        if facts is None or len(facts.shape) != len(letters):
            raise InputError(f"operand '{value}' of {op.name} does not have {len(letters)} axes")
    return Window(
        name=scope.label(op), operator=op.name, layouts=layouts, stride=tuple(steps["strides"]),
        dilation=tuple(steps["dilations"]), pad=(0,) * (2 * rank),
    )  # fmt: skip


def named_layouts(name: str) -> tuple[str, str, str]:
    """Layouts (see contraction.window) that a convolution's name states.

    >>> named_layouts("conv_2d_nhwc_hwcf"), named_layouts("depthwise_conv_2d_nhwc_hwcm")
    (('b01f', '01io', 'b01f'), ('b01g', '01gk', 'b01gk'))
    """
    found = _NAMED.fullmatch(name)
    if found is None:
        raise UnsupportedError(f"E-OP: 'linalg.{name}' is not a known convolution; generalize it first")
    rank = int(found[2])
    axes = dict(zip("dhw"[3 - rank :], "012"))
    data, weight = found[3] or "dhw"[3 - rank :], found[4] or "dhw"[3 - rank :]
    if found[1]:
        data_means, weight_means = {"n": "b", "c": "g"}, {"c": "g", "m": "k"}
        output = "".join(({**data_means, **axes})[c] for c in data) + ("k" if "m" in weight else "")
    elif "g" in data:
        data_means, weight_means = {"n": "b", "g": "g", "c": "c"}, {"g": "g", "f": "k", "c": "c"}
        output = "".join(({"n": "b", "g": "g", "c": "k", **axes})[c] for c in data)
    else:
        data_means, weight_means = {"n": "b", "c": "f"}, {"f": "o", "c": "i"}
        output = "".join(({**data_means, **axes})[c] for c in data)
    try:
        first = "".join(({**data_means, **axes})[c] for c in data)
        second = "".join(({**weight_means, **axes})[c] for c in weight)
    except KeyError as letter:
        raise UnsupportedError(f"E-OP: 'linalg.{name}' has an axis {letter} that is not known") from None
    return first, second, output
