"""The hardware as a value: an ordered list of memories, fanouts and compute units, outermost first.

A `Memory` stores tensors, a `Fanout` multiplies everything below it along named axes (PE array, chips), a `Compute`
does the arithmetic. There is no fixed number of levels. Files are read in load.py, never here.

Units: pJ, bits, cycles. Accesses are (values * bits per value) / width_bits and may be fractional.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import inf, prod
from typing import Literal, TypeVar

from tileloom.core.errors import InputError, did_you_mean
from tileloom.workload.problem import Problem, Tensor

ALL = "all"
T = TypeVar("T", "Memory", "Fanout")


@dataclass(frozen=True, slots=True)
class TensorSet:
    """Which tensors a rule is about: names or roles ('input', 'weight', 'output'), or everything with 'all'.

    >>> TensorSet(("weight",)).names
    ('weight',)
    """

    names: tuple[str, ...] = ()

    def has(self, tensor: Tensor) -> bool:
        return ALL in self.names or tensor.name in self.names or tensor.role in self.names

    def __str__(self) -> str:
        return ", ".join(self.names) or "none"


EVERYTHING = TensorSet((ALL,))
NOTHING = TensorSet(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One kind of access to a memory.

    energy_pj            per access of width_bits
    width_bits           bits moved by one access
    accesses_per_cycle   per instance of the memory; inf = never the bottleneck
    energy_pj_by_tensor  (role or tensor name, pJ) that replace energy_pj for that tensor
    """

    energy_pj: float
    width_bits: float = 1.0
    accesses_per_cycle: float = inf
    energy_pj_by_tensor: tuple[tuple[str, float], ...] = ()

    def energy_for(self, tensor: Tensor) -> float:
        for key, energy in self.energy_pj_by_tensor:
            if key in (tensor.name, tensor.role):
                return energy
        return self.energy_pj


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A storage level.

    capacity_bits   None = unbounded
    partitions      ((tensors, bits), ...) of a memory split per tensor; then capacity_bits is their sum
    ports           'shared': read and write time add up;  'separate': they overlap, the longer one counts
    keep            tensors that must be held here;  may_keep: tensors that may be (a mapper decides); others bypass
    value_bits      (role or tensor name, bits) where a value is wider or narrower here than in the problem (partial sums)
    buffers         2 = double buffering: every tile takes twice its size
    refetch_first_output   True: the first visit of an output element reads and writes as any later one does
    leakage_pj_per_cycle   per instance;  area_mm2 per instance
    """

    name: str
    capacity_bits: int | None
    read: Port
    write: Port
    ports: Literal["shared", "separate"] = "shared"
    partitions: tuple[tuple[TensorSet, int], ...] = ()
    keep: TensorSet = NOTHING
    may_keep: TensorSet = EVERYTHING
    value_bits: tuple[tuple[str, int], ...] = ()
    buffers: int = 1
    refetch_first_output: bool = False
    leakage_pj_per_cycle: float = 0.0
    area_mm2: float = 0.0
    source: str = ""

    def bits_of(self, tensor: Tensor) -> int:
        """Bits of one value of the tensor while it is stored here."""
        for key, bits in self.value_bits:
            if key in (tensor.name, tensor.role):
                return bits
        return tensor.bits

    def allows(self, tensor: Tensor) -> bool:
        return self.keep.has(tensor) or self.may_keep.has(tensor)


@dataclass(frozen=True, slots=True, kw_only=True)
class FanoutAxis:
    """One direction of a fanout.

    multicast        tensors for which one transfer serves all instances along this axis (inputs) or is reduced on the
                     way up (outputs); others are unicast
    stationary       only loops over dims irrelevant to ALL these tensors may lie on this axis (wires that fix the dataflow)
    dims             only these dims may lie on this axis; empty = any
    max_dims         at most this many dims at once; None = any number
    min_utilization  share of `size` that a mapping must reach; where no divisors reach it, the best reachable share.
                     Not asked of problems that only copy
    """

    name: str
    size: int
    multicast: TensorSet = EVERYTHING
    stationary: TensorSet = NOTHING
    dims: tuple[str, ...] = ()
    max_dims: int | None = None
    min_utilization: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fanout:
    """Copies of everything below, laid out along named axes."""

    name: str
    axes: tuple[FanoutAxis, ...]
    source: str = ""

    @property
    def size(self) -> int:
        return prod(axis.size for axis in self.axes)

    def axis(self, name: str) -> FanoutAxis:
        for axis in self.axes:
            if axis.name == name:
                return axis
        known = [a.name for a in self.axes]
        raise InputError(f"fanout '{self.name}' has no axis '{name}'{did_you_mean(name, known)}; it has {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """The arithmetic unit; `ops_per_cycle` per instance. `n_inputs` limits it to problems with that many inputs."""

    name: str
    energy_pj: float
    ops_per_cycle: float = 1.0
    n_inputs: tuple[int, ...] = ()
    leakage_pj_per_cycle: float = 0.0
    area_mm2: float = 0.0
    source: str = ""

    def accepts(self, problem: Problem) -> bool:
        return not self.n_inputs or len(problem.inputs) in self.n_inputs


Node = Memory | Fanout | Compute


@dataclass(frozen=True)
class Architecture:
    """nodes: outermost first; a Compute in the middle is a side unit (vector unit) that hangs at that place.

    frequency_hz turns cycles into seconds and watts; it changes no count.
    """

    name: str
    nodes: tuple[Node, ...]
    frequency_hz: float = 1e9
    technology_nm: float | None = None
    description: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise InputError([f"architecture '{self.name}': {f}" for f in faults])

    @cached_property
    def memories(self) -> tuple[Memory, ...]:
        return tuple(n for n in self.nodes if isinstance(n, Memory))

    @cached_property
    def fanouts(self) -> tuple[Fanout, ...]:
        return tuple(n for n in self.nodes if isinstance(n, Fanout))

    @cached_property
    def computes(self) -> tuple[Compute, ...]:
        return tuple(n for n in self.nodes if isinstance(n, Compute))

    def memory(self, name: str) -> Memory:
        found = self._memory_of.get(name)
        return found or _by_name(self.memories, name, "memory", self.name)

    def fanout(self, name: str) -> Fanout:
        found = self._fanout_of.get(name)
        return found or _by_name(self.fanouts, name, "fanout", self.name)

    @cached_property
    def _memory_of(self) -> dict[str, Memory]:
        return {m.name: m for m in self.memories}

    @cached_property
    def _fanout_of(self) -> dict[str, Fanout]:
        return {f.name: f for f in self.fanouts}

    def compute_for(self, problem: Problem) -> Compute | None:
        """The last (innermost) unit that takes the problem, or None."""
        units = [c for c in self.computes if c.accepts(problem)]
        return units[-1] if units else None

    def path(self, compute: Compute) -> tuple[Node, ...]:
        """Nodes from the outside to that unit, other units left out. A mapping of a problem uses only these."""
        end = self.nodes.index(compute)
        return tuple(n for n in self.nodes[: end + 1] if n is compute or not isinstance(n, Compute))

    def depth(self, node: Node) -> int:
        """Position in `nodes`; larger is further in."""
        return next(i for i, n in enumerate(self.nodes) if n is node)

    def instances(self, node: Node) -> int:
        """Physical copies of a node: product of the fanouts above it."""
        return prod(n.size for n in self.nodes[: self.depth(node)] if isinstance(n, Fanout))

    @cached_property
    def area_mm2(self) -> float:
        return sum(n.area_mm2 * self.instances(n) for n in self.nodes if not isinstance(n, Fanout))


def _by_name(items: Iterable[T], name: str, kind: str, owner: str) -> T:
    listed = list(items)
    for item in listed:
        if item.name == name:
            return item
    known = [i.name for i in listed]
    raise InputError(f"architecture '{owner}' has no {kind} '{name}'{did_you_mean(name, known)}; it has {known}")


def _faults(architecture: Architecture) -> list[str]:
    nodes = architecture.nodes
    faults: list[str] = []
    if not nodes or not isinstance(nodes[0], Memory):
        faults.append("the first node must be a memory (the outermost one)")
    if not nodes or not isinstance(nodes[-1], Compute):
        faults.append("the last node must be a compute unit")
    for kind in (Memory, Fanout, Compute):
        names = [n.name for n in nodes if isinstance(n, kind)]
        faults.extend(
            f"{kind.__name__.lower()} '{n}' appears twice" for n in sorted({n for n in names if names.count(n) > 1})
        )
    for n in nodes:
        if isinstance(n, Fanout):
            axes = [a.name for a in n.axes]
            faults.extend(
                f"fanout '{n.name}': axis '{a}' appears twice" for a in sorted({a for a in axes if axes.count(a) > 1})
            )
            faults.extend(
                f"fanout '{n.name}': axis '{a.name}' has size {a.size}; expected at least 1"
                for a in n.axes
                if a.size < 1
            )
    return faults
