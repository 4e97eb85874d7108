"""dMazeRunner's model files (JSON) and layer records, as layers and Problems.

CONV, GEMM and DW_CONV entries, its direct layer records and its table of ResNet layers are read here. Chips are in
architecture/notation/dmazerunner.py, mappings in mapping/notation/dmazerunner.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Literal

from tileloom.core.errors import MAX_PROBLEMS, InputError, did_you_mean
from tileloom.core.jsonio import parse_json, read_json
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

Kind = Literal["CONV", "GEMM", "DW_CONV"]
KINDS: tuple[Kind, ...] = ("CONV", "GEMM", "DW_CONV")
"""In this order lists are processed, whatever their order in a file."""
CONV_LOOPS = ("N", "M", "C", "Ox", "Oy", "Fx", "Fy")
GEMM_LOOPS = ("X", "Y", "K")
_KEYS = ("name", "size_tensor_A", "size_tensor_B", "strides", "instances", "names_repeated_layers", "comment")
BITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class DmazeLayer:
    """One perfectly nested loop.

    extents    trip counts in the order of CONV_LOOPS or GEMM_LOOPS (DW_CONV: M is 1, C the channels)
    stride, padding, dilation   along (Ox, Oy)
    declared   (rows, columns) of the stored input with its padding on both sides; (0, 0) for GEMM
    instances  how often the network runs it
    """

    name: str
    kind: Kind
    extents: tuple[int, ...]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    declared: tuple[int, int] = (0, 0)
    instances: int = 1

    @property
    def loops(self) -> tuple[str, ...]:
        return GEMM_LOOPS if self.kind == "GEMM" else CONV_LOOPS

    @property
    def macs(self) -> int:
        return prod(self.extents)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for layers that are merged."""
        return self.kind, self.extents, self.stride, self.padding, self.dilation, self.declared

    def problem(self) -> Problem:
        """Tensors in dMazeRunner's order (output, input, weight); the input is stored with its padding."""
        dims = tuple(Dim(n, e) for n, e in zip(self.loops, self.extents, strict=True))
        if self.kind == "GEMM":
            tensors = (
                _tensor("C", "output", "X", "Y"),
                _tensor("A", "input", "X", "K"),
                _tensor("B", "weight", "K", "Y"),
            )
            return Problem(self.name, dims, tensors, op="matmul")
        windows = tuple(
            Axis(((f"O{a}", s), (f"F{a}", d)), extent=h)
            for a, s, d, h in zip("xy", self.stride, self.dilation, self.declared, strict=True)
        )
        image = Tensor("I", "input", (_axis("N"), _axis("C"), *windows), BITS)
        if self.kind == "CONV":
            rest = (_tensor("O", "output", "N", "M", "Ox", "Oy"), image, _tensor("W", "weight", "M", "C", "Fx", "Fy"))
            return Problem(self.name, dims, rest, op="conv2d")
        rest = (_tensor("O", "output", "N", "C", "Ox", "Oy"), image, _tensor("W", "weight", "C", "Fx", "Fy"))
        return Problem(self.name, dims, rest, op="depthwise_conv2d")


def _axis(dim: str) -> Axis:
    return Axis(((dim, 1),))


def _tensor(name: str, role: Any, *dims: str) -> Tensor:
    return Tensor(name, role, tuple(_axis(d) for d in dims), BITS)


def read_model(path: str | Path, *, square: bool = True) -> tuple[DmazeLayer, ...]:
    """Layers of a model file in processing order (CONV, GEMM, DW_CONV), not merged.

    square  as the original: second entries of kernel and stride are ignored. False reads rectangles, too.
    Raises InputError with every faulty entry.
    """
    path = Path(path)
    document = read_json(path, 50_000_000)
    return layers_of(document, str(path), square=square)


