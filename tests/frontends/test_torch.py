"""PyTorch modules and transformers models: every multiply-accumulate is accounted for against torch's own FLOP counter."""

import pytest
import torch
import torch.nn.attention
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import tileloom as tl
from tileloom.core.errors import InputError
from tileloom.workload.frontends.huggingface import read_huggingface
from tileloom.workload.frontends.torch_graph import read_torch


def counted(module: nn.Module, *inputs: torch.Tensor) -> int:
    """Multiply-accumulates by torch's counter: half of its FLOPs. Runs the module itself, not what was exported.

    Attention runs as plain products: torch's counter does not know the fused kernels of the CPU.
    """
    torch.backends.mha.set_fastpath_enabled(False)
    plain = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), plain:
        module.eval()(*inputs)
    torch.backends.mha.set_fastpath_enabled(True)
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


class Attention(nn.Module):
    def forward(self, q, k, v):
        return nn.functional.scaled_dot_product_attention(q, k, v)


class Einsum(nn.Module):
    def forward(self, x, y):
        return (
            torch.einsum("bhid,bhjd->bhij", x, y) @ torch.baddbmm(y[:, 0], y[:, 0].mT @ y[:, 0], y[:, 0].mT).mT[:, None]
        )


MODULES = [
    (nn.Conv1d(4, 8, 3, padding="same", dilation=2), (2, 4, 16)),
    (nn.Conv2d(8, 12, (3, 5), stride=(2, 1), padding=(1, 2), groups=4), (2, 8, 15, 17)),
    (nn.Conv3d(2, 3, 2, dilation=2), (1, 2, 6, 6, 6)),
    (nn.ConvTranspose1d(4, 6, 3, stride=2), (1, 4, 9)),
    (nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1, output_padding=1, groups=2), (2, 8, 7, 7)),
    (nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 5)), (1, 3, 8, 8)),
    (nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), (2, 10, 32)),
]  # fmt: skip


@pytest.mark.parametrize("module, shape", MODULES, ids=lambda m: type(m).__name__)
def test_a_module_has_torchs_count(module, shape):
    network = tl.load_network(module, inputs=[shape])
    assert not network.skipped
    assert network.macs == counted(module, torch.zeros(shape))


def test_products_and_attention_have_torchs_count():
    q, k, v = torch.zeros(2, 4, 6, 8), torch.zeros(2, 4, 9, 8), torch.zeros(2, 4, 9, 8)
    network = read_torch(Attention(), (q, k, v))
    assert network.macs == counted(Attention(), q, k, v)
    x, y = torch.zeros(2, 3, 5, 5), torch.zeros(2, 3, 5, 5)
    network = read_torch(Einsum(), (x, y))
    assert not network.skipped
    assert network.macs == counted(Einsum(), x, y)


# Small enough to run for real on the CPU, so that torch counts the model itself.
SMALL = {
    "bert": {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "vocab_size": 50},
    "gpt2": {"n_layer": 2, "n_embd": 64, "n_head": 4, "vocab_size": 50},
    "llama": {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "vocab_size": 50,
              "num_key_value_heads": 2},
    "vit": {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "image_size": 64},
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "mobilenet_v2": {"depth_multiplier": 0.35},
    "convnext": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
}  # fmt: skip


@pytest.mark.parametrize("kind", SMALL)
def test_a_transformers_model_has_torchs_count(kind):
    import transformers

    network = read_huggingface(
        f"hf:{kind}", {"S": 16} if kind in ("bert", "gpt2", "llama") else {}, settings=SMALL[kind]
    )
    assert not network.skipped
    config = transformers.AutoConfig.for_model(kind)
    for field, value in SMALL[kind].items():
        setattr(config, field, value)
    config.use_cache = False
    model = transformers.AutoModel.from_config(config)
    size = getattr(config, "image_size", 224)
    texts = kind in ("bert", "gpt2", "llama")
    example = torch.zeros(1, 16, dtype=torch.long) if texts else torch.zeros(1, 3, size, size)
    assert network.macs == counted(model, example)


@pytest.mark.parametrize(
    "kind, macs",
    [("bert", 11_174_215_680), ("resnet", 4_087_140_352), ("vit", 17_563_061_760)],
)
def test_whole_models_have_published_size(kind, macs):
    network = tl.load_network(f"hf:{kind}")
    assert abs(network.macs - macs) / macs < 0.01


def test_what_torch_cannot_export_is_named():
    class Branches(nn.Module):
        def forward(self, x):
            return x * 2 if x.sum() > 0 else x

    with pytest.raises(InputError, match=r"torch\.export cannot read Branches"):
        read_torch(Branches(), [(2, 2)])
    with pytest.raises(InputError, match="expected a tensor or the shape"):
        read_torch(nn.Linear(2, 2), ["two"])


def test_recurrent_layers_are_skipped_with_the_reason():
    network = read_torch(nn.LSTM(4, 4), [(3, 1, 4)])
    assert any("recurrent" in s.reason for s in network.skipped)


def test_unknown_models_and_fields_are_named():
    with pytest.raises(InputError, match=r"no model type 'brt' \(did you mean 'b"):
        read_huggingface("hf:brt")
    with pytest.raises(InputError, match=r"no field 'num_layer'"):
        read_huggingface("hf:bert", settings={"num_layer": 2})
    with pytest.raises(InputError, match="only models of texts"):
        read_huggingface("hf:wav2vec2")
