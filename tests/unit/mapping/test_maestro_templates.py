"""Templates on layers of any size, problems as MAESTRO's layers, and directives as loops."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import pytest

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.models.maestro.evaluate import evaluate_layer
from tileloom.mapping.notation.maestro import Cluster, DirectiveLayer, Map, format_dataflow
from tileloom.mapping.notation.maestro_directives import directives_of
from tileloom.mapping.notation.maestro_problem import layer_of
from tileloom.mapping.notation.maestro_templates import TEMPLATES, apply_template, as_convolution
from tileloom.mapping.notation.maestro_tree import AxisPlace, assign_axes, levels_of, loops_of
from tileloom.mapping.tree import Loop
from tileloom.workload.layers import conv2d, conv_transpose, depthwise, gemm
from tileloom.workload.load import load_network
from tileloom.workload.problem import Problem

CONV = conv2d("conv-1", K=8, C=4, H=9, W=11, R=3, S=3, stride=2, pad=1)


def test_a_convolution_has_padded_sizes_and_its_strides() -> None:
    named = layer_of(CONV)
    assert (named.layer.name, named.layer.operator) == ("conv_1", "CONV")
    assert named.layer.sizes == {"K": 8, "C": 4, "R": 3, "S": 3, "Y": 11, "X": 13}
    assert named.layer.stride_of == {"X": 2, "Y": 2}
    assert (named.dims["Y'"], named.dims["S"]) == ("P", "S")


@pytest.mark.parametrize(
    ("problem", "operator", "sizes"),
    [
        (depthwise(channels=6, H=8, W=8, R=3, S=3), "DSCONV", {"C": 6, "R": 3, "S": 3, "Y": 8, "X": 8}),
        (
            conv2d(N=2, G=2, K=3, C=4, H=5, W=5, R=1, S=1),
            "NGCONV",
            {"N": 2, "G": 2, "K": 3, "C": 4, "R": 1, "S": 1, "Y": 5, "X": 5},
        ),
        (gemm(M=5, N=6, K=7), "GEMM", {"M": 5, "N": 6, "K": 7}),
    ],
)
def test_operators_are_recognised(problem: Problem, operator: str, sizes: dict[str, int]) -> None:
    layer = layer_of(problem).layer
    assert (layer.operator, layer.sizes) == (operator, sizes)


def test_dilated_filters_stand_as_dense_ones_with_as_many_outputs() -> None:
    named = layer_of(conv2d(K=2, C=2, H=9, W=9, R=3, S=3, dilation=2))
    assert named.layer.sizes["Y"] == 5 + 3 - 1
    assert named.losses[0] == "R: dilation by 2 is not said; the layer has a dense filter and as many outputs"


def test_transposed_convolutions_are_over_their_input() -> None:
    named = layer_of(conv_transpose("t", K=2, C=3, P=4, Q=5, R=2, S=2, stride=2))
    assert (named.layer.operator, named.layer.stride_of) == ("TRCONV", {})
    assert named.layer.sizes == {"K": 2, "C": 3, "R": 2, "S": 2, "Y": 4, "X": 5}
    assert named.dims["Y'"] == "P"
    assert layer_of(conv_transpose("t", K=2, C=3, P=4, Q=5, R=2, S=2, stride=3)).layer.stride_of == {"X": 3, "Y": 3}


def test_what_the_tool_cannot_say_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="both transposed and grouped"):
        layer_of(conv_transpose("t", G=2, K=2, C=2, P=4, Q=4, R=3, S=3))


@pytest.mark.parametrize("template", [t for t, v in TEMPLATES.items() if "CONV" in v.operators])
@pytest.mark.parametrize("num_pes", [1, 5, 256])
@pytest.mark.parametrize("problem", [CONV, conv2d(N=2, G=2, K=3, C=4, H=5, W=5, R=1, S=1), gemm(M=5, N=6, K=7)])
def test_every_template_runs_on_any_size_and_any_pes(template: str, num_pes: int, problem: Problem) -> None:
    layer = apply_template(template, layer_of(problem).layer, num_pes)
    clusters = [d.size for d in layer.dataflow or () if isinstance(d, Cluster)]
    assert prod(clusters) <= num_pes
    assert evaluate_layer(layer, MaestroHardware(num_pes=num_pes)).valid


def test_depthwise_layers_take_their_own_template() -> None:
    layer = apply_template("rs", layer_of(depthwise(channels=6, H=8, W=8, R=3, S=3)).layer, 16)
    assert format_dataflow(layer.dataflow or ()).startswith("SpatialMap(1,1) C; TemporalMap(3,1) Y;")


def test_templates_that_do_not_apply() -> None:
    with pytest.raises(InputError, match="did you mean 'kcp_ws'"):
        apply_template("kcp_w", layer_of(CONV).layer, 4)
    with pytest.raises(UnsupportedError, match="template 'nmk' maps GEMM, layer 'conv_1' is CONV"):
        apply_template("nmk", layer_of(CONV).layer, 4)


def test_a_matrix_product_as_a_convolution_has_the_same_work() -> None:
    layer = as_convolution(layer_of(gemm(M=5, N=6, K=7)).layer)
    assert prod(layer.sizes.values()) == 5 * 6 * 7


def nest(template: str, problem: Problem, *axes: int) -> tuple[Loop, ...]:
    named = layer_of(problem)
    layer = apply_template(template, named.layer, prod(axes))
    levels = levels_of(layer)
    places = [AxisPlace("PE", "XYZ"[i], size) for i, size in enumerate(axes)]
    return loops_of(problem, named, layer, assign_axes(len(levels), [s for _, s in levels], places)).loops


def test_loops_of_kcp_ws() -> None:
    # K folds: 8 output channels on 4 units; both channels end at 1.
    assert nest("kcp_ws", CONV, 4, 4)[:4] == (
        Loop("K", 4),
        Loop("P", 1),
        Loop("Q", 1),
        Loop("K", 1, "PE", "X"),
    )
    assert Loop("C", 1, "PE", "Y") in nest("kcp_ws", CONV, 4, 4)


def test_rows_and_filter_rows_that_move_together_spread_the_filter() -> None:
    loops = nest("rs", CONV, 4, 3)
    assert Loop("P", 1, "PE", "X") in loops
    assert Loop("R", 1, "PE", "Y") in loops


@pytest.mark.parametrize("template", [t for t, v in TEMPLATES.items() if "CONV" in v.operators])
def test_loops_cover_every_point_once(template: str) -> None:
    current = dict(CONV.extents)
    trips = 1
    for loop in nest(template, CONV, 4, 4):
        trips *= loop.trips(current[loop.dim])
        current[loop.dim] = loop.tile
    assert set(current.values()) == {1}
    assert trips >= CONV.macs


def test_levels_share_an_axis_when_there_are_too_few() -> None:
    assert assign_axes(2, [0, 4], [AxisPlace("PE", "X", 16)]) == (
        (AxisPlace("PE", "X", 4),),
        (AxisPlace("PE", "X", 4),),
    )


def test_loops_become_directives_again() -> None:
    problem = gemm(M=8, N=6, K=4)
    loops = (Loop("N", 1), Loop("M", 2, "PE", "X"), Loop("K", 1), Loop("M", 1))
    flow, losses = directives_of(problem, layer_of(problem), loops)
    assert flow == (Map("temporal", 1, 1, "N"), Map("spatial", 2, 2, "M"))
    assert "loops inside a PE: TemporalMap(1,1) K, TemporalMap(1,1) M" in losses
    layer = DirectiveLayer("g", "GEMM", (("M", 8), ("N", 6), ("K", 4)), dataflow=flow)
    assert evaluate_layer(layer, MaestroHardware(num_pes=4)).record.top.macs == problem.macs
    with pytest.raises(UnsupportedError, match="0 spatial loops"):
        directives_of(problem, layer_of(problem), loops[:1])
    next_to_each_other = (Loop("M", 4), Loop("M", 2), Loop("M", 1, "PE", "X"))
    assert directives_of(problem, layer_of(problem), next_to_each_other)[0] == (Map("spatial", 1, 1, "M"),)


def test_a_dim_that_loops_twice_gets_a_level_of_one_unit() -> None:
    problem = gemm(M=8, N=6, K=4)
    loops = (Loop("M", 4), Loop("N", 1), Loop("M", 2), Loop("M", 1, "PE", "X"))
    flow, _ = directives_of(problem, layer_of(problem), loops)
    assert format_dataflow(flow) == "SpatialMap(4,4) M; TemporalMap(1,1) N; Cluster(2,P); SpatialMap(1,1) M"
    layer = DirectiveLayer("g", "GEMM", (("M", 8), ("N", 6), ("K", 4)), dataflow=flow)
    assert evaluate_layer(layer, MaestroHardware(num_pes=2)).record.top.macs == problem.macs


def test_a_loop_that_folds_is_one_spatial_map() -> None:
    problem = gemm(M=8, N=6, K=4)
    flow, _ = directives_of(problem, layer_of(problem), (Loop("M", 4), Loop("N", 1), Loop("M", 1, "PE", "X")))
    assert flow == (Map("spatial", 1, 1, "M"), Map("temporal", 1, 1, "N"))


@pytest.mark.parametrize("template", [t for t, v in TEMPLATES.items() if "CONV" in v.operators])
@pytest.mark.parametrize(
    "problem", [CONV, conv_transpose("t", K=8, C=4, P=6, Q=6, R=3, S=3, stride=2)], ids=["conv", "transposed"]
)
def test_directives_of_a_templates_loops_mean_the_same_loops(template: str, problem: Problem) -> None:
    named = layer_of(problem)
    layer = apply_template(template, named.layer, 16)
    sizes = [size for _, size in levels_of(layer)]
    nest = loops_of(
        problem, named, layer, assign_axes(len(sizes), sizes, [AxisPlace("PE", "X", 4), AxisPlace("PE", "Y", 4)])
    )
    try:
        flow, _ = directives_of(problem, named, nest.loops)
    except UnsupportedError as error:
        assert "tiled twice" in str(error) or "tiles the filter" in str(error)
        return
    axes, current = [], dict(problem.extents)
    for loop in nest.loops:
        if loop.spatial:
            axes.append((AxisPlace(str(loop.target), str(loop.axis), loop.trips(current[loop.dim])),))
        current[loop.dim] = loop.tile
    again = loops_of(problem, named, replace(layer, dataflow=flow), axes)
    assert again.loops[: again.named] == nest.loops[: again.named]


@pytest.mark.parametrize("num_pes", [3, 256])
@pytest.mark.parametrize("network", ["alexnet", "resnet18", "mobilenetv2"])
def test_templates_on_published_networks(network: str, num_pes: int) -> None:
    """Filters of 1, 3, 5, 7 and 11, strides, depthwise and dense layers, and clusters larger than the chip."""
    chip = MaestroHardware(num_pes=num_pes, noc_elements_per_cycle=64)
    for template in TEMPLATES:
        for distinct in load_network(network).problems:
            named = layer_of(distinct.problem).layer
            if named.operator not in (*TEMPLATES[template].operators, "DSCONV"):
                continue
            found = evaluate_layer(apply_template(template, named, num_pes), chip)
            assert found.valid, (template, named)
            # Whole tiles are counted, so the model's work is that of the layer or more.
            assert found.record.top.macs >= distinct.problem.macs
