"""Problems for work without multiply-accumulates: element by element, reductions, pooling, look-ups, enlarging.

Each takes logical shapes and gives a problem over dims d0, d1, ... of the axes with more than one position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from tileloom.workload.network import VectorOp
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

Shape = Sequence[int]


def elementwise(name: str, inputs: Mapping[str, Shape], output: str, shape: Shape) -> Problem | None:
    """Inputs (tensor -> shape) broadcast to `shape` as NumPy does it; None where one does not."""
    dims = {i: Dim(f"d{i}", n) for i, n in enumerate(shape) if n > 1}
    if not dims:
        return None
    tensors = []
    for tensor, own in inputs.items():
        lead = len(shape) - len(own)
        if lead < 0 and prod(own[:-lead]) != 1:
            return None
        sizes = [own[i - lead] if i >= lead else 1 for i in range(len(shape))]
        if any(n not in (1, m) for n, m in zip(sizes, shape)):
            return None
        tensors.append(Tensor(tensor, "input", tuple(_axis(dims[i]) for i, n in enumerate(sizes) if n > 1)))
    tensors.append(Tensor(output, "output", tuple(_axis(d) for d in dims.values())))
    return Problem(name, tuple(dims.values()), tuple(tensors), op="elementwise")


def reduction(name: str, source: str, shape: Shape, axes: Sequence[int], output: str) -> Problem | None:
    """None where nothing would be left to write along."""
    dims = {i: Dim(f"d{i}", n) for i, n in enumerate(shape) if n > 1}
    kept = [d for i, d in dims.items() if i not in axes]
    if not kept:
        return None
    tensors = (
        Tensor(source, "input", tuple(_axis(d) for d in dims.values())),
        Tensor(output, "output", tuple(_axis(d) for d in kept)),
    )
    return Problem(name, tuple(dims.values()), tensors, op="reduction")


def lookup(name: str, ids: str, shape: Shape, output: str, table: str, given: Shape) -> Problem | None:
    """Rows of a table by number: every value of the output is one value of the table (`given`: shape of the ids)."""
    dims = {i: Dim(f"d{i}", n) for i, n in enumerate(shape) if n > 1}
    if list(shape[: len(given)]) != list(given) or not dims:
        return None
    axes = tuple(_axis(d) for d in dims.values())
    rows = tuple(_axis(d) for i, d in dims.items() if i < len(given))
    tensors = (Tensor(ids, "input", rows), Tensor(table, "weight", axes), Tensor(output, "output", axes))
    return Problem(name, tuple(dims.values()), tensors, op="lookup")


def enlarged(name: str, source: str, shape: Shape, output: str, larger: Shape) -> Problem | None:
    """Every value written several times side by side; None where the factors are not whole numbers."""
    if len(shape) != len(larger) or any(m % n for n, m in zip(shape, larger)):
        return None
    dims, read, written = list[Dim](), list[Axis](), list[Axis]()
    for i, (n, m) in enumerate(zip(shape, larger)):
        if n > 1:
            dims.append(Dim(f"d{i}", n))
            read.append(_axis(dims[-1]))
            written.append(_axis(dims[-1]))
        if m > n:
            dims.append(Dim(f"e{i}", m // n))
            written.append(_axis(dims[-1]))
    tensors = (Tensor(source, "input", tuple(read)), Tensor(output, "output", tuple(written)))
    return Problem(name, tuple(dims), tensors, op="resize") if read else None


def pooling(node: VectorOp, source: str, shape: Shape) -> Problem | None:
    """Channels times windows; a kernel as large as the map gives one position."""
    window = node.window
    if window is None or len(shape) != 2 + len(window.kernel):
        return None
    dims, read, written = list[Dim](), list[Axis](), list[Axis]()
    for name, n in zip("NC", shape[:2]):
        if n > 1:
            dims.append(Dim(name, n))
            read.append(_axis(dims[-1]))
            written.append(_axis(dims[-1]))
    for i, (out, kernel, stride, pad) in enumerate(zip(shape[2:], window.kernel, window.strides, window.pads)):
        terms = []
        if out > 1:
            dims.append(Dim(f"P{i}", out))
            terms.append((f"P{i}", stride))
            written.append(Axis(((f"P{i}", 1),)))
        if kernel > 1:
            dims.append(Dim(f"R{i}", kernel))
            terms.append((f"R{i}", 1))
        if terms:
            read.append(Axis(tuple(terms), pad_lo=pad))
    if not written:
        return None
    tensors = (Tensor(source, "input", tuple(read)), Tensor(node.outputs[0], "output", tuple(written)))
    return Problem(node.name, tuple(dims), tensors, op="pooling")


def _axis(dim: Dim) -> Axis:
    return Axis(((dim.name, 1),))
