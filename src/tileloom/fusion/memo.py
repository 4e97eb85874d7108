"""Best mappings of tile-layers by content: equal questions are asked of the mapper once, whichever point asks.

The mapper itself is in search/zigzag; spreading questions over processes is in grid.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tileloom.core.digest import digest
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.fusion.stacks import INPUTS, WEIGHTS
from tileloom.fusion.tiles import Tops
from tileloom.search.zigzag.loma import DEFAULT_LIMIT, Found, Objective, best_mapping


@dataclass(frozen=True)
class Question:
    """A tile of a layer and the highest memories it may use. The layer's name is left out: it changes no answer."""

    layer: ZigzagLayer
    tops: Tops

    @property
    def key(self) -> str:
        return digest(self.layer, self.tops)


def ask(layer: ZigzagLayer, tops: Tops) -> Question:
    return Question(replace(layer, name=""), tops)


def answer(
    question: Question, machine: ZigzagMachine, lpf_limit: int | None, objective: Objective, faithful: bool
) -> Found:
    """The best mapping on the machine without the memories above the tops.

    A layer of two activations finds them in the same memories under two names.
    """
    shrunk = machine.shrunk(dict(question.tops))
    if sum(o.memory_operand in (INPUTS, WEIGHTS) for o in question.layer.inputs) == 2 and WEIGHTS not in dict(
        question.tops
    ):
        shrunk = shrunk.with_twin(INPUTS, WEIGHTS)
    return best_mapping(question.layer, shrunk, lpf_limit, objective, faithful=faithful)


@dataclass
class Memo:
    """Answers for one machine. `asked` counts questions, `known` holds the answers by content."""

    lpf_limit: int | None = DEFAULT_LIMIT
    objective: Objective = "energy"
    faithful: bool = True
    known: dict[Question, Found] = field(default_factory=dict)
    asked: int = 0

    def evaluate(self, layer: ZigzagLayer, machine: ZigzagMachine, tops: Tops) -> Found:
        """What `run_point` calls. The machine must be the same each time."""
        self.asked += 1
        question = ask(layer, tops)
        if question not in self.known:
            self.known[question] = answer(question, machine, self.lpf_limit, self.objective, self.faithful)
        return self.known[question]

    def learn(self, answers: Mapping[Question, Found]) -> None:
        self.known.update(answers)
