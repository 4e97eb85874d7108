"""im2col: equal results element by element, and the counts of its patches by hand."""

import pytest

from tileloom.core.errors import UnsupportedError
from tileloom.workload.layers import conv1d, conv2d, depthwise, gemm
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite import numeric
from tileloom.workload.rewrite.algorithms import rewrite, rewrites
from tileloom.workload.rewrite.im2col import gathered_elements

LAYERS = [
    conv2d("plain", N=2, K=3, C=2, H=5, W=4, R=3, S=2),
    conv2d("strided and padded", K=3, C=2, H=7, W=5, R=3, S=3, stride=2, pad=1),
    conv2d("dilated, grouped", G=2, K=2, C=2, H=5, W=5, R=3, S=3, dilation=2, pad=2),
    depthwise("depthwise", channels=3, H=5, W=5, R=3, S=3),
    conv1d("one axis", K=2, C=3, W=8, R=3, stride=4),
    conv2d("strided pointwise", K=3, C=2, H=5, W=5, R=1, S=1, stride=2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda p: p.name)
def test_both_gathers_give_the_convolution_element_by_element(layer: Problem) -> None:
    arrays = numeric.sample_arrays(layer)
    expected = numeric.run(layer, arrays)
    found = [r.label for r in rewrites(layer) if (numeric.run_rewritten(r, arrays) == expected).all()]
    assert found == ["native", "im2col", "im2col-gather", "im2col-implicit"]
    assert expected.any()


@pytest.mark.parametrize("layer", LAYERS, ids=lambda p: p.name)
def test_reads_are_the_patch_positions_outside_the_padding(layer: Problem) -> None:
    image = layer.inputs[0]
    inside = 0
    seen = set()
    for point in numeric.points(layer):
        place = numeric.index(image, point)
        spans = numeric.shape(layer, image)
        key = tuple(v for d, v in point.items() if d in image.dims)
        if key not in seen and all(
            a.pad_lo <= at < span - a.pad_hi for a, at, span in zip(image.axes, place, spans, strict=True)
        ):
            inside += 1
        seen.add(key)
    assert gathered_elements(layer, image) == inside


def test_shapes_and_blow_up() -> None:
    # 3x3 over 4x4 unpadded: 4 output positions of 9 values each, from 16 stored ones.
    layer = conv2d("c", K=8, C=1, H=4, W=4, R=3, S=3)
    found = rewrite(layer, "im2col")
    assert found.problem.extents == {"M": 4, "N": 8, "K": 9}
    assert (found.moves[0].reads, found.moves[0].writes) == (36, 36)
    assert "36 patch elements of 16 stored ones (2.25x)" in found.notes
    assert rewrite(layer, "im2col-implicit").moves == ()


def test_groups_are_a_batch_of_products() -> None:
    assert rewrite(LAYERS[2], "im2col").problem.extents == {"B": 2, "M": 25, "N": 2, "K": 18}


def test_what_has_no_window_is_refused_with_what_takes_it() -> None:
    with pytest.raises(UnsupportedError, match="it takes: native, ttgt, ttgt-comet"):
        rewrite(gemm(M=4, N=4, K=4), "im2col")
    with pytest.raises(UnsupportedError, match=r"every index of '1x1' is one dim \(take ttgt\)"):
        rewrite(conv2d("1x1", K=4, C=4, H=4, W=4, R=1, S=1), "im2col")
