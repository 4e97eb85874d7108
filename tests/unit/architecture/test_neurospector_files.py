"""NeuroSpector's three kinds of files: what is read is written back, and every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.architecture.notation.neurospector import read_accelerator, write_accelerator
from tileloom.core.errors import InputError
from tileloom.mapping.notation.neurospector import read_table, row_names, write_table
from tileloom.workload.frontends.neurospector import read_layers, write_layers

INPUTS = Path(__file__).parents[2] / "reference" / "neurospector" / "inputs"
CHIP = """# a comment
[ACCELERATOR]
NAME = Small
PRECISION=INT16
FREQUENCY=200
[LOCAL_BUFFER]
DATAFLOW=ws
BUFFER_SIZE=24,448,48
UNIT_ACCESS_ENERGY=0.5
BANDWIDTH=16
[PE_ARRAY]
SIZE_X=4
CONSTRAINT_X=k,C
[DRAM]
BANDWIDTH=64
"""
LAYERS = "[NETWORK]\nname=Net\n[LAYERS]\nConv=8,1,6,6,4,3,3,2,1\nfc=32,1,1,1,64,1,1,1,0\n"
TABLE = "[LAYER]\nlayer_name=FC\n[SCHEDULING_TABLE]\nLOCAL_BUFFER=1,1,1,1,4,1,1,1\nPE_ARRAY(X)=4,1,1,1,1,1,1,1\nPE_ARRAY=1,1,1,1,1,1,1,1\nDRAM=8,1,1,1,16,1,1,1\n"


@pytest.mark.parametrize("path", sorted(INPUTS.glob("accelerators/*.cfg")), ids=lambda p: p.stem)
def test_an_accelerator_survives_writing(path: Path) -> None:
    chip = read_accelerator(path)
    assert read_accelerator("again", text=write_accelerator(chip)) == chip


@pytest.mark.parametrize("path", sorted(INPUTS.glob("networks/*.cfg")), ids=lambda p: p.stem)
def test_a_network_survives_writing(path: Path) -> None:
    network = read_layers(path)
    assert read_layers("again", text=write_layers(network)) == network


def test_what_is_read() -> None:
    chip = read_accelerator("small.cfg", text=CHIP)
    assert (chip.name, chip.precision_bits, chip.frequency_mhz) == ("small", 16, 200.0)
    assert chip.local_buffer.dataflow == "WS"
    assert chip.capacities(chip.local_buffer) == (12, 224, 24)
    # One energy is that of the inputs only.
    assert chip.local_buffer.energy_pj == (0.5, 0.0, 0.0)
    assert chip.pe_array is not None
    assert chip.pe_array.constraint_x == ("K", "C")
    assert list(row_names(chip)) == ["LOCAL_BUFFER", "PE_ARRAY(X)", "PE_ARRAY", "DRAM"]


def test_layers_are_per_group_and_become_problems() -> None:
    network = read_layers("net.cfg", text=LAYERS)
    conv = network.layer("CONV")
    assert conv.dims == (4, 1, 6, 6, 2, 3, 3, 2)
    problem = conv.problem()
    assert problem.macs == conv.macs == 4 * 36 * 2 * 9 * 2
    assert problem.size("I") == 2 * 2 * 8 * 8
    assert [layer.name for layer in network.network().layers] == ["conv", "fc"]


def test_a_table_survives_writing() -> None:
    chip, network = read_accelerator("small.cfg", text=CHIP), read_layers("net.cfg", text=LAYERS)
    layer, table = read_table("t.cfg", chip, network, text=TABLE)
    assert layer.name == "fc"
    assert table.dims == layer.dims
    assert read_table("again", chip, network, text=write_table(chip, layer, table)) == (layer, table)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[DRAM]", "[DRAN]", "small.cfg:14: unknown section '[DRAN]' (did you mean 'DRAM'?)"),
        ("[PE_ARRAY]", "[LOCAL_BUFFER]", "small.cfg:11: section '[LOCAL_BUFFER]' appears again; it began at line 6"),
        ("BANDWIDTH=64", "BANDWITH=64", "small.cfg:15: [DRAM] has no option 'BANDWITH' (did you mean 'BANDWIDTH'?)"),
        ("BANDWIDTH=64", "", "small.cfg:14: [DRAM] has no BANDWIDTH"),
        ("DATAFLOW=ws", "DATAFLOW=RS", "small.cfg:7: dataflow is 'RS'; expected IS, WS, OS or NONE"),
        ("DATAFLOW=ws", "DATAFLOW=ws\nBYPASS=weight", "small.cfg:6: [LOCAL_BUFFER] bypasses the type"),
        ("DATAFLOW=ws", "BYPASS=wieght", "small.cfg:7: bypass names 'wieght' (did you mean 'weight'?)"),
        ("BUFFER_SIZE=24,448,48", "BUFFER_SIZE=24,448", "small.cfg:8: buffer_size has 2 values"),
        ("SIZE_X=4", "SIZE_X=0", "small.cfg:12: size_x is '0'; expected a whole number, at least 1"),
        ("SIZE_X=4", "SIZE_X=4\nSIZE_X=5", "small.cfg:13: size_x is given again in [PE_ARRAY]; it was '4' at line 12"),
        ("CONSTRAINT_X=k,C", "CONSTRAINT_X=Z", "small.cfg:13: constraint_x names the dimension 'Z'"),
        ("FREQUENCY=200", "FREQUENCY", "small.cfg:5: 'FREQUENCY' is neither a [SECTION] nor key=value"),
        ("PRECISION=INT16", "PRECISION=INT", "small.cfg:4: precision is 'INT'"),
    ],
)
def test_a_mistake_in_an_accelerator(old: str, new: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_accelerator("small.cfg", text=CHIP.replace(old, new, 1))
    assert told in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read_accelerator("small.cfg", text=CHIP.replace("SIZE_X=4", "SIZE_X=x").replace("ws", "XX"))
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("8,1,6,6,4,3,3,2,1", "8,1,6,6,4,3,3,2", "net.cfg:4: conv has 8 values"),
        (
            "8,1,6,6,4,3,3,2,1",
            "8,1,6,6,5,3,3,2,1",
            "net.cfg:4: layer 'conv': K=8 and C=5 must both be multiples of G=2",
        ),
        ("8,1,6,6,4,3,3,2,1", "8,1,6,0,4,3,3,2,1", "net.cfg:4: layer 'conv': Q is 0"),
        ("8,1,6,6,4,3,3,2,1", "8,1,6,6,4,3,3,2,0", "stride 0 needs P = Q = 1"),
        ("fc=", "conv=", "net.cfg:5: conv is given again in [LAYERS]"),
    ],
)
def test_a_mistake_in_a_network(old: str, new: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_layers("net.cfg", text=LAYERS.replace(old, new, 1))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("FC", "Conf", "t.cfg:2: network 'net' has no layer 'Conf' (did you mean 'conv'?)"),
        ("DRAM=8", "DRAM=4", "t.cfg:3: column K multiplies to 16; layer 'fc' has K=32"),
        ("PE_ARRAY(X)", "PE_ARRAY(Y)", "t.cfg:5: 'small' has no row 'PE_ARRAY(Y)' (did you mean 'PE_ARRAY(X)'?)"),
        ("PE_ARRAY(X)", "PE_ARRAY(Y)", "t.cfg:3: row 'PE_ARRAY(X)' of 'small' is missing"),
        ("DRAM=8,1", "DRAM=8,0", "t.cfg:7: dram is '0'; expected a whole number, at least 1"),
    ],
)
def test_a_mistake_in_a_table(old: str, new: str, told: str) -> None:
    chip, network = read_accelerator("small.cfg", text=CHIP), read_layers("net.cfg", text=LAYERS)
    with pytest.raises(InputError) as caught:
        read_table("t.cfg", chip, network, text=TABLE.replace(old, new, 1))
    assert told in str(caught.value)