def layers_of(document: object, where: str = "model", *, square: bool = True) -> tuple[DmazeLayer, ...]:
    """`read_model` of parsed JSON."""
    if not isinstance(document, Mapping):
        raise InputError(f"{where}: expected an object with the lists {', '.join(KINDS)}")
    faults = [f"{where}: unknown key '{k}'{did_you_mean(str(k), KINDS)}" for k in document if k not in KINDS]
    found: list[DmazeLayer] = []
    for kind in KINDS:
        entries = document.get(kind, [])
        if not isinstance(entries, list):
            faults.append(f"{where}: '{kind}' must be a list")
            continue
        for position, entry in enumerate(entries):
            place = f"{where}: {kind}[{position}]"
            try:
                found.append(_entry(kind, entry, place, square))
            except InputError as error:
                faults.extend(error.problems)
                # Millions of entries may be wrong; no error carries as many.
                if len(faults) >= MAX_PROBLEMS:
                    end = f"{place}: entries after this one were not read: too many faults"
                    raise InputError([*faults[: MAX_PROBLEMS - 1], end], file=where) from error
    if faults:
        raise InputError(faults, file=where)
    return tuple(found)


def merged(layers: Sequence[DmazeLayer]) -> tuple[DmazeLayer, ...]:
    """Equal layers as one: the first stays, instances are summed."""
    kept: dict[tuple[object, ...], DmazeLayer] = {}
    for layer in layers:
        first = kept.get(layer.key)
        kept[layer.key] = layer if first is None else replace(first, instances=first.instances + layer.instances)
    return tuple(kept.values())


def load_network(path: str | Path, *, square: bool = True) -> Network:
    """A model file as a network."""
    layers = [
        Layer(name=layer.name, problem=layer.problem(), operator=layer.kind, count=layer.instances)
        for layer in read_model(path, square=square)
    ]
    return Network(Path(path).stem, tuple(layers), source=str(path))


def _entry(kind: Kind, entry: object, where: str, square: bool) -> DmazeLayer:
    if not isinstance(entry, Mapping):
        raise InputError(f"{where}: expected an object")
    name = str(entry.get("name", ""))
    place = f"{where} '{name}'" if name else where
    faults = [f"{place}: unknown key '{k}'{did_you_mean(str(k), _KEYS)}" for k in entry if k not in _KEYS]
    needed = ("name", "size_tensor_A", "size_tensor_B") if kind == "GEMM" else _KEYS[:4]
    faults += [f"{place}: '{k}' is missing" for k in needed if k not in entry]
    length = 2 if kind == "GEMM" else 4
    sizes = [("size_tensor_A", length), ("size_tensor_B", length)] + ([] if kind == "GEMM" else [("strides", 2)])
    values: dict[str, tuple[int, ...]] = {}
    for key, count in sizes:
        if key in entry:
            values[key] = _numbers(entry[key], count, f"{place}: '{key}'", faults)
    instances = entry.get("instances", 1)
    if not _whole(instances):
        faults.append(f"{place}: 'instances' is {instances!r}; expected a whole number, at least 1")
    if faults:
        raise InputError(faults)
    a, b = values["size_tensor_A"], values["size_tensor_B"]
    if kind == "GEMM":
        if a[1] != b[0] and not square:
            raise InputError(f"{place}: A has K = {a[1]} and B has K = {b[0]}; they must agree")
        return DmazeLayer(name=name, kind=kind, extents=(a[0], b[1], b[0]), instances=instances)
    if kind == "CONV" and a[1] != b[1]:
        raise InputError(f"{place}: A has {a[1]} channels and B has {b[1]}; they must agree")
    if kind == "DW_CONV" and not square and (b[0], b[1]) not in ((1, a[1]), (a[1], 1)):
        raise InputError(f"{place}: B is {list(b)}; a depthwise filter of {a[1]} channels begins with 1, {a[1]}")
    channels = (b[0], a[1]) if kind == "CONV" else (1, a[1])
    label = name if kind == "CONV" else f"{name}_depthwise"
    return conv_layer(
        label, kind, a[0], channels, a[2:], b[2:], values["strides"], (0, 0), instances=instances, square=square, where=place
    )  # fmt: skip


