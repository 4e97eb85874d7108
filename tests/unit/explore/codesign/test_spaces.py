"""Spaces: sizes and facts that the papers and the study's repository state, and choosing from them."""

from __future__ import annotations

import pytest

from tileloom.core.errors import InputError
from tileloom.explore.codesign import alphanet, darts
from tileloom.explore.codesign.layer import ConvLayer, ProblemUnit, conv, fully_connected, total_macs
from tileloom.explore.codesign.space import SPACES, select, zoo
from tileloom.workload.layers import conv2d


def test_the_alphanet_space_has_9999_networks_of_588_layer_shapes() -> None:
    assert len(alphanet.configs()) == 9_999
    assert len({u for c in alphanet.configs() for u in alphanet.layers(c)}) == 588


def test_darts_networks_share_29_layer_shapes_and_32_with_the_auxiliary_head() -> None:
    some = [darts.genotype(seed) for seed in range(0, 10_000, 50)]
    assert len({u for g in some for u in darts.layers(g)}) == 29
    assert len({u for g in some for u in darts.layers(g, 16, auxiliary=True)}) == 32


def test_darts_cells_without_convolutions_leave_preprocessing_only() -> None:
    pools = darts.Genotype(((0, 0), (1, 1)) * 4, ((0, 0), (1, 0)) * 4)
    found = darts.layers(pools)
    # Stem, two per cell, one more after each reduction, classifier.
    assert len(found) == 1 + 2 * 20 + 2 + 1
    assert found[-1] == fully_connected(576, 10)


def test_a_layer_as_a_problem_has_its_macs() -> None:
    for layer in (conv(64, 3, 7, 224, 2), ConvLayer("DSCONV", 1, 96, 3, 3, 113, 113, 2), fully_connected(1792, 1000)):
        assert layer.problem().macs == layer.macs


def test_equal_problems_are_one_unit_whatever_their_names() -> None:
    first, second = (ProblemUnit.of_problem(conv2d(n, K=8, C=4, H=8, W=8, R=3, S=3)) for n in ("a", "b"))
    assert first == second
    assert first.macs == 8 * 4 * 9 * 36
    assert first.weights == 8 * 4 * 9


def test_the_zoo_has_published_accuracies_and_layers() -> None:
    space = zoo()
    assert len(space) == 7
    number = space.sources.index("resnet18")
    assert space.accuracy(number) == 69.758
    assert total_macs(space.layers(number)) == 1_814_073_344


def test_unknown_spaces_and_numbers_are_named() -> None:
    with pytest.raises(InputError, match="did you mean 'alphanet'"):
        SPACES.get("alphanett")
    with pytest.raises(InputError) as caught:
        select(SPACES.get("alphanet"), [0, 9_999, 3, 3])
    assert "no network 9999; numbers run from 0 to 9998" in str(caught.value)
    assert "network 3 of space 'alphanet' is chosen more than once" in str(caught.value)
