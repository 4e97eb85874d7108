"""The DARTS space (cells of NAS-Bench-301): networks regenerated from their seeds, and their layers in execution order.

Cells and layer order follow the network that DARTS trains on CIFAR-10 (Liu et al., ICLR 2019) with 36 channels and 20
cells; numbers of networks are seeds of numpy's legacy generator, as in Ren-Research/CoDesign. No accuracy is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tileloom.explore.codesign.layer import ConvLayer, channelwise, conv, fully_connected

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
SIZE = 10_000
"""Seeds that the study draws from."""
CELLS, REDUCTIONS, CHANNELS, CLASSES = 20, (6, 13), 36, 10
Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Genotype:
    """Two edges (input node, operation) per intermediate node; nodes 0 and 1 are the outputs of the two cells before."""

    normal: tuple[Edge, ...]
    reduce: tuple[Edge, ...]


def genotype(seed: int) -> Genotype:
    """The network of a seed, drawn in the study's order."""
    draw = np.random.RandomState(seed)
    normal: list[Edge] = []
    reduce: list[Edge] = []
    for node in range(4):
        operations = draw.choice(range(len(OPERATIONS)), 4)
        sources = draw.choice(range(node + 2), 2, replace=False), draw.choice(range(node + 2), 2, replace=False)
        normal += [(int(sources[0][i]), int(operations[i])) for i in (0, 1)]
        reduce += [(int(sources[1][i]), int(operations[2 + i])) for i in (0, 1)]
    return Genotype(tuple(normal), tuple(reduce))


@dataclass(frozen=True, slots=True)
class _Map:
    """Channels and rows of a square feature map."""

    channels: int
    rows: int


def layers(network: Genotype, resolution: int = 32, auxiliary: bool = False) -> tuple[ConvLayer, ...]:
    """Convolutions and fully connected layers in execution order; pools, sums and concatenations cost nothing.

    auxiliary: with the second classifier after cell 13, which the study's published vectors (at 16x16) contain.
    """
    found = [conv(3 * CHANNELS, 3, 3, resolution)]
    before = last = _Map(3 * CHANNELS, resolution)
    width, reduced = CHANNELS, False
    for cell in range(CELLS):
        reduction = cell in REDUCTIONS
        width *= 2 if reduction else 1
        found += _cell(network.reduce if reduction else network.normal, before, last, width, reduction, reduced)
        rows = _halved(last.rows) if reduction else last.rows
        before, last, reduced = last, _Map(4 * width, rows), reduction
        if auxiliary and cell == REDUCTIONS[-1]:
            found += [conv(128, 4 * width, 1, 2), conv(768, 128, 2, 2), fully_connected(768, CLASSES)]
    return (*found, fully_connected(4 * width, CLASSES))


def _cell(
    edges: tuple[Edge, ...], before: _Map, last: _Map, width: int, reduction: bool, after_reduction: bool
) -> Iterator[ConvLayer]:
    # The map from before a reduction is halved by two convolutions, the second of which sees it shifted by a pixel.
    if after_reduction:
        yield conv(width // 2, before.channels, 1, before.rows, 2)
        yield conv(width // 2, before.channels, 1, before.rows - 1, 2)
    else:
        yield conv(width, before.channels, 1, before.rows)
    yield conv(width, last.channels, 1, last.rows)
    inside = _halved(last.rows) if reduction else last.rows
    for source, operation in edges:
        outer = source < 2
        yield from _operation(
            OPERATIONS[operation], width, last.rows if outer else inside, 2 if reduction and outer else 1
        )


def _operation(name: str, width: int, rows: int, stride: int) -> Iterator[ConvLayer]:
    kind, size = name.rsplit("_", 1)
    if kind == "skip" and stride == 2:
        yield conv(width // 2, width, 1, rows, 2)
        yield conv(width // 2, width, 1, rows - 1, 2)
    elif kind in ("sep_conv", "dil_conv"):
        kernel, out = int(size[0]), -(-rows // stride)
        yield channelwise(width, kernel, rows, stride)
        yield conv(width, width, 1, out)
        if kind == "sep_conv":
            yield channelwise(width, kernel, out)
            yield conv(width, width, 1, out)


def _halved(rows: int) -> int:
    return -(-rows // 2)
