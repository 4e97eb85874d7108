"""A MAESTRO mapping file on a MAESTRO hardware file, faithful or corrected: values and rows, no printing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import IllegalMappingError, InputError, UnsupportedError
from tileloom.cost.models.maestro.columns import Row, csv_rows, screen, warnings
from tileloom.cost.models.maestro.corrected import Corrected, evaluate_corrected
from tileloom.cost.models.maestro.evaluate import Evaluated, evaluate_layers_apart
from tileloom.cost.models.maestro.technology import RELEASED, Technology
from tileloom.explore.record import cost_record
from tileloom.mapping.legality import Diagnostic
from tileloom.mapping.notation.maestro import DirectiveLayer, MaestroFile
from tileloom.mapping.notation.maestro_refusal import RefusedError

MODES = ("corrected", "faithful")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A layer that was not evaluated: the rule it breaks, why, and what the original does with it."""

    layer: str
    line: int
    rule: str
    reason: str
    original: str


@dataclass(frozen=True, slots=True)
class FaithfulReport:
    """csv: the original's file row by row; screen: its report's quantities, per layer; warnings at its end."""

    layers: tuple[Evaluated, ...]
    csv: tuple[Row, ...]
    screen: tuple[Row, ...]
    warnings: tuple[str, ...]
    refused: tuple[Refusal, ...]

    def as_plain(self) -> dict[str, Any]:
        layers = [
            {"name": e.layer.name, "valid": e.valid, "skipped": e.why_skipped or None, "csv": c, "screen": s}
            for e, c, s in zip(self.layers, self.csv, self.screen)
        ]
        return {"mode": "faithful", "layers": layers, "warnings": list(self.warnings), "refused": _plain(self.refused)}


@dataclass(frozen=True, slots=True)
class CorrectedReport:
    """Names and corrected costs of the layers that have one; warnings of the file."""

    layers: tuple[tuple[str, Corrected], ...]
    refused: tuple[Refusal, ...]
    warnings: tuple[str, ...] = ()

    def as_plain(self) -> dict[str, Any]:
        layers = [
            {"name": name, "losses": list(found.losses), "mapping": str(found.mapping), **cost_record(found.cost)}
            for name, found in self.layers
        ]
        warned = {"warnings": list(self.warnings)}
        return {"mode": "corrected", "layers": layers, **warned, "refused": _plain(self.refused)}


def evaluate_file(
    file: MaestroFile, hardware: MaestroHardware, mode: str = "corrected", technology: Technology = RELEASED
) -> FaithfulReport | CorrectedReport:
    """All layers of a file; one that is refused does not hide the others. Raises InputError for an empty file or unknown mode."""
    if mode not in MODES:
        raise InputError(f"no mode '{mode}'; there are {', '.join(MODES)}")
    if not file.layers:
        raise InputError(f"{file.path or 'the mapping'} has no layers", file=file.path or None)
    if mode == "corrected":
        return _corrected(file, hardware, technology)
    evaluated: list[Evaluated] = []
    refused: list[Refusal] = []
    for layer, found in zip(file.layers, evaluate_layers_apart(file.layers, hardware)):
        if isinstance(found, RefusedError):
            refused.append(_refusal(layer, found))
        else:
            evaluated.append(found)
    rows = csv_rows(file.network, evaluated, technology)
    screens = tuple(screen(e, technology) for e in evaluated)
    return FaithfulReport(tuple(evaluated), rows, screens, warnings(evaluated), tuple(refused))


def _corrected(file: MaestroFile, hardware: MaestroHardware, technology: Technology) -> CorrectedReport:
    found: list[tuple[str, Corrected]] = []
    refused: list[Refusal] = []
    for layer in file.layers:
        try:
            found.append((layer.name, evaluate_corrected(layer, hardware, technology)))
        except (RefusedError, UnsupportedError, IllegalMappingError) as error:
            refused.append(_refusal(layer, error))
    return CorrectedReport(tuple(found), tuple(refused), file.warnings)


def _refusal(layer: DirectiveLayer, error: RefusedError | UnsupportedError | IllegalMappingError) -> Refusal:
    if isinstance(error, RefusedError):
        return Refusal(layer.name, layer.line, error.rule, error.message, error.original)
    if isinstance(error, IllegalMappingError):
        return Refusal(layer.name, layer.line, _rule(error), str(error), "a warning at most")
    return Refusal(layer.name, layer.line, "loops", str(error), "a number")


def _rule(error: IllegalMappingError) -> str:
    codes = {d.code for d in error.diagnostics if isinstance(d, Diagnostic)}
    return "capacity" if all(c.startswith("E-CAP") for c in codes) else "units of a level"


def _plain(refused: Sequence[Refusal]) -> list[dict[str, Any]]:
    return [{name: getattr(r, name) for name in r.__slots__} for r in refused]


def format_csv(rows: Sequence[Row]) -> str:
    """The text of the original's CSV file, reals in full: every column under its name."""
    out = StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Writes `format_csv`, all or nothing."""
    from tileloom.core.files import write_text_atomic

    write_text_atomic(path, format_csv(rows))
