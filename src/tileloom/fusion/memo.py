"""Best mappings of tile-layers by content: equal questions are asked of the mapper once, whichever point asks.

The mapper itself is in search/zigzag; spreading questions over processes is in grid.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.fusion.stacks import WEIGHTS
from tileloom.fusion.tiles import Tops
from tileloom.search.zigzag.loma import DEFAULT_LIMIT, Found, Objective, best_mapping


@dataclass(frozen=True, slots=True)
class Searching:
    """How a tile-layer is mapped.

    lpf_limit   most loop factors that are ordered; None: the proven optimum over all orders and allocations
    objective   what its mapping minimises
    faithful    ties go to the original's first mapping
    """

    lpf_limit: int | None = DEFAULT_LIMIT
    objective: Objective = "energy"
    faithful: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """A tile of a layer and the highest memories it may use. The layer's name is left out: it changes no answer."""

    layer: ZigzagLayer
    tops: Tops

    def machine(self, whole: ZigzagMachine) -> ZigzagMachine:
        """The memories that the tile may use. Two activations find the same ones under two names."""
        shrunk = whole.shrunk(dict(self.tops))
        twins = len(self.layer.inputs) == 2 and WEIGHTS not in dict(self.tops)
        return shrunk.with_twin("I1", WEIGHTS) if twins else shrunk


def ask(layer: ZigzagLayer, tops: Tops) -> Question:
    return Question(replace(layer, name=""), tops)


def answer(question: Question, machine: ZigzagMachine, searching: Searching) -> Found:
    """The best mapping, or why there is none.

    LOMA fills lower memories first, which can leave no room above where many instances hold copies. Unless the
    original's behaviour is asked for, the search over all allocations (slow) has the last word once inputs and output
    may use every memory.
    """
    chip = question.machine(machine)
    found = best_mapping(question.layer, chip, searching.lpf_limit, searching.objective, faithful=searching.faithful)
    everything = all(machine.top(o).name == name for o, name in question.tops if o != WEIGHTS)
    if found.fits or searching.faithful or not everything:
        return found
    return best_mapping(question.layer, chip, None, "energy", faithful=False)


@dataclass
class Memo:
    """Answers by content, for one machine."""

    searching: Searching = Searching()
    known: dict[Question, Found] = field(default_factory=dict)

    def evaluate(self, layer: ZigzagLayer, machine: ZigzagMachine, tops: Tops) -> Found:
        """What `run_point` calls. The machine must be the same each time."""
        question = ask(layer, tops)
        if question not in self.known:
            self.known[question] = answer(question, machine, self.searching)
        return self.known[question]

    def learn(self, answers: Mapping[Question, Found]) -> None:
        self.known.update(answers)
