"""The networks of DeFiNES as files of this package, and the spatial mapping that a machine's family gives their layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import load_yaml
from tileloom.workload.frontends.zigzag import defines_network
from tileloom.workload.frontends.zigzag_layer import Unroll, ZigzagLayer, ZigzagNetwork

FOLDER = Path(__file__).resolve().parent.parent / "library" / "zigzag"
Wishes = Sequence[tuple[str, Sequence[Unroll]]]


def network_files() -> dict[str, Path]:
    """Name -> file of every network, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def list_zigzag_networks() -> list[tuple[str, str]]:
    """(name, description) of every network."""
    data: dict[str, Any] = {name: load_yaml(path).data for name, path in network_files().items()}
    return [(name, str(facts["description"])) for name, facts in data.items()]


def load_zigzag_network(name_or_path: str | Path, dataflow: Wishes = ()) -> ZigzagNetwork:
    """A network of the library by name, or a file of the same form by path.

    dataflow   a machine's wishes (`ZigzagMachine.dataflow`), for layers that have none of their own
    """
    name, known = str(name_or_path), network_files()
    path = known.get(name)
    if path is None:
        if Path(name).suffix.lower() not in (".yaml", ".yml"):
            raise InputError(f"no network '{name}'{did_you_mean(name, known)}; the library has {', '.join(known)}")
        path = Path(name)
    data: Any = load_yaml(path).data
    if not isinstance(data, dict) or not isinstance(data.get("layers"), dict):
        raise InputError(f"{path}: expected 'name', 'description', 'source' and 'layers' by number", file=str(path))
    network = defines_network(str(data.get("name", path.stem)), data["layers"])
    nodes = tuple(n if n.layer.spatial else replace(n, layer=wished(n.layer, dataflow)) for n in network.nodes)
    return replace(network, nodes=nodes)


def wished(layer: ZigzagLayer, dataflow: Wishes) -> ZigzagLayer:
    """The layer with a machine's wishes. Groups take the place of output channels in layers that have none of those."""
    found = []
    for array_dim, loops in dataflow:
        own = [("G" if dim == "K" and dim not in layer.sizes else dim, size) for dim, size in loops]
        kept = tuple((dim, size) for dim, size in own if dim in layer.sizes)
        if kept:
            found.append((array_dim, kept))
    return layer.with_spatial(tuple(found))
