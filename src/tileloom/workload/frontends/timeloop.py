"""Timeloop's problem files (YAML, both versions) and problems in the same form under other heads, as one `Problem`.

Axes are read by their projections, never by names: the stock convolution pairs R with P through `Wstride`, others
pair them through `Hstride`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import Document, load_yaml, parse_yaml
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import MAX_EXTENT, Axis, Dim, Problem, Role, Tensor

Place = tuple[str | int, ...]
_WEIGHTS = ("weight", "filter", "kernel")
_SPACES = ("data_spaces", "data-spaces", "dataspaces")
_READ_WRITE = ("read_write", "read-write")
_COEFFICIENTS = ("Wstride", "Hstride", "Wdilation", "Hdilation")
STOCK: Mapping[str, Any] = {
    "name": "CNN-Layer",
    "dimensions": ["R", "S", "P", "Q", "C", "K", "N"],
    "coefficients": [{"name": c, "default": 1} for c in _COEFFICIENTS],
    "data_spaces": [
        {"name": "Weights", "projection": [[["C"]], [["K"]], [["R"]], [["S"]]]},
        {
            "name": "Inputs",
            "projection": [
                [["N"]], [["C"]], [["R", "Wdilation"], ["P", "Wstride"]], [["S", "Hdilation"], ["Q", "Hstride"]],
            ],
        },
        {"name": "Outputs", "projection": [[["N"]], [["K"]], [["Q"]], [["P"]]], "read_write": True},
    ],
}  # fmt: skip
"""The shape that Timeloop means by a name such as 'cnn-layer' instead of a description."""
_STOCK_NAMES = ("cnn-layer", "cnn_layer", "cnn", "conv")


def read_timeloop(path: str | Path, *, bits: int = DEFAULT_BITS) -> Network:
    """A network of the one problem in a file. Raises InputError with file:line for every fault."""
    return _network(load_yaml(path), Path(path).stem, bits)


def parse_timeloop(text: str, *, name: str = "problem", bits: int = DEFAULT_BITS) -> Network:
    """As `read_timeloop`, for text."""
    return _network(parse_yaml(text), name, bits)


def _network(document: Document, name: str, bits: int) -> Network:
    reader = _Reader(document, bits)
    problem = reader.problem(name)
    if problem is None or reader.faults:
        raise InputError(reader.faults, file=document.file)
    layer = Layer(name=problem.name, problem=problem, operator=problem.op)
    return Network(name, (layer,), source=document.file)


@dataclass
class _Reader:
    """Walks one document and collects every fault."""

    document: Document
    bits: int
    faults: list[str] = field(default_factory=list)

    def fault(self, place: Place, message: str) -> None:
        self.faults.append(f"{self.document.at(place)}: {message}")

    def problem(self, name: str) -> Problem | None:
        data, place = self.document.data, ()
        if isinstance(data, dict) and isinstance(data.get("problem"), dict):
            data, place = data["problem"], ("problem",)  # type: ignore[assignment]
        if not isinstance(data, dict) or "shape" not in data:
            self.fault(place, "not a problem: expected 'problem' with 'shape' and 'instance'")
            return None
        shape, at = self.shape(data, place)
        if shape is None:
            return None
        instance = data.get("instance", {k: v for k, v in data.items() if isinstance(v, int)})
        if not isinstance(instance, dict):
            self.fault((*place, "instance"), "'instance' must map dimensions to sizes")
            return None
        dims = self.words(shape.get("dimensions"), (*at, "dimensions"))
        coefficients = self.coefficients(shape, at, instance, (*place, "instance"))
        sizes = {d: self.size(instance, d, (*place, "instance")) for d in dims}
        known = {*dims, *coefficients, "densities", "density", "operation"}
        for key, value in instance.items():
            if key not in known and isinstance(value, int):
                self.fault((*place, "instance", key), f"'{key}' is no dimension{did_you_mean(str(key), known)}")
        tensors = list(self.tensors(shape, at, dims, coefficients))
        if self.faults:
            return None
        label = shape.get("name", name)
        try:
            return Problem(
                str(label), tuple(Dim(d, sizes[d]) for d in dims), tuple(tensors), op=self.operation(data, label)
            )
        except InputError as error:
            for message in error.problems:
                self.fault(at, message)
            return None

    def operation(self, data: Mapping[str, Any], label: object) -> str:
        stated = data.get("operation", "")
        return stated.lower() if isinstance(stated, str) and stated else "einsum"

    def shape(self, data: Mapping[str, Any], place: Place) -> tuple[Mapping[str, Any] | None, Place]:
        shape = data["shape"]
        if isinstance(shape, str):
            if shape.lower() in _STOCK_NAMES:
                return STOCK, place
            self.fault(
                (*place, "shape"),
                f"shape '{shape}' is a name; only {', '.join(_STOCK_NAMES)} are known, write others out",
            )
            return None, place
        if not isinstance(shape, dict):
            self.fault((*place, "shape"), "'shape' must be a mapping with 'dimensions' and 'data_spaces'")
            return None, place
        return shape, (*place, "shape")

    def words(self, value: object, place: Place) -> list[str]:
        if isinstance(value, str):
            value = value.replace(",", " ").split() if " " in value or "," in value else list(value)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            self.fault(place, "expected a list of dimension names")
            return []
        return [str(v) for v in value]

    def size(self, instance: Mapping[str, Any], name: str, place: Place) -> int:
        value = instance.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_EXTENT:
            return value
        shown = "missing" if value is None else repr(value)[:40]
        self.fault((*place, name), f"size of dimension '{name}' is {shown}; expected a whole number from 1")
        return 1

    def coefficients(
        self, shape: Mapping[str, Any], at: Place, instance: Mapping[str, Any], given_at: Place
    ) -> dict[str, int]:
        listed = shape.get("coefficients", [])
        found: dict[str, int] = {}
        if not isinstance(listed, list):
            self.fault((*at, "coefficients"), "'coefficients' must be a list of {name, default}")
            return found
        for i, item in enumerate(listed):
            if not isinstance(item, dict) or not isinstance(item.get("name"), str):
                self.fault((*at, "coefficients", i), "a coefficient needs a 'name'")
                continue
            value = instance.get(item["name"], item.get("default", 1))
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_EXTENT:
                self.fault(
                    (*given_at, item["name"]),
                    f"coefficient '{item['name']}' is {value!r}; expected a whole number from 1",
                )
                value = 1
            found[item["name"]] = value
        return found

    def tensors(
        self, shape: Mapping[str, Any], at: Place, dims: list[str], coefficients: Mapping[str, int]
    ) -> Iterator[Tensor]:
        key = next((k for k in _SPACES if k in shape), "data_spaces")
        spaces = shape.get(key)
        if not isinstance(spaces, list) or not spaces:
            self.fault((*at, key), "'data_spaces' must list tensors with 'name' and 'projection'")
            return
        inputs = 0
        for i, space in enumerate(spaces):
            place = (*at, key, i)
            if not isinstance(space, dict) or not isinstance(space.get("name"), str):
                self.fault(place, "a data space needs a 'name'")
                continue
            axes = self.axes(space.get("projection"), (*place, "projection"), dims, coefficients)
            output = any(space.get(k) is True for k in _READ_WRITE)
            role: Role = "output" if output else "weight" if self.is_weight(space["name"], inputs, spaces) else "input"
            inputs += not output
            yield Tensor(space["name"], role, axes, self.bits)

    def is_weight(self, name: str, position: int, spaces: list[Any]) -> bool:
        named = [s for s in spaces if isinstance(s, dict) and any(w in str(s.get("name")).lower() for w in _WEIGHTS)]
        return any(w in name.lower() for w in _WEIGHTS) if named else position > 0

    def axes(self, value: object, place: Place, dims: list[str], coefficients: Mapping[str, int]) -> tuple[Axis, ...]:
        if not isinstance(value, list):
            self.fault(place, "'projection' must list one sum per axis, as [[N]], [[R, Wdilation], [P, Wstride]]")
            return ()
        return tuple(self.axis(item, (*place, i), dims, coefficients) for i, item in enumerate(value))

    def axis(self, item: object, place: Place, dims: list[str], coefficients: Mapping[str, int]) -> Axis:
        """One axis: 'C', [[C]], [[R, Wdilation], [P, Wstride]] or the text 'R*Wdilation + P*Wstride'."""
        if isinstance(item, str):
            products: list[Any] = [term.split("*") for term in item.split("+")]
        else:
            products = item if isinstance(item, list) else [item]
        terms: dict[str, int] = {}
        offset = 0
        for product in products:
            words = [str(w).strip() for w in (product if isinstance(product, list) else [product])]
            factor, dim = 1, ""
            for word in words:
                if word in dims and not dim:
                    dim = word
                elif word in coefficients:
                    factor *= coefficients[word]
                elif word.isdecimal() and len(word) < 10:
                    factor *= int(word)
                else:
                    known = [*dims, *coefficients]
                    self.fault(place, f"'{word[:40]}' is no dimension or coefficient{did_you_mean(word, known)}")
            if dim:
                terms[dim] = terms.get(dim, 0) + factor
            else:
                offset += factor
        return Axis(tuple(terms.items()), offset)
