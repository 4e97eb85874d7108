"""Options that several commands share, and how NAME=VALUE arguments are read."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tileloom.core.errors import IllegalMappingError, InputError
from tileloom.core.options import plain_value

if TYPE_CHECKING:
    from tileloom.architecture.model import Architecture
    from tileloom.explore.sources import FusedWork
    from tileloom.mapping.tree import MappingTree
    from tileloom.workload.problem import Problem

Arch = Annotated[str, typer.Option("--arch", metavar="ARCH", help="Library name or YAML file of the chip.")]
Bind = Annotated[
    list[str] | None, typer.Option("--bind", metavar="NAME=N", help="Size of a symbolic dimension; may be repeated.")
]
Bits = Annotated[int | None, typer.Option("--bits", min=1, help="Bits per value where the source does not say.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]
Model = Annotated[str, typer.Option("--model", metavar="MODEL", help="Cost model.")]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model-option", metavar="NAME=VALUE", help="Option of the cost model (mode=faithful); may be repeated."
    ),
]
ProblemSource = Annotated[
    str,
    typer.Option(
        "--problem",
        metavar="P",
        help="YAML file, network.onnx:layer, or an einsum with --size; of a fused mapping a network, or einsums with ; between.",
    ),
]
MappingFile = Annotated[str, typer.Argument(metavar="MAPPING", help="Mapping file (YAML); - reads standard input.")]
Size = Annotated[
    list[str] | None, typer.Option("--size", metavar="DIM=N", help="Extent of an einsum's dimension; may be repeated.")
]
Variables = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Variable of a template file; may be repeated.")
]

Persistent = Annotated[
    list[str] | None,
    typer.Option(
        "--persistent", metavar="TENSOR", help="Of a fused mapping: stays in its memory throughout; may be repeated."
    ),
]
ConstraintFiles = Annotated[
    list[Path] | None,
    typer.Option("--constraints", metavar="FILE", help="Rules that narrow the space (YAML); several files: all hold."),
]
Progress = Annotated[bool, typer.Option("--progress", help="Draw a progress bar without a terminal.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither use nor write remembered answers.")]
StudyOut = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write tables and report.html here.")]
OnlyLayers = Annotated[list[str] | None, typer.Option("--layer", help="Only this layer; may be repeated.")]
MapperOption = Annotated[list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="Mapper option.")]
Gap = Annotated[
    float,
    typer.Option("--gap", min=0, max=1, help="Mapper optimal: stop at this proven relative gap; 0 proves the optimum."),
]
NodeLimit = Annotated[
    int,
    typer.Option(
        "--node-limit", min=0, help="Mapper optimal: give up after this many nodes with the bound reached; 0 = never."
    ),
]


def give_text(text: str, losses: Sequence[str], out: Path | None, strict: bool, quiet: bool = False) -> int:
    """Writes an exported text to a file or standard output, its losses to standard error; returns the exit code.

    strict   nothing is written when something is lost, and the code is 1;  quiet   only a file is written
    """
    from tileloom.core.files import write_text_atomic

    for loss in () if quiet else losses:
        typer.echo(f"lost: {loss}", err=True)
    if strict and losses:
        return 1
    if out is not None:
        write_text_atomic(out, text)
    elif not quiet:
        typer.echo(text, nl=False)
    return 0


@contextmanager
def naming(mapping: str) -> Iterator[None]:
    """Broken rules that are raised inside carry the name of the mapping's file."""
    try:
        yield
    except IllegalMappingError as error:
        raise InputError([f"{mapping}: {d}" for d in error.diagnostics], file=mapping) from error


def pairs(option: str, values: Sequence[str] | None) -> dict[str, str]:
    """['N=1'] -> {'N': '1'}; InputError names every value that is not NAME=VALUE."""
    split = [v.partition("=") for v in values or ()]
    wrong = [f"{option} {n}{e}{v}: expected NAME=VALUE" for n, e, v in split if not (n.strip() and e and v.strip())]
    if wrong:
        raise InputError(wrong)
    return {n.strip(): v.strip() for n, _, v in split}


def sizes(option: str, values: Sequence[str] | None) -> dict[str, int]:
    """['N=1'] -> {'N': 1}; InputError names every value that is not a positive whole number."""
    given = pairs(option, values)
    wrong = [
        f"{option} {n}={v}: expected a whole number, at least 1"
        for n, v in given.items()
        if not v.isdecimal() or int(v) < 1
    ]
    if wrong:
        raise InputError(wrong)
    return {n: int(v) for n, v in given.items()}


def plain_pairs(option: str, values: Sequence[str] | None) -> dict[str, bool | int | float | str]:
    """['n=2', 'fast=true'] -> {'n': 2, 'fast': True}; what is neither a number nor true/false stays text."""
    return {name: plain_value(text) for name, text in pairs(option, values).items()}


def model_spec(model: str, given: Sequence[str] | None) -> str:
    """'dmazerunner' and ['mode=faithful'] -> 'dmazerunner:mode=faithful'. InputError when the model does not take it."""
    from tileloom.cost.registry import get_model

    wrong = [f"--model-option {v}: an option cannot hold a comma" for v in given or () if "," in v]
    if wrong:
        raise InputError(wrong)
    settings = [f"{n}={v}" for n, v in pairs("--model-option", given).items()]
    spec = model if not settings else f"{model}{',' if ':' in model else ':'}{','.join(settings)}"
    get_model(spec)
    return spec


def read_mapping(
    source: str, problem: Problem, chip: Architecture | None = None, text: str | None = None
) -> MappingTree:
    """The mapping of a file, or of standard input for '-' (`text` if that is read already). With the chip also of a
    dMazeRunner execution method."""
    from tileloom import api

    if source != "-":
        return api.load_mapping(source, problem, chip)
    from tileloom.mapping.yaml import mapping_from_yaml

    return mapping_from_yaml((sys.stdin.read() if text is None else text) + "\n", problem)


def fused_mapping(source: str) -> tuple[MappingTree | None, str | None]:
    """(the tree, where the file is a mapping with branches; the text, where it came from standard input)."""
    from tileloom.mapping.yaml import branched_mapping_from_yaml

    text = sys.stdin.read() + "\n" if source == "-" else None
    return branched_mapping_from_yaml(Path(source) if text is None else text), text


def read_fused_problems(
    problem: str,
    arch: str,
    size: Sequence[str] | None,
    bind: Sequence[str] | None,
    bits: int | None,
    variables: Sequence[str] | None,
) -> tuple[FusedWork, Architecture]:
    """As `read_problem_and_chip`, of a mapping of several problems."""
    from tileloom import api
    from tileloom.explore.sources import load_problems

    given = plain_pairs("--set", variables)
    chip = api.load_architecture(arch, variables=given)
    found = load_problems(
        problem, chip, sizes=sizes("--size", size), bind=sizes("--bind", bind), bits=bits, variables=given
    )
    return found, chip


def read_problem_and_chip(
    problem: str,
    arch: str,
    size: Sequence[str] | None,
    bind: Sequence[str] | None,
    bits: int | None,
    variables: Sequence[str] | None,
) -> tuple[Problem, Architecture]:
    """What `evaluate`, `check` and `compare` are about."""
    from tileloom import api

    given = plain_pairs("--set", variables)
    work = api.load_problem(
        problem, sizes=sizes("--size", size), bind=sizes("--bind", bind), bits=bits, variables=given
    )
    return work, api.load_architecture(arch, variables=given, workload=work)
