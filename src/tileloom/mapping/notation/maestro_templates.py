"""MAESTRO's dataflow templates as data, and how one is applied to a layer of any size. Evaluates nothing.

A template is a text in the directive language whose sizes may be symbolic (`Sz(R)`). Where the original's template
breaks it is mended: ykp_os steps by the filter's size instead of 7, maeri's apostrophes are plain ones, clusters shrink
to the PEs there are, tiles of columns to those there are, and a batch or group dimension runs outermost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.mapping.notation.maestro import Cluster, Directive, DirectiveLayer
from tileloom.mapping.notation.maestro_reader import parse_dataflow

_FILTER = "TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;"
_WINDOW = "TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X;"


@dataclass(frozen=True, slots=True)
class Template:
    """about: whose dataflow it is;  operators: what it maps;  text: the directives."""

    name: str
    about: str
    operators: tuple[str, ...]
    text: str


_CONV = ("CONV", "NGCONV", "TRCONV")
_ALL = (
    Template(
        "kcp_ws",
        "weights stay, output and input channels spread (NVDLA-like)",
        _CONV,
        f"SpatialMap(1,1) K; TemporalMap(64,64) C; {_FILTER} {_WINDOW} Cluster(64,P); SpatialMap(1,1) C; {_WINDOW} {_FILTER}",
    ),
    Template(
        "xp_ws",
        "weights stay, columns spread",
        _CONV,
        f"TemporalMap(1,1) K; TemporalMap(1,1) C; TemporalMap(Sz(R),1) Y; SpatialMap(Sz(S),1) X; {_FILTER}",
    ),
    Template(
        "rs",
        "rows stay (Eyeriss-like)",
        _CONV,
        f"SpatialMap(1,1) Y'; TemporalMap(1,1) X'; TemporalMap(1,1) C; TemporalMap(16,16) K; {_FILTER} Cluster(Sz(R),P); "
        "SpatialMap(1,1) Y; SpatialMap(1,1) R; TemporalMap(Sz(S),Sz(S)) S;",
    ),
    Template(
        "ykp_os",
        "outputs stay, rows and output channels spread (ShiDianNao-like)",
        _CONV,
        f"TemporalMap(16,16) K; SpatialMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; TemporalMap(1,1) C; Cluster(16,P); "
        f"SpatialMap(1,1) K; {_WINDOW} {_FILTER}",
    ),
    Template(
        "maeri",
        "one multiplier per weight, sums through a tree (MAERI-like)",
        _CONV,
        f"TemporalMap(1,1) C; SpatialMap(1,1) K; TemporalMap(1,1) Y'; TemporalMap(1,1) X'; {_FILTER} Cluster(Sz(R),P); "
        "SpatialMap(1,1) Y; SpatialMap(1,1) R; Cluster(Sz(S),P); SpatialMap(1,1) X; SpatialMap(1,1) S;",
    ),
    Template(
        "nlr",
        "nothing stays, input channels spread",
        _CONV,
        f"TemporalMap(1,1) K; {_WINDOW} {_FILTER} SpatialMap(1,1) C;",
    ),
    Template(
        "yxp_os",
        "outputs stay, rows and columns spread",
        _CONV,
        "TemporalMap(1,1) K; TemporalMap(1,1) C; SpatialMap(Sz(R),1) Y; TemporalMap(8+Sz(S)-1,8) X; Cluster(8,P); "
        f"SpatialMap(Sz(S),1) X; {_FILTER}",
    ),
    Template(
        "ckp_ws",
        "weights stay, input and output channels spread",
        _CONV,
        f"SpatialMap(1,1) C; TemporalMap(64,64) K; {_FILTER} TemporalMap(1,1) Y'; TemporalMap(1,1) X'; Cluster(64,P); "
        f"SpatialMap(1,1) K; {_FILTER}",
    ),
    Template("dpt", "depthwise: channels spread", ("DSCONV",), f"SpatialMap(1,1) C; {_WINDOW} {_FILTER}"),
    Template(
        "nmk",
        "matrix product: rows and the sum spread",
        ("GEMM",),
        "TemporalMap(1,1) N; SpatialMap(1,1) M; TemporalMap(100,100) K; Cluster(100,P); TemporalMap(1,1) N; "
        "TemporalMap(1,1) M; SpatialMap(1,1) K;",
    ),
)
TEMPLATES = {t.name: t for t in _ALL}


def get_template(name: str) -> Template:
    """A template by name. Raises InputError with the known names."""
    if name not in TEMPLATES:
        raise InputError(f"no template '{name}'{did_you_mean(name, TEMPLATES)}; there are {', '.join(TEMPLATES)}")
    return TEMPLATES[name]


def apply_template(name: str, layer: DirectiveLayer, num_pes: int) -> DirectiveLayer:
    """The layer with a template's dataflow. Raises InputError for an unknown name, UnsupportedError for another operator.

    Depthwise layers take the depthwise template whatever the name, as the original's generator does. Matrix products
    take part as convolutions by a 1 x 1 filter over M rows (`as_convolution`).
    """
    template = get_template(name)
    if layer.operator == "DSCONV":
        template = TEMPLATES["dpt"]
    elif layer.operator == "GEMM" and "GEMM" not in template.operators:
        layer = as_convolution(layer)
    if layer.operator not in template.operators:
        fitting = [t.name for t in _ALL if layer.operator in t.operators]
        raise UnsupportedError(
            f"template '{template.name}' maps {', '.join(template.operators)}, layer '{layer.name}' is {layer.operator}; "
            f"use one of {', '.join(fitting)}"
        )
    outer = "".join(f"TemporalMap(1,1) {d}; " for d in ("N", "G") if d in layer.sizes and layer.operator != "GEMM")
    return replace(layer, dataflow=_fitted(parse_dataflow(outer + _columns(template.text, layer), layer), num_pes))


def _columns(text: str, layer: DirectiveLayer) -> str:
    """The text with yxp_os's 8 columns and their halo as numbers, which the language has no word for; fewer where X has fewer."""
    filter_size = layer.sizes.get("S", 1)
    columns = max(min(8, layer.sizes.get("X", 1) - filter_size + 1), 1)
    return text.replace("8+Sz(S)-1,8", f"{columns + filter_size - 1},{columns}")


def as_convolution(layer: DirectiveLayer) -> DirectiveLayer:
    """O[M, N] += I[M, K] * W[K, N] as a convolution: K = N output channels, C = K input channels, M rows."""
    sizes = layer.sizes
    extents = (("K", sizes["N"]), ("C", sizes["K"]), ("R", 1), ("S", 1), ("Y", sizes["M"]), ("X", 1))
    return replace(layer, operator="CONV", extents=extents)


def _fitted(dataflow: tuple[Directive, ...], num_pes: int) -> tuple[Directive, ...]:
    """Clusters cut down, outermost first, so that their product is no more than the PEs."""
    left = num_pes
    fitted: list[Directive] = []
    for directive in dataflow:
        if isinstance(directive, Cluster):
            directive = replace(directive, size=min(directive.size, left))
            left //= directive.size
        fitted.append(directive)
    return tuple(fitted)