def conv_layer(
    name: str,
    kind: Kind,
    batch: int,
    channels: tuple[int, int],
    image: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    *,
    instances: int = 1,
    square: bool = True,
    where: str = "",
    output: Sequence[int] | None = None,
) -> DmazeLayer:
    """A convolution; channels are (M, C), image is without padding. InputError when no window fits.

    square  the original's reading: rows for columns: the image's height, first kernel, stride and padding entry
    output  (Ox, Oy) that a record states; it must be what the sizes give
    """
    if square:
        image, kernel, stride, padding = ((image[0],) * 2, (kernel[0],) * 2, (stride[0],) * 2, (padding[0],) * 2)
    held = (image[0] + 2 * padding[0], image[1] + 2 * padding[1])
    out = tuple((h - f) // s + 1 for h, f, s in zip(held, kernel, stride, strict=True))
    if min(out) < 1:
        raise InputError(f"{where or name}: a {kernel[0]}x{kernel[1]} window does not fit into {held[0]}x{held[1]}")
    if output is not None and ((output[0], output[0]) if square else tuple(output)) != out:
        raise InputError(f"{where or name}: output is {list(output)}, the other sizes give {list(out)}")
    return DmazeLayer(
        name=name,
        kind=kind,
        extents=(batch, *channels, *out, kernel[0], kernel[1]),
        stride=(stride[0], stride[1]),
        padding=(padding[0], padding[1]),
        declared=held,
        instances=instances,
    )


def layer_record(record: Mapping[str, Any], *, square: bool = True) -> DmazeLayer:
    """A direct record: CONV {name, channels, kernel_size, padding, strides, input_shape, output_shape, batch_size}
    (lists also as text, "[3, 3]"), or GEMM {name, M, N, K}. Raises InputError."""
    name = str(record.get("name", "layer"))
    instances = int(record.get("instances", 1))
    if {"M", "N", "K"} <= set(record):
        return DmazeLayer(
            name=name, kind="GEMM", extents=(int(record["M"]), int(record["N"]), int(record["K"])), instances=instances
        )
    needed = ("channels", "kernel_size", "padding", "strides", "input_shape", "output_shape")
    missing = [f"layer '{name}': '{k}' is missing" for k in needed if k not in record]
    if missing:
        raise InputError(missing)
    lists = {k: _listed(record[k], f"layer '{name}': '{k}'") for k in needed[1:]}
    channels, shape, out = int(record["channels"]), lists["input_shape"], lists["output_shape"]
    depthwise = bool(record.get("depthwise", False))
    return conv_layer(
        name,
        "DW_CONV" if depthwise else "CONV",
        int(record.get("batch_size", record.get("batch", 1))),
        (1 if depthwise else out[-3], channels),
        shape[-2:],
        lists["kernel_size"],
        lists["strides"],
        lists["padding"],
        instances=instances,
        square=square,
        output=out[-2:],
    )


def _listed(value: object, where: str) -> tuple[int, ...]:
    if isinstance(value, str):
        try:
            value = parse_json(value.replace("(", "[").replace(")", "]"))
        except InputError:
            raise InputError(f"{where} is {str(value)[:60]!r}; expected a list of whole numbers") from None
    if not isinstance(value, list | tuple) or not all(isinstance(v, int) for v in value):
        raise InputError(f"{where} is {str(value)[:60]!r}; expected a list of whole numbers")
    return tuple(value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _numbers(value: object, count: int, where: str, faults: list[str]) -> tuple[int, ...]:
    if isinstance(value, list) and len(value) == count and all(_whole(v) for v in value):
        return tuple(value)
    faults.append(f"{where} is {value!r}; expected {count} whole numbers, each at least 1")
    return (1,) * count


def _resnet(name: str, sizes: tuple[int, int, int, int], kernel: int, stride: int, padding: int) -> DmazeLayer:
    c, m, size, out = sizes
    square = (kernel, kernel), (stride, stride), (padding, padding)
    return conv_layer(name, "CONV", 4, (m, c), (size, size), *square, output=(out, out))


RESNET: tuple[DmazeLayer, ...] = (
    _resnet("resnet_conv1", (3, 64, 224, 112), 7, 2, 3),
    _resnet("resnet_conv2_2", (64, 64, 56, 56), 3, 1, 1),
    _resnet("resnet_conv3_2", (128, 128, 28, 28), 3, 1, 1),
    _resnet("resnet_conv4_2", (256, 256, 14, 14), 3, 1, 1),
    _resnet("resnet_conv5_1", (256, 512, 14, 7), 3, 2, 1),
    _resnet("resnet_conv5_2", (512, 512, 7, 7), 3, 1, 1),
)
"""The table of layers its studies use: ResNet at batch 4. Source: dMazeRunner, examples."""
