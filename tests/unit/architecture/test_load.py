"""Architecture files: what they mean, and every fault at once with its line."""

from math import inf
from pathlib import Path

import pytest

from tileloom.architecture.load import architecture_json_schema, load_architecture, parse_architecture
from tileloom.architecture.model import EVERYTHING, NOTHING, Architecture, Fanout, TensorSet
from tileloom.core.errors import InputError

GOOD = """\
name: chip
frequency_mhz: 500
technology_nm: 45
nodes:
- memory: DRAM
  unbounded: true
  access: {energy_pj: 100, width_bits: 64, bits_per_cycle: 128}
  keep: all
- memory: GLB
  size_kib: 1.5
  read: {energy_pj: 2, energy_pj_by_tensor: {weight: 3}}
  write: {energy_pj: 4, accesses_per_cycle: 8}
  ports: separate
  bypass: [weight]
  value_bits: {output: 24}
  double_buffered: true
  leakage_mw: 2
  area_mm2: 0.5
- fanout: Array
  axes:
  - {name: X, size: 4, multicast: [input], stationary: weight, max_dims: 1, min_utilization: 0.5}
  - {name: Y, size: 2, dims: [K, C]}
- memory: RF
  partitions: [{tensors: weight, size_bytes: 4}, {tensors: [input, output], size_bits: 40}]
  access: {energy_pj: 0.1}
  keep: [weight]
- compute: MAC
  energy: {table: horowitz-2014, item: int8-mac}
"""


def chip(text: str = GOOD) -> Architecture:
    return parse_architecture(text, file="chip.yaml")


