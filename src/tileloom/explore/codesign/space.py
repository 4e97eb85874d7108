"""Spaces of networks: what a space must offer, and the ones that come with Tileloom. What a network costs is not known here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tileloom.core.errors import InputError
from tileloom.core.registry import Registry
from tileloom.core.yamlio import load_yaml
from tileloom.explore.codesign import alphanet, darts
from tileloom.explore.codesign.layer import ProblemUnit, Unit
from tileloom.explore.sources import load_network

ZOO = Path(__file__).with_name("zoo.yaml")


class Space(Protocol):
    """A numbered set of networks. Plug-ins register a function without arguments that returns one."""

    @property
    def name(self) -> str: ...

    def __len__(self) -> int: ...

    def label(self, number: int) -> str:
        """What people call the network."""

    def layers(self, number: int) -> tuple[Unit, ...]:
        """What costs something, in execution order."""

    def accuracy(self, number: int) -> float | None:
        """Published top-1 accuracy in percent; None where none may be shipped."""


@dataclass(frozen=True, slots=True)
class DartsSpace:
    """Seeds 0 to 9999 of the DARTS space; `resolution` and `auxiliary` as in `darts.layers`."""

    resolution: int = 32
    auxiliary: bool = False
    name: str = "darts"

    def __len__(self) -> int:
        return darts.SIZE

    def label(self, number: int) -> str:
        return f"seed {number}"

    def layers(self, number: int) -> tuple[Unit, ...]:
        return darts.layers(darts.genotype(number), self.resolution, self.auxiliary)

    def accuracy(self, number: int) -> float | None:
        return None


@dataclass(frozen=True, slots=True)
class AlphanetSpace:
    """The 9,999 different networks of the AlphaNet space, by their place in that list."""

    name: str = "alphanet"

    def __len__(self) -> int:
        return len(alphanet.configs())

    def label(self, number: int) -> str:
        c = alphanet.configs()[number]
        numbers = ("".join(str(v) for v in part) for part in (c.depth, c.kernel, c.expand))
        return f"r{c.resolution} d{next(numbers)} k{next(numbers)} e{next(numbers)}"

    def layers(self, number: int) -> tuple[Unit, ...]:
        return alphanet.layers(alphanet.configs()[number])

    def accuracy(self, number: int) -> float | None:
        return None


@dataclass(frozen=True, slots=True)
class NetworkSpace:
    """A list of networks that Tileloom can read; equal layers of different networks are one unit.

    sources      names in the library, or files
    accuracies   percent, one per network; empty where unknown
    """

    name: str
    sources: tuple[str, ...]
    accuracies: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.sources)

    def label(self, number: int) -> str:
        return self.sources[number]

    def layers(self, number: int) -> tuple[Unit, ...]:
        network = load_network(self.sources[number])
        return tuple(ProblemUnit.of_problem(layer.problem) for layer in network.layers for _ in range(layer.count))

    def accuracy(self, number: int) -> float | None:
        return self.accuracies[number] if self.accuracies else None


def zoo() -> NetworkSpace:
    """Image classifiers of the library with the top-1 accuracy that was published for them (zoo.yaml)."""
    data = load_yaml(ZOO).data
    if not isinstance(data, dict):
        raise InputError(f"{ZOO}: expected a mapping of networks")
    facts = {name: entry["top1_percent"] for name, entry in data.items() if isinstance(entry, dict)}
    return NetworkSpace("zoo", tuple(facts), tuple(float(v) for v in facts.values() if isinstance(v, int | float)))


SPACES: Registry[Space] = Registry(
    kind="co-design space",
    group="tileloom.codesign_spaces",
    builtin={
        "alphanet": AlphanetSpace,
        "darts": DartsSpace,
        "darts16aux": lambda: DartsSpace(16, True, "darts16aux"),
        "zoo": zoo,
    },
    about={
        "alphanet": "9,999 networks of the AlphaNet / AttentiveNAS supernet, by index",
        "darts": "10,000 networks of the DARTS / NAS-Bench-301 cells on 32x32 images, by seed",
        "darts16aux": "the same on 16x16 images with the auxiliary classifier",
        "zoo": "published image classifiers with their published accuracy",
    },
)


def select(space: Space, numbers: Sequence[int] | None) -> tuple[int, ...]:
    """The chosen networks, all of them for None. Raises InputError for numbers outside the space and repeated ones."""
    if numbers is None:
        return tuple(range(len(space)))
    wrong = [n for n in numbers if not 0 <= n < len(space)]
    problems = [f"space '{space.name}' has no network {n}; numbers run from 0 to {len(space) - 1}" for n in wrong[:5]]
    repeated = sorted(n for n, times in Counter(numbers).items() if times > 1)
    problems += [f"network {n} of space '{space.name}' is chosen more than once" for n in repeated[:5]]
    if problems:
        raise InputError(problems)
    return tuple(numbers)
