"""Hugging Face `transformers` models built from their configuration, without weights and without any download.

`hf:bert` is a model of that type in its default configuration; single fields can be changed. What is computed is read
by torch_graph.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tileloom.core.errors import InputError, MissingDependencyError, did_you_mean
from tileloom.workload.frontends.nodes import Bits
from tileloom.workload.frontends.torch_graph import read_torch
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Network

PREFIX = "hf:"
ALIASES = {"mobilenetv2": "mobilenet_v2", "mobilenetv1": "mobilenet_v1", "gpt-2": "gpt2", "convnextv1": "convnext"}
HEADS = {
    "none": "AutoModel",
    "causal-lm": "AutoModelForCausalLM",
    "masked-lm": "AutoModelForMaskedLM",
    "image-classification": "AutoModelForImageClassification",
    "sequence-classification": "AutoModelForSequenceClassification",
}
DEFAULT_SIZES = {"N": 1, "S": 128}
DEFAULT_IMAGE = 224


def read_huggingface(
    source: str,
    bind: Mapping[str, int] | None = None,
    *,
    settings: Mapping[str, object] | None = None,
    bits: Bits = DEFAULT_BITS,
) -> Network:
    """The network of a model type ('hf:bert', 'hf:llama').

    bind      N images or texts (1), S tokens of a text (128), H and W of an image (the configuration's, else 224)
    settings  fields of the configuration, as {"num_hidden_layers": 2}; 'head' one of `HEADS` (default 'none')
    Raises InputError for unknown types, fields and models that take neither texts nor images.
    """
    transformers, torch = _libraries()
    kind = ALIASES.get(source.removeprefix(PREFIX).lower(), source.removeprefix(PREFIX).lower())
    fields = dict(settings or {})
    head = str(fields.pop("head", "none"))
    if head not in HEADS:
        raise InputError(f"head '{head}'{did_you_mean(head, HEADS)}; there are: {', '.join(HEADS)}")
    config = _configuration(transformers, kind, fields)
    sizes = {**DEFAULT_SIZES, **(bind or {})}
    model = _model(transformers, torch, config, HEADS[head])
    return read_torch(model, (), named=_inputs(torch, model, config, sizes), name=kind, bits=bits)


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as missing:
        raise MissingDependencyError("transformers", "huggingface", "building 'hf:' models") from missing
    transformers.logging.set_verbosity_error()
    return transformers, torch


def _configuration(transformers: Any, kind: str, fields: Mapping[str, object]) -> Any:
    known = sorted(transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES)
    if kind not in known:
        raise InputError(f"transformers has no model type '{kind}'{did_you_mean(kind, known)}")
    config = transformers.AutoConfig.for_model(kind)
    strange = [f for f in fields if not hasattr(config, f)]
    if strange:
        have = sorted(config.to_dict())
        raise InputError([f"configuration of '{kind}' has no field '{f}'{did_you_mean(f, have)}" for f in strange])
    for field, value in fields.items():
        setattr(config, field, value)
    # Caches of keys and values are outputs of no use here.
    if hasattr(config, "use_cache"):
        config.use_cache = False
    return config


def _model(transformers: Any, torch: Any, config: Any, factory: str) -> Any:
    for attention in ("sdpa", "eager"):
        try:
            with torch.device("meta"):
                return getattr(transformers, factory).from_config(config, attn_implementation=attention).eval()
        except ImportError as missing:
            raise MissingDependencyError(str(missing.name or "torchvision"), "huggingface", "this model") from missing
        except (ValueError, TypeError, AttributeError) as fault:
            reason = str(fault).split("\n")[0][:300]
            if attention == "eager":
                raise InputError(f"transformers cannot build '{config.model_type}' as {factory}: {reason}") from fault
    raise AssertionError("both attentions tried")


def _inputs(torch: Any, model: Any, config: Any, sizes: Mapping[str, int]) -> dict[str, Any]:
    main = model.main_input_name
    unknown = [s for s in sizes if s not in "NSHW"]
    if unknown:
        raise InputError(f"size '{unknown[0]}' to bind; a model of transformers has N, S (texts) or H, W (images)")
    if main == "input_ids":
        return {main: torch.zeros(sizes["N"], sizes["S"], dtype=torch.long, device="meta")}
    if main == "pixel_values":
        given = getattr(config, "image_size", DEFAULT_IMAGE)
        height, width = given if isinstance(given, list | tuple) else (given, given)
        shape = (sizes["N"], getattr(config, "num_channels", 3), sizes.get("H", height), sizes.get("W", width))
        return {main: torch.empty(shape, device="meta")}
    raise InputError(
        f"'{config.model_type}' takes '{main}'; only models of texts (input_ids) and images are built here"
    )
