"""The AlphaNet / AttentiveNAS space: networks regenerated from their seeds, and their layers in execution order.

Stages, widths and squeeze-excite follow the supernet of AttentiveNAS (Wang et al., CVPR 2021); numbers of networks are
those of Ren-Research/CoDesign. Some drawn values lie outside the trained supernet and are kept, as there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

from tileloom.explore.codesign.layer import ConvLayer, channelwise, conv, fully_connected, total_weights

SEEDS = 10_000
WIDTHS = (16, 16, 24, 32, 64, 112, 192, 216, 1792)
STRIDES = (1, 2, 2, 2, 1, 2, 1)
SQUEEZED = (3, 5, 6, 7)
"""Stages with squeeze-excite, counted from 1."""
DEEPEST = (2, 5, 6, 6, 8, 8, 2)
TAIL, CLASSES = 1296, 1000


@dataclass(frozen=True, slots=True)
class Config:
    """depth, kernel and expand of the seven stages."""

    resolution: int
    depth: tuple[int, ...]
    kernel: tuple[int, ...]
    expand: tuple[int, ...]


def config(seed: int) -> Config:
    """The network of a seed, drawn in the study's order."""
    draw = Random(seed)
    resolution = draw.choice((192, 224, 256, 288))
    kernel = [draw.choice((3, 5, 7)) for _ in range(5)]
    expand = [draw.choice((4, 5, 6)) for _ in range(5)]
    depth = [draw.choice((3, 4, 6)) for _ in range(5)]
    return Config(resolution, (1, *depth, 1), (3, *kernel, 3), (1, *expand, 6))


@cache
def configs() -> tuple[Config, ...]:
    """All networks of seeds 0 to 9999 in order, equal ones once: 9,999. The study's index counts this list."""
    return tuple(dict.fromkeys(config(seed) for seed in range(SEEDS)))


def layers(network: Config) -> tuple[ConvLayer, ...]:
    """Convolutions and fully connected layers in execution order."""
    rows = -(-network.resolution // 2)
    found = [conv(WIDTHS[0], 3, 3, network.resolution, 2)]
    channels = WIDTHS[0]
    for stage in range(7):
        for block in range(min(network.depth[stage], DEEPEST[stage])):
            stride = STRIDES[stage] if block == 0 else 1
            found += _block(network, stage, channels, rows, stride)
            channels, rows = WIDTHS[stage + 1], -(-rows // stride)
    return (
        *found,
        conv(TAIL, channels, 1, rows),
        conv(WIDTHS[-1], TAIL, 1, 1),
        fully_connected(WIDTHS[-1], CLASSES),
    )


def _block(network: Config, stage: int, channels: int, rows: int, stride: int) -> Iterator[ConvLayer]:
    out, small = WIDTHS[stage + 1], -(-rows // stride)
    middle = rounded(round(channels * network.expand[stage]))
    if channels != out:
        yield conv(out, channels, 1, small)
    if network.expand[stage] != 1:
        yield conv(middle, channels, 1, rows)
    yield channelwise(middle, network.kernel[stage], rows, stride)
    if stage + 1 in SQUEEZED:
        squeezed = rounded(middle // 4)
        yield conv(squeezed, middle, 1, 1)
        yield conv(middle, squeezed, 1, 1)
    yield conv(out, middle, 1, small)


def parameters(network: Config) -> int:
    """Trainable numbers: weights, batch normalisation (two per channel), biases of squeeze-excite and classifier.

    Blocks whose input and output have the same shape hold an unused projection in the supernet; it is counted there.
    """
    total, channels = total_weights(layers(network)), WIDTHS[0]
    for stage in range(7):
        out = WIDTHS[stage + 1]
        for block in range(min(network.depth[stage], DEEPEST[stage])):
            middle = rounded(round(channels * network.expand[stage]))
            total += channels * out if channels == out and (block or STRIDES[stage] == 1) else 0
            total += 2 * middle * (1 if network.expand[stage] == 1 else 2) + 2 * out
            total += middle + rounded(middle // 4) if stage + 1 in SQUEEZED else 0
            channels = out
    return total + 2 * WIDTHS[0] + 2 * TAIL + CLASSES


def rounded(channels: int) -> int:
    """The nearest multiple of 8 that loses no more than a tenth.

    >>> [rounded(c) for c in (4, 11, 18, 60)]
    [8, 16, 24, 64]
    """
    near = max(1, (channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near