def faults(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        chip(text)
    assert caught.value.file == "chip.yaml"
    return list(caught.value.problems)


def test_units_are_converted() -> None:
    glb = chip().memory("GLB")
    assert glb.capacity_bits == 12288  # 1.5 KiB = 1536 bytes
    assert glb.leakage_pj_per_cycle == pytest.approx(4.0)  # 2 mW for 2 ns
    assert glb.buffers == 2
    assert glb.value_bits == (("output", 24),)
    dram = chip().memory("DRAM")
    assert dram.capacity_bits is None
    assert dram.read.accesses_per_cycle == 2  # 128 bit per cycle in words of 64
    assert dram.read == dram.write
    assert glb.read.accesses_per_cycle == inf
    assert glb.write.accesses_per_cycle == 8
    assert chip().frequency_hz == 5e8


def test_partitions_add_up() -> None:
    rf = chip().memory("RF")
    assert rf.capacity_bits == 72  # 4 bytes + 40 bits
    assert rf.partitions == ((TensorSet(("weight",)), 32), (TensorSet(("input", "output")), 40))


def test_keep_bypass_and_their_defaults() -> None:
    a = chip()
    assert (a.memory("DRAM").keep, a.memory("DRAM").may_keep) == (EVERYTHING, NOTHING)
    assert (a.memory("GLB").keep, a.memory("GLB").may_keep) == (NOTHING, TensorSet(("input", "output")))
    assert (a.memory("RF").keep, a.memory("RF").may_keep) == (TensorSet(("weight",)), NOTHING)
    free = chip(GOOD.replace("  bypass: [weight]\n", ""))
    assert free.memory("GLB").may_keep == EVERYTHING


def test_fanout_axes() -> None:
    array = chip().fanout("Array")
    assert isinstance(array, Fanout)
    x, y = array.axes
    assert (x.size, x.multicast, x.stationary) == (4, TensorSet(("input",)), TensorSet(("weight",)))
    assert (x.max_dims, x.min_utilization) == (1, 0.5)
    assert (y.multicast, y.dims, y.max_dims) == (EVERYTHING, ("K", "C"), None)


def test_energy_from_a_table() -> None:
    assert chip().computes[0].energy_pj == 0.3  # 0.2 multiply + 0.1 add
    text = GOOD.replace(
        "access: {energy_pj: 0.1}", "access: {energy: {table: horowitz-2014, size_kib: 16, scale: 2}, width_bits: 64}"
    )
    # Halfway between 8 KB (10 pJ) and 32 KB (20 pJ) on log axes, doubled.
    assert chip(text).memory("RF").read.energy_pj == pytest.approx(2 * (10 * 20) ** 0.5)


def test_all_faults_at_once_with_lines_and_nearest_keys() -> None:
    text = """\
name: bad
frequncy_mhz: 3
nodes:
- memory: DRAM
  unbounded: true
  size_kib: 3
  access: {energy_pj: -1, widht_bits: 4}
  keep: [weights]
- fanout: PE
  axes: [{name: X, size: 0}, {name: Y, size: 16777217}]
- memory: GLB
  size_kib: -108
  read: {energy_pj: 1, engery: 6.0}
  keep: [weight]
  bypass: [weight]
- memroy: Z
  size_bits: 1.5
- what: 1
- compute: MAC
"""
    found = faults(text)
    expected = [
        ("chip.yaml:2: frequncy_mhz: unknown key (did you mean 'frequency_mhz'?) (got 3)"),
        ("chip.yaml:5: nodes.0 'DRAM'.unbounded: size_kib and unbounded are both given"),
        ("chip.yaml:7: nodes.0 'DRAM'.access.energy_pj: input should be greater than or equal to 0 (got -1)"),
        ("chip.yaml:7: nodes.0 'DRAM'.access.widht_bits: unknown key (did you mean 'width_bits'?) (got 4)"),
        ("chip.yaml:8: nodes.0 'DRAM'.keep: 'weights' is not a role; did you mean 'weight'?"),
        ("chip.yaml:10: nodes.1 'PE'.axes.0 'X'.size: input should be greater than or equal to 1 (got 0)"),
        ("chip.yaml:10: nodes.1 'PE'.axes.1 'Y'.size: input should be less than or equal to 16777216 (got 16777217)"),
        ("chip.yaml:11: nodes.2 'GLB': no write port; give read and write, or `access` for both"),
        ("chip.yaml:12: nodes.2 'GLB'.size_kib: input should be greater than 0 (got -108)"),
        ("chip.yaml:13: nodes.2 'GLB'.read.engery: unknown key (did you mean 'energy'?) (got 6.0)"),
        ("chip.yaml:15: nodes.2 'GLB'.bypass: weight is also in `keep`"),
        ("chip.yaml:16: nodes.3.memroy: unknown key (did you mean 'memory'?) (got 'Z')"),
        ("chip.yaml:17: nodes.3.size_bits: input should be a valid integer (got 1.5)"),
        ("chip.yaml:18: nodes.4: a node is one of `memory: NAME`, `fanout: NAME`, `compute: NAME`"),
        ("chip.yaml:19: nodes.5 'MAC': the energy is missing; give one of energy_pj, energy"),
    ]
    for message in expected:
        assert any(f.startswith(message) for f in found), f"missing: {message}\n" + "\n".join(found)
    lines = [int(f.split(":")[1]) for f in found]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size_kib: 1.5", "size_mib: 1e13", "chip.yaml:10: nodes.1 'GLB'.size_mib: 10000000000000.0 is"),
        ("size_kib: 1.5", "size_bytes: 0.3", "expected a whole number of bits"),
        ("size_kib: 1.5", "size_bits: 9223372036854775807", "less than or equal to 1152921504606846976"),
        ("size_kib: 1.5", "size_kib: true", "valid number (got True)"),
        ("size_kib: 1.5", "size_kib: '1.5'", "valid number (got '1.5')"),
        ("size_kib: 1.5", "size_kib: .nan", "nodes.1 'GLB'.size_kib"),
        ("energy_pj: 100", "energy_pj: .inf", "expected a finite number (got inf)"),
        ("  unbounded: true\n", "  unbounded: false\n", "chip.yaml:6: nodes.0 'DRAM'.unbounded: false says nothing"),
        ("  unbounded: true\n", "", "chip.yaml:5: nodes.0 'DRAM': the size is missing"),
        ("bits_per_cycle: 128", "bits_per_cycle: 128, accesses_per_cycle: 2", "are both given; keep one"),
        ("bypass: [weight]", "bypass: [W]", "use may_keep for tensor names"),
        ("bypass: [weight]", "bypass: [weight]\n  may_keep: all", "may_keep and bypass are both given"),
        ("double_buffered: true", "double_buffered: true\n  buffers: 3", "double_buffered and buffers are both given"),
        ("partitions: [", "size_bits: 8\n  partitions: [", "partitions and size_bits are both given"),
        ("frequency_mhz: 500", "frequency_mhz: 500\nfrequency_hz: 1", "frequency_mhz and frequency_hz are both given"),
        (
            "bits_per_cycle: 128",
            "bits_per_cycle: .nan",
            "nodes.0 'DRAM'.access.bits_per_cycle: input should be greater",
        ),
        ("size: 2", "size: 16777216}\n  - {name: Z, size: 16777216", "chip.yaml:4: nodes: the fanouts multiply to"),
        ("memory: RF", "memory: GLB", "memory 'GLB' appears twice"),
        ("name: Y", "name: X", "axis 'X' appears twice"),
        ("table: horowitz-2014", "table: horowitz", "did you mean 'horowitz-2014'?"),
        ("item: int8-mac", "item: int8-mca", "did you mean 'int8-mac'?"),
        ("item: int8-mac", "technology_nm: 45", "needs a capacity and a width"),
    ],
)
def test_contradictory_and_absurd_values(old: str, new: str, message: str) -> None:
    assert old in GOOD
    found = faults(GOOD.replace(old, new, 1))
    assert any(message in f for f in found), found
    assert all(f.startswith("chip.yaml:") for f in found)


