"""Energies, throughputs, leakage and area of an AccelForge component: stated in its node, handed in, or zero for a Dummy.

Component models (`component_class`) are not run. Scales and the deprecated `latency` are resolved here; units are still
joules, seconds, watts and square metres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from tileloom.architecture.notation.accelforge_latency import LatencyForm
from tileloom.core.errors import InputError, did_you_mean

FREE = "Dummy"
"""The component class without energy, time, leakage or area."""


@dataclass(frozen=True, kw_only=True)
class ActionNumbers:
    """What is known of one action: energy in J and actions per second."""

    energy_j: float
    throughput_hz: float = inf


@dataclass(frozen=True, kw_only=True)
class ComponentNumbers:
    """What is known of a component: actions by name, leakage in W and area in square metres per instance."""

    actions: Mapping[str, ActionNumbers]
    leak_power_w: float = 0.0
    area_m2: float = 0.0


Evaluate = Callable[[object, str], float]
"""evaluate(value or expression, place) -> number."""


def component_numbers(
    node: Mapping[str, Any],
    names: tuple[str, ...],
    given: ComponentNumbers | None,
    form: LatencyForm,
    evaluate: Evaluate,
    place: str,
) -> ComponentNumbers:
    """Numbers of a component with the actions `names`; what the node does not state is taken from `given`.

    Raises InputError that names the component and every number that is known from nowhere.
    """
    kind = node.get("component_class")
    entries = {str(a["name"]): a for a in node.get("actions") or []}
    odd = sorted(set(entries) - set(names))
    if odd:
        raise InputError(f"{place}: action '{odd[0]}'{did_you_mean(odd[0], names)}; it has {' and '.join(names)}")
    known = given.actions if given is not None else {}
    missing: list[str] = []
    actions: dict[str, ActionNumbers] = {}
    for name in names:
        backup = known.get(name, ActionNumbers(energy_j=0.0) if kind == FREE else None)
        actions[name] = _action(entries.get(name, {}), backup, form, evaluate, f"{place}: {name}", missing)
    leak = _stated(node, "leak_power", given.leak_power_w if given else None, evaluate, place)
    if leak is None and kind not in (None, FREE):
        missing.append("leak_power")
    if missing:
        raise InputError(
            f"{place}: {', '.join(missing)} not stated; component class '{kind}' is not run: "
            "state the numbers in the file or hand them in by component"
        )
    area = _stated(node, "area", given.area_m2 if given else None, evaluate, place)
    parallel = evaluate(node.get("n_parallel_instances", 1), f"{place}: n_parallel_instances")
    energy_scale = evaluate(node.get("energy_scale", 1), f"{place}: energy_scale")
    speed = _speed(node, evaluate, place) * parallel
    return ComponentNumbers(
        actions={
            n: replace(a, energy_j=a.energy_j * energy_scale, throughput_hz=a.throughput_hz * speed)
            for n, a in actions.items()
        },
        leak_power_w=(leak or 0.0) * parallel,
        area_m2=(area or 0.0) * parallel,
    )


def _action(
    entry: Mapping[str, Any],
    backup: ActionNumbers | None,
    form: LatencyForm,
    evaluate: Evaluate,
    place: str,
    missing: list[str],
) -> ActionNumbers:
    name = place.rpartition(": ")[2]
    energy = _stated(entry, "energy", backup.energy_j if backup else None, evaluate, place)
    rate = backup.throughput_hz if backup else None
    if entry.get("throughput") is not None:
        rate = evaluate(entry["throughput"], f"{place}: throughput")
    elif entry.get("latency") is not None:
        seconds = evaluate(entry["latency"], f"{place}: latency")
        rate = inf if seconds == 0 else 1 / seconds
    if rate is None and form.by_throughput:
        missing.append(f"throughput of '{name}'")
    if energy is None:
        missing.append(f"energy of '{name}'")
    if rate is not None and rate <= 0:
        raise InputError(f"{place}: throughput {rate} must be above 0")
    scaled = (inf if rate is None else rate) * _speed(entry, evaluate, place)
    return ActionNumbers(energy_j=energy or 0.0, throughput_hz=scaled)


def _stated(entry: Mapping[str, Any], key: str, backup: float | None, evaluate: Evaluate, place: str) -> float | None:
    """The number under `key`, or `backup`, times `<key>_scale`; None when there is neither."""
    value = evaluate(entry[key], f"{place}: {key}") if entry.get(key) is not None else backup
    if value is None:
        return None
    if value < 0:
        raise InputError(f"{place}: {key} {value} is negative")
    return value * evaluate(entry.get(f"{key}_scale", 1), f"{place}: {key}_scale")


def _speed(entry: Mapping[str, Any], evaluate: Evaluate, place: str) -> float:
    """`throughput_scale`, or one over the deprecated `latency_scale`."""
    if "throughput_scale" in entry:
        return evaluate(entry["throughput_scale"], f"{place}: throughput_scale")
    scale = evaluate(entry.get("latency_scale", 1), f"{place}: latency_scale")
    return inf if scale == 0 else 1 / scale
