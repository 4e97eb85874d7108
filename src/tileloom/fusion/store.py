"""Answers of the mapper on disk, by content, so that a killed grid goes on and a second one repeats nothing.

A folder of JSON files, each written whole or not at all. Costs are computed again from the mappings when read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tileloom import __version__
from tileloom.core.digest import digest
from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic
from tileloom.core.jsonio import parse_json
from tileloom.cost.models.zigzag.evaluate import evaluate
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.cost.models.zigzag.version import get_version
from tileloom.fusion.memo import Question, Searching
from tileloom.mapping.notation.zigzag import ZigzagMapping
from tileloom.search.zigzag.loma import Found

FORMAT = "tileloom tile-layers 1"


class AnswerStore:
    """Knows what is in its folder; every `keep` adds one file."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.known: dict[str, Any] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be made: {error.strerror or error}") from error
        for path in sorted(self.folder.glob("part-*.json")):
            self.known |= _read(path)

    def recall(
        self, machine: ZigzagMachine, searching: Searching, questions: Iterable[Question]
    ) -> dict[Question, Found]:
        """Those of the questions whose answers are here. Raises InputError for an answer that is none."""
        scope = _scope(machine, searching)
        found = {}
        for question in questions:
            record = self.known.get(digest(scope, question))
            if record is not None:
                try:
                    found[question] = _answer(question, machine, record, searching.faithful)
                except (LookupError, TypeError, ValueError) as error:
                    raise InputError(f"{self.folder}: a kept answer is damaged ({error}); delete the folder") from error
        return found

    def keep(self, machine: ZigzagMachine, searching: Searching, answers: Mapping[Question, Found]) -> None:
        """Writes the answers that are not here yet."""
        scope = _scope(machine, searching)
        named = {digest(scope, q): found for q, found in answers.items()}
        new = {key: _record(found) for key, found in named.items() if key not in self.known}
        if new:
            self.known |= new
            text = json.dumps({"format": FORMAT, "answers": new}, sort_keys=True)
            write_text_atomic(self.folder / f"part-{digest(sorted(new))[:16]}.json", text)


def _scope(machine: ZigzagMachine, searching: Searching) -> str:
    return digest(__version__, machine, searching)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = parse_json(path.read_text(encoding="utf-8"), str(path))
        if data["format"] != FORMAT:
            raise ValueError(f"its format is not '{FORMAT}'")
        answers: dict[str, Any] = dict(data["answers"])
    except (OSError, ValueError, LookupError, TypeError, InputError) as error:
        raise InputError(f"{path}: cannot be read as kept answers: {error}; delete it") from error
    return answers


def _record(found: Found) -> dict[str, Any]:
    mapping = found.mapping
    return {
        "mapping": None if mapping is None else [mapping.operands, mapping.spatial, mapping.temporal],
        "evaluated": found.evaluated,
        "proven": found.proven,
        "reason": found.reason,
    }


def _answer(question: Question, machine: ZigzagMachine, record: Mapping[str, Any], faithful: bool) -> Found:
    facts = (record["evaluated"], record["proven"], record["reason"])
    if record["mapping"] is None:
        return Found(None, None, *facts)
    operands, spatial, temporal = record["mapping"]
    mapping = ZigzagMapping(tuple(operands), _loops(spatial), _loops(temporal))
    rules = get_version("defines", faithful)
    return Found(mapping, evaluate(question.layer, question.machine(machine), mapping, rules), *facts)


def _loops(levels: Any) -> Any:
    return tuple(tuple(tuple((d, n) for d, n in loops) for loops in per_level) for per_level in levels)
