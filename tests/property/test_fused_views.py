"""Views of one tensor, at random: axes that a shared loop may tile mean the same positions for writer and reader."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tileloom.architecture.model import Architecture, Compute, Memory, Port
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.network_graph import graph_of_network
from tileloom.workload.layers import matmul
from tileloom.workload.network import Layer, Move, Network, VectorOp
from tileloom.workload.problem import Problem

CHIP = Architecture(
    "two memories",
    (
        Memory(name="DRAM", capacity_bits=None, read=Port(energy_pj=10.0), write=Port(energy_pj=10.0)),
        Memory(name="GB", capacity_bits=4000, read=Port(energy_pj=1.0), write=Port(energy_pj=1.0)),
        Compute(name="MAC", energy_pj=1.0),
    ),
)
SIZES = (1, 2, 3, 4, 6, 8, 12)


@st.composite
def factorised(draw: st.DrawFn, total: int) -> tuple[int, ...]:
    shape: list[int] = []
    while total > 1 and len(shape) < 4:
        n = draw(st.sampled_from([d for d in range(1, total + 1) if total % d == 0]))
        shape.append(n)
        total //= n
    return (*shape, total)


@st.composite
def moved(draw: st.DrawFn) -> tuple[tuple[int, int], list[tuple[Move, tuple[int, ...]]]]:
    """The shape of what is written and the moves after it, each with the shape that it gives."""
    start = (draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES)))
    shape: tuple[int, ...] = start
    moves: list[tuple[Move, tuple[int, ...]]] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["reshape", "permute", "permute", "reshape", "part"]))
        if kind == "reshape":
            shape = draw(factorised(prod(shape)))
            moves.append((Move(kind="reshape"), shape))
        elif kind == "permute":
            order = tuple(draw(st.permutations(range(len(shape)))))
            shape = tuple(shape[i] for i in order)
            moves.append((Move(kind="permute", order=order), shape))
        else:
            ranges = []
            for n in shape:
                first = draw(st.integers(0, n - 1))
                ranges.append((first, draw(st.integers(1, n - first))))
            shape = tuple(n for _, n in ranges)
            moves.append((Move(kind="part", parts=(tuple(ranges),)), shape))
    return start, moves


def applied(data: np.ndarray, moves: list[tuple[Move, tuple[int, ...]]]) -> np.ndarray:
    for move, shape in moves:
        if move.kind == "permute":
            data = data.transpose(move.order)
        elif move.kind == "part":
            data = data[tuple(slice(a, a + n) for a, n in move.parts[0])]
        data = data.reshape(shape)
    return data


def graph_after(start: tuple[int, int], moves: list[tuple[Move, tuple[int, ...]]]) -> FusedGraph:
    made = matmul("writer", batch=(), M=start[0], N=start[1], K=2)
    ops, shapes = [], {"t0": start}
    for i, (move, shape) in enumerate(moves):
        shapes[f"t{i + 1}"] = shape
        ops.append(
            VectorOp(name=f"move{i}", operator="Move", elements=0, inputs=(f"t{i}",), outputs=(f"t{i + 1}",), move=move)
        )
    last = f"t{len(moves)}"
    shapes |= {"other": shapes[last], "y": shapes[last]}
    ops.append(
        VectorOp(name="reader", operator="Add", elements=1, inputs=(last, "other"), outputs=("y",), shape=shapes[last])
    )
    layer = Layer(name="writer", problem=made, operator="MatMul", inputs=("x",), outputs=("t0",))
    return graph_of_network(Network("random", (layer,), tuple(ops), shapes=shapes, inputs=("x", "other")), CHIP)


def positions(problem: Problem, elements: np.ndarray) -> dict[str, np.ndarray]:
    """Per dim of the output or input, its value at every element, where `elements` runs over all dims in row-major order."""
    dims = [d for d in problem.dims if d.name in problem.output.dims]
    grid = np.indices([d.extent for d in dims]).reshape(len(dims), -1)
    where = {d.name: np.full(elements.max() + 1, -1) for d in dims}
    for d, values in zip(dims, grid):
        where[d.name][elements] = values
    return where


@settings(max_examples=150, deadline=None)
@given(moved())
def test_what_may_be_tiled_together_is_the_same_positions(
    case: tuple[tuple[int, int], list[tuple[Move, tuple[int, ...]]]],
) -> None:
    start, moves = case
    seen = applied(np.arange(prod(start)).reshape(start), moves)
    if seen.size == 1 or prod(start) == 1:
        return
    made = graph_after(start, moves)
    writer, reader = (layer.problem for layer in made.layers)
    assert writer.macs == 2 * prod(start) and reader.macs == seen.size
    ours, theirs = writer.output, reader.tensor("t0")
    by_writer, by_reader = positions(writer, np.arange(prod(start))), positions(reader, seen.reshape(-1))
    for a in made.axes["t0"]:
        one, other = by_writer[ours.axes[a].terms[0][0]], by_reader[theirs.axes[a].terms[0][0]]
        read = seen.reshape(-1)
        np.testing.assert_array_equal(one[read], other[read])
    # Nothing is cut away from what is stored, whatever its views do.
    assert made.elements("t0") == prod(start)


def test_transposed_heads_are_found() -> None:
    moves = [(Move(kind="reshape"), (4, 3, 2)), (Move(kind="permute", order=(1, 0, 2)), (3, 4, 2))]
    assert graph_after((4, 6), moves).axes["t0"] == {0, 1, 2}
    # 6 x 4 seen as 4 x 6: nobody walks along both.
    assert graph_after((6, 4), [(Move(kind="reshape"), (4, 6))]).axes["t0"] == frozenset()
