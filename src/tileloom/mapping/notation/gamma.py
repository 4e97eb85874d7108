"""GAMMA's genomes to and from the mapping tree: seven genes a level, read as MAESTRO's directives.

The first gene of a level is its parallel dimension and the size of a cluster; six more give a tile to each of K, C, Y, X, R,
S, outermost first. Y and X count output rows and columns. What the genome costs is MAESTRO's business.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.core.tokens import read_text
from tileloom.mapping.notation.maestro import SLIDING, Cluster, Directive, Map
from tileloom.mapping.notation.maestro_directives import directives_of_tree
from tileloom.mapping.notation.maestro_problem import ProblemLayer, layer_of
from tileloom.mapping.notation.maestro_tree import AxisPlace, assign_axes, levels_of, loops_of, tree_of
from tileloom.mapping.notation.registry import Notation, ReadMapping, Written
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import MAX_EXTENT, Problem

DIMS = ("K", "C", "Y", "X", "R", "S")
GENES = 7
MAX_LEVELS = 16
_HELD = "where tiles are held is not said: at MAESTRO's places (docs/maestro.md)"


@dataclass(frozen=True, slots=True)
class GenomeLevel:
    """parallel: dim spread over clusters; cluster: their size; tiles: (dim, size), outermost first, each of DIMS once."""

    parallel: str
    cluster: int
    tiles: tuple[tuple[str, int], ...]


Genome = tuple[GenomeLevel, ...]


def parse_genome(text: str, where: str = "genome") -> Genome:
    """The levels of a printed genome: one list, or a list per level, of [name, size] pairs. InputError with every fault."""
    lines = [line for line in text.replace("(", "[").replace(")", "]").replace("'", '"').splitlines() if line.strip()]
    lines = [line for line in lines if not line.lstrip().startswith("#")]
    try:
        # json is quick to refuse deep nesting; a genome is two or three brackets deep.
        if sum(line.count("[") for line in lines) > GENES * MAX_LEVELS * 2:
            raise InputError(f"{where}: more than {MAX_LEVELS} levels of {GENES} genes", file=where)
        found = [json.loads(line) for line in lines] if all(_closed(x) for x in lines) else [json.loads("".join(lines))]
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not a list of [dimension, size] pairs: {str(error)[:80]}", file=where) from None
    genes = _flat(found)
    wrong = [g for g in genes if not _is_gene(g)]
    if wrong or not genes or len(genes) % GENES:
        shown = (
            f"{str(wrong[0])[:40]} is no [dimension, size]"
            if wrong
            else f"{len(genes)} genes are no multiple of {GENES}"
        )
        raise InputError(
            f"{where}: {shown}; a level is [parallel dim, cluster size] and a tile of each of {' '.join(DIMS)}",
            file=where,
        )
    levels = [genes[i : i + GENES] for i in range(0, len(genes), GENES)]
    faults = [
        f"{where}: level {i + 1} gives tiles of {' '.join(d for d, _ in level[1:])}; expected each of {' '.join(DIMS)} once"
        for i, level in enumerate(levels)
        if sorted(d for d, _ in level[1:]) != sorted(DIMS)
    ]
    if faults:
        raise InputError(faults, file=where)
    return tuple(GenomeLevel(level[0][0], level[0][1], tuple((d, s) for d, s in level[1:])) for level in levels)


def _closed(line: str) -> bool:
    return line.count("[") == line.count("]") and line.strip().startswith("[") and line.strip().endswith("]")


def _flat(value: object) -> list[tuple[str, int]]:
    if isinstance(value, list) and not _is_gene(value):
        return [gene for item in value for gene in _flat(item)]
    return [tuple(value)] if isinstance(value, list) else [value]  # type: ignore[list-item]


def _is_gene(value: object) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    name, size = value
    return name in DIMS and isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= MAX_EXTENT


def format_genome(genome: Genome) -> str:
    """One level a line, as GAMMA prints it."""
    lines = [[[level.parallel, level.cluster], *map(list, level.tiles)] for level in genome]
    return "\n".join(str(line) for line in lines) + "\n"


def dataflow_of(genome: Genome, *, depthwise: bool = False) -> tuple[Directive, ...]:
    """The directives that GAMMA writes: size = offset, output rows and columns, a Cluster before every level but the first.

    depthwise  K has no part in DSCONV
    """
    flow: list[Directive] = []
    for number, level in enumerate(genome):
        flow += [Cluster(level.cluster)] if number else []
        for dim, size in level.tiles:
            if not (depthwise and dim == "K"):
                flow.append(
                    Map("spatial" if dim == level.parallel else "temporal", size, size, dim + "'" * (dim in SLIDING))
                )
    return tuple(flow)


def genome_of(mapping: MappingTree, problem: Problem) -> tuple[Genome, tuple[str, ...]]:
    """The genome of a chain, and what it loses. UnsupportedError for problems and nests that MAESTRO cannot say either."""
    named = _layer(problem)
    flow, losses = directives_of_tree(problem, named, mapping, output_rows=True)
    sizes = named.layer.sizes
    current = {
        d: problem.extents[named.dims[key]] if (key := _word(d)) in named.dims else sizes.get(d, 1) for d in DIMS
    }
    if named.layer.operator == "DSCONV":
        current["K"] = 1
    extra = [d for d in named.dims if d in ("N", "G") and problem.extents[named.dims[d]] > 1]
    if extra:
        raise UnsupportedError(
            f"GAMMA's genomes have no dimension {', '.join(extra)}; '{problem.name}' has more than 1 there"
        )
    levels = []
    for maps, cluster in levels_of(replace(named.layer, dataflow=flow)):
        before = dict(current)
        current |= {m.dim.removesuffix("'"): m.size for m in maps}
        spatial = next(m for m in maps if m.spatial).dim.removesuffix("'")
        looped = [m.dim.removesuffix("'") for m in maps]
        tiles = tuple((d, current[d]) for d in (*looped, *(d for d in DIMS if d not in looped)))
        levels.append(GenomeLevel(spatial, cluster or -(-before[spatial] // current[spatial]), tiles))
    return tuple(levels), (*named.losses, *losses)


def _word(dim: str) -> str:
    return dim + "'" if dim in SLIDING else dim


def _layer(problem: Problem) -> ProblemLayer:
    named = layer_of(problem)
    if named.layer.operator not in ("CONV", "DSCONV"):
        raise UnsupportedError(
            f"GAMMA maps CONV and DSCONV; '{problem.name}' is {named.layer.operator}. Write a matrix product as a 1x1 convolution"
        )
    return named


def tree_of_genome(genome: Genome, problem: Problem, architecture: Architecture) -> ReadMapping:
    """The nest on a chip's axes. Raises UnsupportedError for problems that are no convolution."""
    named = _layer(problem)
    layer = replace(named.layer, dataflow=dataflow_of(genome, depthwise=named.layer.operator == "DSCONV"))
    axes = [AxisPlace(f.name, a.name, a.size) for f in architecture.fanouts for a in f.axes]
    nest = loops_of(problem, named, layer, _assigned(genome, axes))
    return ReadMapping(problem, tree_of(problem, architecture, nest), (*nest.losses, _HELD))


def _assigned(genome: Genome, axes: Sequence[AxisPlace]) -> tuple[tuple[AxisPlace, ...], ...]:
    return assign_axes(len(genome), [0, *(level.cluster for level in genome[1:])], axes)


def _read(path: Path, problem: Problem | None, architecture: Architecture | None, layer: str | None) -> ReadMapping:
    genome = parse_genome(read_text(path), str(path))
    if problem is None or architecture is None:
        raise InputError(f"{path}: a genome is read with its problem and chip (--problem, --arch)")
    return tree_of_genome(genome, problem, architecture)


def _write(problem: Problem, architecture: Architecture | None, mapping: MappingTree) -> Written:
    genome, losses = genome_of(mapping, problem)
    return Written(format_genome(genome), losses)


GAMMA = Notation(name="gamma", write=_write, read=_read)
