"""Small problems on chips of the shape that NeuroSpector's and dMazeRunner's models and mappers take."""

from pathlib import Path

from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.architecture.notation.neurospector import read_accelerator
from tileloom.architecture.notation.neurospector_chip import architecture_of
from tileloom.cost.models.dmazerunner.model import DmazerunnerModel
from tileloom.testing import Case
from tileloom.workload.frontends.dmazerunner import DmazeLayer, conv_layer
from tileloom.workload.frontends.neurospector import ConvLayer

ACCELERATORS = Path(__file__).parents[1] / "reference" / "neurospector" / "inputs" / "accelerators"


def neurospector_case() -> Case:
    accelerator = read_accelerator(ACCELERATORS / "simba_mini.cfg")
    layer = ConvLayer("tiny", (4, 1, 2, 2, 2, 1, 1, 1), 1)
    return Case(layer.problem(accelerator.precision_bits), architecture_of(accelerator))


TINY = DmazeChip(cgra_size=6, rf_elements=14, spm_banks=6, bank_bytes=32)


def dmazerunner_model() -> DmazerunnerModel:
    return DmazerunnerModel(options=TINY)


def dmazerunner_cases() -> tuple[Case, ...]:
    chip = TINY.architecture()
    layers = (
        DmazeLayer(name="g", kind="GEMM", extents=(4, 6, 2)),
        conv_layer("c", "CONV", 1, (2, 2), (6, 6), (3, 3), (2, 2), (0, 0)),
    )
    return tuple(Case(layer.problem(), chip) for layer in layers)
