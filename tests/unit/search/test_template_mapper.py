"""The template mapper: MAESTRO's dataflows on Tileloom's chips."""

from __future__ import annotations

import pytest

from tileloom.architecture.load import load_architecture
from tileloom.core.errors import InputError
from tileloom.mapping.legality import is_legal
from tileloom.search.mappers.exhaustive import default_model
from tileloom.search.mappers.template import TemplateMapper
from tileloom.search.registry import make_mapper
from tileloom.workload.layers import conv2d, conv_transpose

LAYER = conv2d("c", K=16, C=8, H=10, W=10, R=3, S=3)


@pytest.mark.parametrize(("template", "chip"), [("rs", "eyeriss"), ("kcp_ws", "nvdla-like"), ("ckp_ws", "nvdla-like")])
def test_a_template_on_the_chip_it_is_named_after(template: str, chip: str) -> None:
    architecture = load_architecture(chip)
    result = TemplateMapper(template).search(LAYER, architecture, "edp")
    assert result.status == "feasible"
    assert result.mapping is not None and result.cost is not None
    assert is_legal(LAYER, architecture, result.mapping)
    assert result.cost == default_model().evaluate(LAYER, architecture, result.mapping)
    assert any(loop.spatial for loop in result.mapping.loops)


def test_a_template_that_the_wires_do_not_allow_says_so() -> None:
    result = TemplateMapper("kcp_ws").search(LAYER, load_architecture("eyeriss"), "energy")
    assert result.status == "infeasible"
    assert result.reasons[0] == "template 'kcp_ws' does not fit 'eyeriss' in any place for its tiles"
    assert any(r.startswith("E-AXISDIMS") for r in result.reasons[1:])


def test_a_layer_that_the_directives_cannot_say_is_infeasible_with_the_reason() -> None:
    problem = conv_transpose("t", G=2, K=2, C=2, P=4, Q=4, R=3, S=3)
    result = TemplateMapper().search(problem, load_architecture("eyeriss"), "edp")
    assert (result.status, "transposed and grouped" in result.reasons[0]) == ("infeasible", True)


def test_the_template_is_an_option() -> None:
    assert make_mapper("template", {"template": "rs"}) == TemplateMapper("rs", model=default_model())
    with pytest.raises(InputError, match="expected a name"):
        make_mapper("template", {"template": 3})
    with pytest.raises(InputError, match="did you mean 'rs'"):
        TemplateMapper("rss").search(LAYER, load_architecture("eyeriss"), "edp")
