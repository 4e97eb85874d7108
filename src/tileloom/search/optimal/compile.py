"""From a template to arithmetic: energy, busy times and limits as sums over columns.

Formulae: cost/counts.py states them in words; here only their split into one factor per rank group is added.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import isinf

from tileloom.architecture.model import Memory
from tileloom.search.optimal.columns import Compiled, Factor, GroupShape, Limit, Span, Sum
from tileloom.search.optimal.space import Setting, Template
from tileloom.workload.problem import Tensor


class Compiler:
    """Builds the columns of one template. Use `compile_template`; the class only carries the tables being filled."""

    def __init__(self, setting: Setting, template: Template, groups: tuple[tuple[int, ...], ...]) -> None:
        self.setting, self.template, self.groups = setting, template, groups
        self.columns: dict[tuple[Factor, ...], int] = {}
        self.bits = [{slot: 1 << i for i, slot in enumerate(allowed)} for allowed in template.allowed]
        self.full = [(1 << len(allowed)) - 1 for allowed in template.allowed]
        self.extents = [setting.problem.extents[d] for d in setting.dims]
        slots = template.slots
        self.temporal = [sum(b for s, b in bits.items() if slots[s].axis < 0) for bits in self.bits]
        self.starts = [template.start(h) for h in range(len(template.holds) + 2)]
        self.below_start = [[sum(b for s, b in bits.items() if s >= at) for at in self.starts] for bits in self.bits]
        self.relevance = [[t.relevance(d) for d in setting.dims] for t in setting.tensors]

    def below(self, dim: int, hold: int) -> int:
        """Mask of the dim's slots below hold number `hold` (0 = backing, n+1 = compute)."""
        return self.below_start[dim][hold]

    def axis_mask(self, dim: int, axis: int) -> int:
        slots = self.template.slots
        return sum(b for s, b in self.bits[dim].items() if slots[s].axis == axis)

    def shared_mask(self, dim: int, tensor: int, parent: int, child: int) -> int:
        """Spatial slots between two holds along which one transfer serves (or reduces) all instances."""
        if self.relevance[tensor][dim] != "irrelevant":
            return 0
        between = self.below(dim, parent) & ~self.below(dim, child)
        mask = 0
        for slot, bit in self.bits[dim].items():
            axis = self.template.slots[slot].axis
            if bit & between and axis >= 0 and self.setting.axes[axis].axis.multicast.has(self.setting.tensors[tensor]):
                mask |= bit
        return mask

    def footprint_factor(self, tensor: Tensor, at: list[int], trips: list[int]) -> tuple[float, int]:
        """Column of footprint(extents = product of `at` masks) * product of `trips` masks; returns (constant, column)."""
        index = {d: i for i, d in enumerate(self.setting.dims)}
        masks = list(trips)
        spans: list[Span] = []
        whole = 1.0
        for axis in tensor.axes:
            terms = tuple(sorted((index[d], c, at[index[d]]) for d, c in axis.terms if d in index and at[index[d]]))
            if len(terms) == 1 and terms[0][1] == 1 and not masks[terms[0][0]] & terms[0][2]:
                masks[terms[0][0]] |= terms[0][2]
            elif all(mask == self.full[d] for d, _, mask in terms):
                whole *= 1 + sum(c * (self.extents[d] - 1) for d, c, _ in terms)
            else:
                spans.append(terms)
        constant, at_column = self.column(masks, spans)
        return constant * whole, at_column

    def column(self, masks: list[int], spans: list[Span], uses: dict[int, int] | None = None) -> tuple[float, int]:
        constant = 1.0
        for d, mask in enumerate(masks):
            if mask == self.full[d] and mask:
                constant *= self.extents[d]
                masks[d] = 0
        factors = []
        for group in self.groups:
            local = {d: i for i, d in enumerate(group)}
            own = tuple(sorted(tuple((local[d], c, m) for d, c, m in s) for s in spans if s[0][0] in local))
            use = tuple((local[d], m) for d, m in (uses or {}).items() if d in local and m)
            factors.append(Factor(tuple(masks[d] for d in group), own, use))
        key = tuple(factors)
        return constant, self.columns.setdefault(key, len(self.columns))

    def extents_at(self, hold: int) -> list[int]:
        return [self.below(d, hold) for d in range(len(self.extents))]

    def reserved_at(self, hold: int) -> list[int]:
        """Extents of the tile that must be reserved: the halo dim whose loop comes first has already been divided."""
        at = self.extents_at(hold)
        halo = self.template.first_halo[hold - 1]
        if halo >= 0:
            slot = next(s for s in self.bits[halo] if s == self.starts[hold])
            at[halo] &= ~self.bits[halo][slot]
        return at


