"""From chosen divisor chains back to a MappingTree."""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, TreeNode
from tileloom.search.optimal.space import Setting, Template


def build_mapping(setting: Setting, template: Template, tiles: Sequence[Sequence[int]]) -> MappingTree:
    """tiles[dim][k]: extent below the k-th allowed slot of that dim (Setting.dims order). Loops of one trip are left out."""
    current = {d: setting.problem.extents[d] for d in setting.dims}
    below = [dict(zip(template.allowed[i], tiles[i])) for i in range(len(setting.dims))]
    nodes: list[TreeNode] = [Hold(tuple(t.name for t in setting.tensors), setting.memories[0].name)]
    block = 0
    for index, slot in enumerate(template.slots):
        if slot.block > block:
            block = slot.block
            memory, tensor = template.holds[block - 1]
            nodes.append(Hold((setting.tensors[tensor].name,), setting.memories[memory].name))
        halo = template.first_halo[block - 1] if block and slot.axis < 0 else -1
        for d in sorted(range(len(setting.dims)), key=lambda i: i != halo):
            name = setting.dims[d]
            tile = below[d].get(index, current[name])
            if tile == current[name]:
                continue
            current[name] = tile
            if slot.axis < 0:
                nodes.append(Loop(name, tile))
            else:
                spatial = setting.axes[slot.axis]
                nodes.append(Loop(name, tile, target=spatial.fanout.name, axis=spatial.axis.name))
    nodes.append(Compute(setting.compute.name))
    return MappingTree(tuple(nodes))
