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


class Layout:
    """What all templates of a setting share: relevance of dims, tensor axes by dim number, groups, factors seen."""

    def __init__(self, setting: Setting, groups: tuple[tuple[int, ...], ...]) -> None:
        index = {d: i for i, d in enumerate(setting.dims)}
        self.setting, self.groups = setting, groups
        self.extents = [setting.problem.extents[d] for d in setting.dims]
        self.relevance = [[t.relevance(d) for d in setting.dims] for t in setting.tensors]
        self.axes = [[[(index[d], c) for d, c in axis.terms if d in index] for axis in t.axes] for t in setting.tensors]
        self.shares = [[a.axis.multicast.has(t) for a in setting.axes] for t in setting.tensors]
        self.local = [{d: i for i, d in enumerate(group)} for group in groups]
        self.known: dict[tuple[object, ...], Factor] = {}

    def factor(self, masks: tuple[int, ...], spans: tuple[Span, ...], uses: tuple[tuple[int, int], ...]) -> Factor:
        key = (masks, spans, uses)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Factor(masks, spans, uses)
        return found


class Compiler:
    """Builds the columns of one template. Use `compile_template`; the class only carries the tables being filled.

    A set of (dim, slot) pairs is one integer: dim d owns the bits from `offset[d]`, one per slot where it may have a
    loop. So "all loops above this hold" is a single mask over all dims.
    """

    def __init__(self, layout: Layout, template: Template) -> None:
        self.layout, self.setting, self.template = layout, layout.setting, template
        self.columns: dict[tuple[int, tuple[Span, ...], int], int] = {}
        self.extents, self.axes = layout.extents, layout.axes
        self.offset, self.dim_mask = [], []
        starts = [template.start(h) for h in range(len(template.holds) + 2)]
        self.below = [0] * len(starts)
        self.on_axis = [0] * len(self.setting.axes)
        self.temporal = 0
        self.first_slot: dict[tuple[int, int], int] = {}
        bit = 1
        for d, allowed in enumerate(template.allowed):
            self.offset.append(bit.bit_length() - 1)
            self.dim_mask.append(((1 << len(allowed)) - 1) * bit)
            for slot in allowed:
                axis = template.slots[slot].axis
                if axis < 0:
                    self.temporal |= bit
                else:
                    self.on_axis[axis] |= bit
                for hold, start in enumerate(starts):
                    if slot >= start:
                        self.below[hold] |= bit
                    if slot == start:
                        self.first_slot[d, hold] = bit
                bit <<= 1
        self.everything = bit - 1
        tensors = range(len(self.setting.tensors))
        self.relevant = [self._dims_mask(t, "relevant") for t in tensors]
        self.shared = [self._shared_slots(t) for t in tensors]

    def _dims_mask(self, tensor: int, relevance: str) -> int:
        return sum(m for r, m in zip(self.layout.relevance[tensor], self.dim_mask) if r == relevance)

    def _shared_slots(self, tensor: int) -> int:
        """Spatial slots along which one transfer serves (or reduces) all instances, wherever they are."""
        wires = sum(m for shares, m in zip(self.layout.shares[tensor], self.on_axis) if shares)
        return wires & self._dims_mask(tensor, "irrelevant")

    def trips(self, tensor: int, parent: int, child: int, kind: str, first: bool) -> int:
        """The loops whose trips multiply a child's tile.

        kind 'total': every loop above the child, shared spatial slots between parent and child left out;
        'copies': every loop above it;  'parent': temporal loops above plus unshared spatial ones between, per parent
        instance;  'child': temporal loops above, per child instance. first: temporal loops only over dims that move
        the tensor alone, i.e. visits that see an element for the first time.
        """
        above = self.everything & ~self.below[child]
        time = above & self.temporal & (self.relevant[tensor] if first else -1)
        space = above & ~self.temporal
        if kind == "child":
            return time
        if kind == "parent":
            space &= self.below[parent]
        if kind != "copies":
            space &= ~(self.shared[tensor] & self.below[parent])
        return time | space

    def footprint(self, tensor: int, at: int, trips: int = 0) -> tuple[float, int]:
        """Column of the tensor's footprint (extents: products over `at`) times the `trips`; (constant, column)."""
        spans: list[Span] = []
        whole = 1.0
        for axis in self.axes[tensor]:
            terms = tuple((d, c, at & self.dim_mask[d]) for d, c in axis if at & self.dim_mask[d])
            if len(terms) == 1 and terms[0][1] == 1 and not trips & terms[0][2]:
                trips |= terms[0][2]
            elif all(mask == self.dim_mask[d] for d, _, mask in terms):
                whole *= 1 + sum(c * (self.extents[d] - 1) for d, c, _ in terms)
            else:
                spans.append(tuple(sorted(terms)))
        constant, column = self.column(trips, tuple(sorted(spans)))
        return constant * whole, column

    def column(self, mask: int, spans: tuple[Span, ...] = (), uses: int = 0) -> tuple[float, int]:
        """A dim all of whose slots are in the mask contributes its extent: that goes into the constant."""
        constant = 1.0
        for d, own in enumerate(self.dim_mask):
            if mask & own == own:
                constant *= self.extents[d]
                mask &= ~own
        return constant, self.columns.setdefault((mask, spans, uses), len(self.columns))

    def reserved_at(self, hold: int) -> int:
        """Extents of the tile that must be reserved: the halo dim whose loop comes first has already been divided."""
        halo = self.template.first_halo[hold - 1]
        return self.below[hold] & ~(self.first_slot[halo, hold] if halo >= 0 else 0)

    def factors(self) -> tuple[tuple[Factor, ...], ...]:
        """Every column split into one factor per group, in the group's own numbering."""
        mask_of, offset = self.dim_mask, self.offset
        split = []
        for mask, spans, uses in self.columns:
            row = []
            for group, local in zip(self.layout.groups, self.layout.local):
                inside: tuple[Span, ...] = ()
                if spans:
                    inside = tuple(
                        tuple((local[d], c, (bits & mask_of[d]) >> offset[d]) for d, c, bits in span)
                        for span in spans
                        if span[0][0] in local
                    )
                used: tuple[tuple[int, int], ...] = ()
                if uses:
                    used = tuple((i, (uses & mask_of[d]) >> offset[d]) for d, i in local.items() if uses & mask_of[d])
                masks = tuple([(mask & mask_of[d]) >> offset[d] for d in group])
                row.append(self.layout.factor(masks, inside, used))
            split.append(tuple(row))
        return tuple(split)


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
    layout: Layout,
    template: Template,
    *,
    energy_matters: bool,
    time_matters: bool,
    lower: dict[int, float],
) -> Compiled:
    """lower: per axis index, the least product of trips that the search must reach (minimum utilisation)."""
    compiler, setting, groups = Compiler(layout, template), layout.setting, layout.groups
    _, one = compiler.column(0)
    leaks = any(n.leakage_pj_per_cycle for n in setting.architecture.nodes if hasattr(n, "leakage_pj_per_cycle"))
    energy = Sum()
    busy: dict[tuple[int, str], Sum] = {}
    for tensor in range(len(setting.tensors)):
        add_traffic(compiler, tensor, one, energy, busy, energy_matters, time_matters or leaks)
    energy.offset += setting.problem.macs * setting.compute.energy_pj if energy_matters else 0.0
    rows = list(busy.values())
    if (time_matters or leaks) and not isinf(setting.compute.ops_per_cycle):
        steps = Sum()
        steps.add(1.0 / setting.compute.ops_per_cycle, compiler.column(compiler.temporal))
        rows.append(steps)
    limits = [*_capacity_limits(compiler), *axis_limits(compiler, lower)]
    equal = {t.minus_at for s in (energy, *rows) for t in s.terms() if t.minus_at >= 0}
    equal |= {j for x in limits if x.low > 0 for _, j in x.coefficients}
    return Compiled(
        setting=setting,
        template=template,
        groups=groups,
        shapes=tuple(shape_of(setting, template, g) for g in groups),
        columns=compiler.factors(),
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


def add_traffic(
    compiler: Compiler,
    tensor_index: int,
    one: int,
    energy: Sum,
    busy: dict[tuple[int, str], Sum],
    energy_matters: bool,
    time_matters: bool,
) -> None:
    chain = [i for i, (_, t) in enumerate(compiler.template.holds, start=1) if t == tensor_index]
    if tensor_index not in compiler.template.inside:
        chain.insert(0, 0)
    chain.append(len(compiler.template.holds) + 1)
    for parent, child in pairwise(chain):
        memory_index = 0 if parent == 0 else compiler.template.holds[parent - 1][0]
        inner_index = compiler.template.holds[child - 1][0] if child <= len(compiler.template.holds) else None
        if energy_matters:
            _add_energy(compiler, tensor_index, parent, child, memory_index, inner_index, one, energy)
        if time_matters:
            _add_time(compiler, tensor_index, parent, child, memory_index, inner_index, one, busy)


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
    at = compiler.below[child]

    def column(kind: str, first: bool = False) -> tuple[float, int]:
        return compiler.footprint(tensor_index, at, compiler.trips(tensor_index, parent, child, kind, first))

    memory = compiler.setting.memories[memory_index]
    bits = memory.bits_of(tensor)
    read = memory.read.energy_for(tensor) * bits / memory.read.width_bits
    write = memory.write.energy_for(tensor) * bits / memory.write.width_bits
    if not tensor.is_output:
        energy.add(read, column("total"))
    else:
        if _reads_first_visit(compiler, memory_index, inner_index):
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


def _reads_first_visit(compiler: Compiler, memory_index: int, inner_index: int | None) -> bool:
    """Whether partial sums are read from the parent even on the first visit: if either end asks for it."""
    memories = compiler.setting.memories
    inner = inner_index is not None and memories[inner_index].refetch_first_output
    return memories[memory_index].refetch_first_output or inner


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
    at = compiler.below[child]

    def column(kind: str, first: bool = False) -> tuple[float, int]:
        return compiler.footprint(tensor_index, at, compiler.trips(tensor_index, parent, child, kind, first))

    def add(index: int, action: str, kind: str, skip_first: bool) -> None:
        memory = compiler.setting.memories[index]
        port = memory.read if action == "read" else memory.write
        if isinf(port.accesses_per_cycle):
            return
        cycles = memory.bits_of(tensor) / port.width_bits / port.accesses_per_cycle
        total = busy.setdefault((index, "" if memory.ports == "shared" else action), Sum())
        if skip_first:
            total.add_difference(cycles, column(kind), column(kind, True), one)
        else:
            total.add(cycles, column(kind))

    first_read = tensor.is_output and not _reads_first_visit(compiler, memory_index, inner_index)
    add(memory_index, "read", "parent", skip_first=first_read)
    if tensor.is_output:
        add(memory_index, "write", "parent", skip_first=False)
    if inner_index is not None:
        first_write = tensor.is_output and not compiler.setting.memories[inner_index].refetch_first_output
        add(inner_index, "write", "child", skip_first=first_write)
        if tensor.is_output:
            add(inner_index, "read", "child", skip_first=False)


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
                constant, at = compiler.footprint(holds[hold - 1][1], compiler.reserved_at(hold))
                occupied.append((tensor, constant * memory.bits_of(tensor) * memory.buffers, at))
        if index == 0:
            _, one = compiler.column(0)
            occupied = [
                (t, float(setting.problem.size(t.name) * memory.bits_of(t) * memory.buffers), one)
                for t in setting.tensors
            ]
        for name, fits, limit in capacity_parts(memory):
            coefficients = tuple((c, at) for t, c, at in occupied if fits is None or fits(t))
            if coefficients:
                found.append(Limit(f"capacity of {name}", coefficients, high=float(limit)))
    return found


def capacity_parts(memory: Memory) -> list[tuple[str, Callable[[Tensor], bool] | None, int]]:
    """(name, which tensors, capacity in bits): the partitions, or the whole memory."""
    if not memory.partitions:
        return [(memory.name, None, memory.capacity_bits or 0)]
    return [(f"{memory.name} ({part})", part.has, bits) for part, bits in memory.partitions]


def axis_limits(compiler: Compiler, lower: dict[int, float]) -> list[Limit]:
    found = []
    for index, spatial in enumerate(compiler.setting.axes):
        mask = compiler.on_axis[index]
        name = f"{spatial.fanout.name}.{spatial.axis.name}"
        low = lower.get(index, 0.0)
        constant, at = compiler.column(mask)
        found.append(Limit(f"size of {name}", ((constant, at),), high=float(spatial.axis.size), low=low))
        if spatial.axis.max_dims is not None:
            constant, at = compiler.column(0, uses=mask)
            found.append(Limit(f"dims on {name}", ((constant, at),), high=2.0**spatial.axis.max_dims))
    return found