def shape_of(setting: Setting, template: Template, group: tuple[int, ...]) -> GroupShape:
    caps = tuple(
        tuple(
            setting.axes[template.slots[s].axis].axis.size if template.slots[s].axis >= 0 else 0
            for s in template.allowed[d]
        )
        for d in group
    )
    return GroupShape(tuple(setting.problem.extents[setting.dims[d]] for d in group), caps)


def compile_template(
    setting: Setting,
    template: Template,
    groups: tuple[tuple[int, ...], ...],
    *,
    energy_matters: bool,
    time_matters: bool,
    lower: dict[int, tuple[float, bool]],
) -> Compiled:
    """lower: per axis index, (least product of trips, exact) that the search must reach (minimum utilisation)."""
    compiler = Compiler(setting, template, groups)
    dims = range(len(setting.dims))
    _, one = compiler.column([0] * len(dims), [])
    leaks = any(n.leakage_pj_per_cycle for n in setting.architecture.nodes if hasattr(n, "leakage_pj_per_cycle"))
    energy = Sum()
    busy: dict[tuple[int, str], Sum] = {}
    for tensor in range(len(setting.tensors)):
        _add_traffic(compiler, tensor, one, energy, busy, energy_matters, time_matters or leaks)
    energy.offset += setting.problem.macs * setting.compute.energy_pj if energy_matters else 0.0
    rows = list(busy.values())
    if (time_matters or leaks) and not isinf(setting.compute.ops_per_cycle):
        steps = Sum()
        steps.add(1.0 / setting.compute.ops_per_cycle, compiler.column(list(compiler.temporal), []))
        rows.append(steps)
    limits = [*_capacity_limits(compiler), *_axis_limits(compiler, lower)]
    equal = {t.minus_at for s in (energy, *rows) for t in s.terms() if t.minus_at >= 0}
    equal |= {j for x in limits if x.low > 0 for _, j in x.coefficients}
    return Compiled(
        setting=setting,
        template=template,
        groups=groups,
        shapes=tuple(shape_of(setting, template, g) for g in groups),
        columns=tuple(compiler.columns),
        energy=energy.terms(),
        energy_offset=energy.offset,
        busy=tuple(s.terms() for s in rows),
        busy_offset=tuple(s.offset for s in rows),
        limits=tuple(limits),
        leakage=leakage_pj_per_cycle(setting) if energy_matters else 0.0,
        equal=frozenset(equal),
    )


def leakage_pj_per_cycle(setting: Setting) -> float:
    """Of the whole chip, side units included."""
    chip = setting.architecture
    return sum(getattr(n, "leakage_pj_per_cycle", 0.0) * chip.instances(n) for n in chip.nodes)


def _add_traffic(
    compiler: Compiler,
    tensor_index: int,
    one: int,
    energy: Sum,
    busy: dict[tuple[int, str], Sum],
    energy_matters: bool,
    time_matters: bool,
) -> None:
    chain = [0, *(i for i, (_, t) in enumerate(compiler.template.holds, start=1) if t == tensor_index)]
    chain.append(len(compiler.template.holds) + 1)
    for parent, child in pairwise(chain):
        memory_index = 0 if parent == 0 else compiler.template.holds[parent - 1][0]
        inner_index = compiler.template.holds[child - 1][0] if child <= len(compiler.template.holds) else None
        if energy_matters:
            _add_energy(compiler, tensor_index, parent, child, memory_index, inner_index, one, energy)
        if time_matters:
            _add_time(compiler, tensor_index, parent, child, memory_index, inner_index, one, busy)


def _trips(compiler: Compiler, tensor: int, parent: int, child: int, kind: str, first: bool) -> list[int]:
    """Masks of the trips that multiply a child's tile.

    kind 'total': every loop above the child, shared spatial slots between parent and child left out;
    'copies': every loop above it;  'parent': temporal loops above plus unshared spatial ones between, per parent
    instance;  'child': temporal loops above, per child instance. first: temporal loops only over dims that move the
    tensor alone, i.e. visits that see an element for the first time.
    """
    masks = []
    for d in range(len(compiler.extents)):
        above = compiler.full[d] & ~compiler.below(d, child)
        time = above & compiler.temporal[d]
        if first and compiler.relevance[tensor][d] != "relevant":
            time = 0
        space = above & ~compiler.temporal[d]
        if kind == "child":
            space = 0
        elif kind == "parent":
            space &= compiler.below(d, parent)
        if kind in ("total", "parent"):
            space &= ~compiler.shared_mask(d, tensor, parent, child)
        masks.append(time | space)
    return masks


