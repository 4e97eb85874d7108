"""AccelForge architecture files, resolved per einsum."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from tileloom.architecture.model import EVERYTHING, Architecture, Fanout, TensorSet
from tileloom.architecture.notation.accelforge import read_architecture
from tileloom.architecture.notation.accelforge_latency import LatencyForm, latency_form
from tileloom.architecture.notation.accelforge_numbers import ActionNumbers, ComponentNumbers
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.accelforge import read_workload
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

REFERENCE = Path(__file__).parents[2] / "reference" / "accelforge"
A = Tensor("A", "input", (Axis((("m", 1),)), Axis((("k", 1),))))
B = Tensor("B", "weight", (Axis((("k", 1),)), Axis((("n", 1),))), 4)
Z = Tensor("Z", "output", (Axis((("m", 1),)), Axis((("n", 1),))), 16)
MATMUL = Problem("MM", (Dim("m", 4), Dim("n", 4), Dim("k", 4)), (A, B, Z))
ELEMENTWISE = Problem("E", (Dim("m", 4), Dim("n", 4)), (Tensor("X", "input", Z.axes), Z))


def resolved(name: str, problem: Problem = MATMUL, **variables: object) -> Architecture:
    return read_architecture(REFERENCE / "arch" / name, variables).resolve(problem)


def written(folder: Path, nodes: str) -> Path:
    path = folder / "chip.yaml"
    path.write_text("arch:\n  nodes:\n" + nodes, encoding="utf-8")
    return path


DRAM = "  - !Memory {name: DRAM, size: inf, actions: [{name: read, energy: 1, throughput: 1}, {name: write, energy: 1, throughput: 1}]}\n"
MAC = "  - !Compute {name: MAC, actions: [{name: compute, energy: 1, throughput: 1}]}\n"


def test_units_ports_and_sets() -> None:
    chip = resolved("nvdla_like.yaml")
    main, buffer, register = chip.memories
    assert main.read.energy_pj == pytest.approx(7.03, rel=1e-12)
    assert main.read.accesses_per_cycle == pytest.approx(307.2, rel=1e-12)
    assert (main.capacity_bits, main.ports, main.keep) == (None, "shared", EVERYTHING)
    assert (buffer.capacity_bits, buffer.ports) == (2**19, "separate")
    assert (register.keep, register.may_keep, register.capacity_bits) == (TensorSet(("B",)), TensorSet(("B",)), 4)
    assert (register.read.energy_pj, register.read.accesses_per_cycle) == (0.0, inf)
    array = chip.fanout("ProcessingElement")
    assert array.axis("reuse_input").stationary == array.axis("reuse_input").multicast == TensorSet(("A",))
    assert array.axis("reuse_output").min_utilization == 1.0
    assert (
        read_architecture(REFERENCE / "arch" / "nvdla_like.yaml")
        .resolve(MATMUL, min_usage=0)
        .fanout("ProcessingElement")
        .axis("reuse_output")
        .min_utilization
        == 0.0
    )


def test_a_memory_with_a_fanout_of_its_own_and_units_by_arity() -> None:
    chip = resolved("tpu_like.yaml")
    assert [n.name for n in chip.nodes[:4]] == ["MainMemory", "GlobalBuffer", "LocalBuffer", "LocalBuffer"]
    fanout = chip.nodes[2]
    assert isinstance(fanout, Fanout)
    assert fanout.axes[0].multicast == TensorSet(())
    assert chip.instances(chip.memory("LocalBuffer")) == 4
    assert chip.memory("LocalBuffer").keep == TensorSet(("A", "Z"))
    assert (chip.memory("GlobalBuffer").keep, chip.memory("GlobalBuffer").may_keep) == (TensorSet(()), EVERYTHING)
    unit = chip.compute_for(MATMUL)
    assert unit is not None and unit.name == "MAC"
    plain = resolved("tpu_like.yaml", ELEMENTWISE)
    unit = plain.compute_for(ELEMENTWISE)
    assert unit is not None and unit.name == "ScalarUnit"
    assert plain.memory("Register").capacity_bits == 0
    assert plain.memory("LocalBuffer").keep == EVERYTHING


def test_intermediates_may_leave_main_memory_only_when_fused() -> None:
    workload = read_workload(REFERENCE / "workload" / "transformer_layer.yaml", {"BATCH_SIZE": 1, "N_NEW_TOKENS": 4})
    chip = read_architecture(REFERENCE / "arch" / "tpu_like.yaml")
    alone = chip.resolve(workload.einsum("FFA"))
    assert (alone.memory("MainMemory").keep, alone.memory("GlobalBuffer").keep) == (EVERYTHING, TensorSet(()))
    fused = chip.resolve(workload.einsum("FFA"), fused=True)
    assert fused.memory("MainMemory").keep == TensorSet(("WFFA",))
    assert fused.memory("MainMemory").may_keep == EVERYTHING


def test_numbers_of_component_classes() -> None:
    chip = read_architecture(REFERENCE / "arch" / "eyeriss_like.yaml")
    with pytest.raises(InputError) as caught:
        chip.resolve(MATMUL)
    assert len(caught.value.problems) == 6
    assert "GlobalBuffer (einsum 'MM'): energy of 'read', energy of 'write', leak_power not stated" in str(caught.value)
    actions = {a: ActionNumbers(energy_j=2e-12, throughput_hz=3e9) for a in ("read", "write", "compute")}
    numbers = ComponentNumbers(actions=actions, leak_power_w=1e-3)
    found = chip.resolve(MATMUL, components=dict.fromkeys(chip.components_without_numbers(), numbers))
    buffer = found.memory("GlobalBuffer")
    assert (buffer.read.width_bits, buffer.read.energy_pj) == (64.0, pytest.approx(2.0))
    assert buffer.read.accesses_per_cycle == pytest.approx(32 * 200e6 / 1e9)
    assert found.memory("MainMemory").read.accesses_per_cycle == pytest.approx(3.0)
    assert buffer.leakage_pj_per_cycle == pytest.approx(1.0)
    assert found.computes[0].ops_per_cycle == pytest.approx(0.2)


def test_scales_values_and_first_writes(tmp_path: Path) -> None:
    text = DRAM + (
        "  - !Memory\n    name: Buffer\n    size: 3 * output.bits_per_value\n    bits_per_action: 8\n    energy_scale: 2\n"
        "    leak_power: 1e-3\n    n_parallel_instances: 2\n    area: 2e-6\n    skip_initial_output_write: False\n"
        "    bits_per_value: {output: 3 * output.bits_per_value}\n    tensors: {keep: output}\n"
        "    actions: [{name: read, energy: 1e-12, throughput: 4e9}, {name: write, energy: 3e-12, latency: 0.5e-9, bits_per_action: 4}]\n"
    )
    buffer = read_architecture(written(tmp_path, text + MAC)).resolve(MATMUL).memory("Buffer")
    assert (buffer.capacity_bits, buffer.value_bits, buffer.refetch_first_output) == (48, (("Z", 48),), True)
    assert (buffer.read.width_bits, buffer.write.width_bits) == (8.0, 4.0)
    assert (buffer.read.energy_pj, buffer.write.energy_pj) == (pytest.approx(2), pytest.approx(6))
    assert (buffer.read.accesses_per_cycle, buffer.write.accesses_per_cycle) == (pytest.approx(8), pytest.approx(4))
    assert (buffer.leakage_pj_per_cycle, buffer.area_mm2) == (pytest.approx(2), pytest.approx(4))


def test_what_another_memory_may_hold_is_uncertain(tmp_path: Path) -> None:
    """Buffer may hold anything, so 'what Buffer does not hold' is required of Spad for nothing, allowed for all."""
    text = DRAM + "".join(
        f"  - !Memory {{name: {name}, size: 64, tensors: {tensors}, component_class: Dummy}}\n"
        for name, tensors in (("Buffer", "{keep: input, may_keep: weight}"), ("Spad", "{keep: ~Buffer}"))
    )
    spad = read_architecture(written(tmp_path, text + MAC)).resolve(MATMUL).memory("Spad")
    assert (spad.keep, spad.may_keep) == (TensorSet(("Z",)), TensorSet(("B", "Z")))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (None, LatencyForm("shared", 1.0, True)),
        (0, LatencyForm("shared", 0.0, False)),
        ("max(a.n_calls / a.throughput for a in actions)", LatencyForm("separate", 1.0, True)),
        ("sum(a.n_calls for a in actions) / 32 / 200e6", LatencyForm("shared", 1 / 32 / 200e6, False)),
        ("2 * sum(3 * a.n_calls / a.throughput for a in actions)", LatencyForm("shared", 6.0, True)),
        ("max(x.n_calls / (width * 4) for x in actions)", LatencyForm("separate", 0.125, False)),
    ],
)
def test_latency_forms(text: object, form: LatencyForm) -> None:
    assert latency_form(text, {"width": 2}, "Buffer") == form


@pytest.mark.parametrize(
    "text",
    [
        "sum(a.n_calls ** 2 for a in actions)",
        "sum(a.n_calls * a.throughput for a in actions)",
        "sum(a.energy for a in actions)",
        "sum(a.n_calls for a in actions if a.name == 'read')",
        "max(1, sum(a.n_calls for a in actions))",
        "sum(a.n_calls for a in actions) + 1",
        "sum(a.n_calls for a in open('x'))",
        "7",
    ],
)
def test_other_latencies_are_refused_by_name(text: str) -> None:
    with pytest.raises(UnsupportedError, match="of no known form"):
        latency_form(text, {}, "Buffer")


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("!Memry {name: B, size: 1}", r"unknown tag \(did you mean 'Memory'"),
        ("!Memory {name: B, sise: 1}", r"'sise' is not understood \(did you mean 'size'"),
        ("!Memory {name: B, size: 1, tensors: {kep: All}}", "tensors: 'kep' is not understood"),
        ("!Memory {size: 1}", "'name' is missing"),
        ("!Memory {name: B, size: -1, component_class: Dummy}", "size -1 is negative"),
        ("!Memory {name: B, component_class: Dummy}", "'size' .* is missing"),
        ("!Memory {name: B, size: 1, component_class: Dummy, tensors: {keep: wieght}}", "unknown name 'wieght'"),
        ("!Memory {name: B, size: 1, component_class: Dummy, actions: [{name: raed}]}", "did you mean 'read'"),
        ("!Memory {name: B, size: __import__('os').getpid(), component_class: Dummy}", "B .*size"),
        ("!Container {name: C, spatial: [{name: X, fanout: 1.5}]}", "fanout 1.5 is not a whole number"),
        ("3", "a node needs a tag"),
    ],
)
def test_mistakes(tmp_path: Path, node: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_architecture(written(tmp_path, DRAM + f"  - {node}\n" + MAC)).resolve(MATMUL)


@pytest.mark.parametrize(
    "node",
    [
        "!Toll {name: T, direction: up}",
        "!Network {name: N}",
        "!Fork {nodes: []}",
        "!Container {name: C, spatial: [{name: X, fanout: 2, usage_scale: 2}]}",
        "!Container {name: C, spatial: [{name: X, fanout: 2, loop_bounds: [{expression: m, operator: ==, value: 1}]}]}",
    ],
)
def test_what_has_no_counterpart_is_named(tmp_path: Path, node: str) -> None:
    with pytest.raises(UnsupportedError, match=r"chip\.yaml"):
        read_architecture(written(tmp_path, DRAM + f"  - {node}\n" + MAC)).resolve(MATMUL)