def test_order_of_nodes_is_checked() -> None:
    text = "name: x\nnodes:\n- compute: M\n  energy_pj: 1\n- memory: D\n  unbounded: true\n  access: {energy_pj: 1}\n"
    found = faults(text)
    assert any("first node must be a memory" in f for f in found)
    assert any("last node must be a compute unit" in f for f in found)


def test_unknown_name_suggests_and_lists() -> None:
    with pytest.raises(InputError, match=r"no architecture 'eyeris' \(did you mean 'eyeriss'\?\)"):
        load_architecture("eyeris")


def test_loading_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "chip.yaml"
    path.write_text(GOOD)
    assert load_architecture(path) == load_architecture(str(path)) == chip()
    with pytest.raises(InputError, match="cannot be read"):
        load_architecture(tmp_path / "absent.yaml")


def test_energy_table_beside_the_file(tmp_path: Path) -> None:
    row = (
        "capacity_bits: 72, width_bits: 1, technology_nm: 45, read_pj: 3, write_pj: 5, quality: assumption, source: me"
    )
    (tmp_path / "mine.yaml").write_text(f"name: mine\ndescription: d\nsource: s\nmemories: [{{{row}}}]\n")
    path = tmp_path / "chip.yaml"
    path.write_text(GOOD.replace("access: {energy_pj: 0.1}", "access: {energy: {table: mine.yaml}}"))
    rf = load_architecture(path).memory("RF")
    assert (rf.read.energy_pj, rf.write.energy_pj) == (3, 5)


def test_json_schema_covers_the_nodes() -> None:
    schema = architecture_json_schema()
    assert {"MemorySchema", "FanoutSchema", "ComputeSchema"} <= set(schema["$defs"])
    assert schema["additionalProperties"] is False
    keep = schema["$defs"]["MemorySchema"]["properties"]["keep"]
    assert {"type": "string"} in keep["anyOf"]