def _add_energy(
    compiler: Compiler,
    tensor_index: int,
    parent: int,
    child: int,
    memory_index: int,
    inner_index: int | None,
    one: int,
    energy: Sum,
) -> None:
    tensor = compiler.setting.tensors[tensor_index]
    at = compiler.extents_at(child)

    def column(kind: str, first: bool = False) -> tuple[float, int]:
        return compiler.footprint_factor(tensor, at, _trips(compiler, tensor_index, parent, child, kind, first))

    memory = compiler.setting.memories[memory_index]
    bits = memory.bits_of(tensor)
    read = memory.read.energy_for(tensor) * bits / memory.read.width_bits
    write = memory.write.energy_for(tensor) * bits / memory.write.width_bits
    if not tensor.is_output:
        energy.add(read, column("total"))
    else:
        if memory.refetch_first_output:
            energy.add(read, column("total"))
        else:
            energy.add_difference(read, column("total"), column("total", True), one)
        energy.add(write, column("total"))
    if inner_index is None:
        return
    inner = compiler.setting.memories[inner_index]
    bits = inner.bits_of(tensor)
    read = inner.read.energy_for(tensor) * bits / inner.read.width_bits
    write = inner.write.energy_for(tensor) * bits / inner.write.width_bits
    if tensor.is_output:
        energy.add(read, column("copies"))
        if not inner.refetch_first_output:
            energy.add_difference(write, column("copies"), column("copies", True), one)
            return
    energy.add(write, column("copies"))


def _add_time(
    compiler: Compiler,
    tensor_index: int,
    parent: int,
    child: int,
    memory_index: int,
    inner_index: int | None,
    one: int,
    busy: dict[tuple[int, str], Sum],
) -> None:
    tensor = compiler.setting.tensors[tensor_index]
    at = compiler.extents_at(child)

    def column(kind: str, first: bool = False) -> tuple[float, int]:
        return compiler.footprint_factor(tensor, at, _trips(compiler, tensor_index, parent, child, kind, first))

    def add(index: int, action: str, kind: str, minus_first: bool) -> None:
        memory = compiler.setting.memories[index]
        port = memory.read if action == "read" else memory.write
        if isinf(port.accesses_per_cycle):
            return
        cycles = memory.bits_of(tensor) / port.width_bits / port.accesses_per_cycle
        total = busy.setdefault((index, "" if memory.ports == "shared" else action), Sum())
        if minus_first and not memory.refetch_first_output:
            total.add_difference(cycles, column(kind), column(kind, True), one)
        else:
            total.add(cycles, column(kind))

    add(memory_index, "read", "parent", minus_first=tensor.is_output)
    if tensor.is_output:
        add(memory_index, "write", "parent", minus_first=False)
    if inner_index is not None:
        add(inner_index, "write", "child", minus_first=tensor.is_output)
        if tensor.is_output:
            add(inner_index, "read", "child", minus_first=False)


def _capacity_limits(compiler: Compiler) -> list[Limit]:
    setting, holds = compiler.setting, compiler.template.holds
    found = []
    for index, memory in enumerate(setting.memories):
        if memory.capacity_bits is None:
            continue
        occupied: list[tuple[Tensor, float, int]] = []
        for hold in range(1, len(holds) + 1) if index else ():
            if holds[hold - 1][0] == index:
                tensor = setting.tensors[holds[hold - 1][1]]
                constant, at = compiler.footprint_factor(
                    tensor, compiler.reserved_at(hold), [0] * len(compiler.extents)
                )
                occupied.append((tensor, constant * memory.bits_of(tensor) * memory.buffers, at))
        if index == 0:
            _, one = compiler.column([0] * len(compiler.extents), [])
            occupied = [
                (t, float(setting.problem.size(t.name) * memory.bits_of(t) * memory.buffers), one)
                for t in setting.tensors
            ]
        for name, fits, limit in _parts(memory):
            coefficients = tuple((c, at) for t, c, at in occupied if fits is None or fits(t))
            if coefficients:
                found.append(Limit(f"capacity of {name}", coefficients, high=float(limit)))
    return found


def _parts(memory: Memory) -> list[tuple[str, Callable[[Tensor], bool] | None, int]]:
    """(name, which tensors, capacity in bits): the partitions, or the whole memory."""
    if not memory.partitions:
        return [(memory.name, None, memory.capacity_bits or 0)]
    return [(f"{memory.name} ({part})", part.has, bits) for part, bits in memory.partitions]


def _axis_limits(compiler: Compiler, lower: dict[int, tuple[float, bool]]) -> list[Limit]:
    found = []
    for index, spatial in enumerate(compiler.setting.axes):
        masks = [compiler.axis_mask(d, index) for d in range(len(compiler.extents))]
        name = f"{spatial.fanout.name}.{spatial.axis.name}"
        low = lower.get(index, (0.0, False))[0]
        constant, at = compiler.column(list(masks), [])
        found.append(Limit(f"size of {name}", ((constant, at),), high=float(spatial.axis.size), low=low))
        if spatial.axis.max_dims is not None:
            uses = dict(enumerate(masks))
            constant, at = compiler.column([0] * len(masks), [], uses)
            found.append(Limit(f"dims on {name}", ((constant, at),), high=2.0**spatial.axis.max_dims))
    return found
