"""JAX functions and Keras models: their products and convolutions are the problems that the same StableHLO text gives."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras
import pytest

import tileloom as tl
from tileloom.core.errors import InputError
from tileloom.workload.frontends.jax_program import read_jax
from tileloom.workload.frontends.mlir.reader import parse_mlir

CASES = [
    (lambda a, b: a @ b, ((4, 8), (8, 2)), 64),
    (lambda a, b: jnp.einsum("dbea,ec->abcd", a, b), ((4, 5, 6, 7), (6, 8)), 4 * 5 * 6 * 7 * 8),
    (lambda a, b: jnp.einsum("bhid,bhjd->bhij", a, b), ((2, 3, 5, 8), (2, 3, 6, 8)), 2 * 3 * 5 * 6 * 8),
    (lambda x, w: jax.lax.conv_general_dilated(x, w, (2, 2), "SAME", feature_group_count=2), ((1, 4, 8, 8), (6, 2, 3, 3)), 16 * 6 * 18),
    (lambda x, w: jax.lax.conv_general_dilated(x, w, (1,), "VALID", rhs_dilation=(2,)), ((1, 4, 8), (6, 4, 3)), 4 * 6 * 12),
    (lambda x, w: jax.lax.conv_transpose(x, w, (2, 2), "SAME"), ((1, 8, 8, 3), (3, 3, 3, 16)), 64 * 3 * 16 * 9),
]  # fmt: skip


@pytest.mark.parametrize("function, shapes, macs", CASES)
def test_a_function_and_its_stablehlo_are_the_same_problem(function, shapes, macs):
    network = tl.load_network(function, inputs=list(shapes))
    text = jax.jit(function).lower(*(jax.ShapeDtypeStruct(s, "float32") for s in shapes)).as_text()
    lowered = parse_mlir(text)
    assert network.macs == lowered.macs == macs
    assert [la.problem.signature for la in network.layers] == [la.problem.signature for la in lowered.layers]
    assert not network.skipped and not lowered.skipped


def test_a_scan_counts_its_steps():
    def deep(weights, x):
        return jax.lax.scan(lambda c, w: (jnp.tanh(c @ w), None), x, weights)[0]

    network = read_jax(deep, [(12, 64, 64), (8, 64)], weights=(0,))
    assert (network.layers[0].count, network.macs) == (12, 12 * 8 * 64 * 64)


def test_loops_on_data_are_skipped():
    network = read_jax(lambda x: jax.lax.while_loop(lambda c: c.sum() < 3, lambda c: c @ c, x), [(4, 4)])
    assert "while" in network.skipped[0].operator


def test_parameters_in_a_dictionary_are_weights():
    network = read_jax(
        lambda p, x: jax.nn.relu(x @ p["w"] + p["b"]), [{"w": jnp.zeros((8, 4)), "b": jnp.zeros(4)}, (2, 8)]
    )
    assert {t.role for t in network.layers[0].problem.inputs} == {"input", "weight"}


def test_functions_that_cannot_be_traced_are_named():
    with pytest.raises(InputError, match="jax cannot trace"):
        read_jax(lambda x: x @ jnp.zeros((3, 3)), [(2, 2)])


def test_a_keras_model_states_its_inputs():
    given = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(given)
    x = keras.layers.DepthwiseConv2D(3)(x)
    x = keras.layers.Dense(5)(keras.layers.Flatten()(x))
    network = tl.load_network(keras.Model(given, x), bind={"N": 2})
    assert not network.skipped
    assert network.macs == 2 * (64 * 8 * 27 + 36 * 8 * 9 + 288 * 5)
    # 'same' with stride 2 pads one row at the end only.
    assert [(a.pad_lo, a.pad_hi) for a in network.layers[0].problem.tensor("I").axes if len(a.terms) == 2] == [
        (0, 1)
    ] * 2


def test_keras_attention_is_its_products():
    given = keras.Input((10, 32))
    model = keras.Model(given, keras.layers.MultiHeadAttention(4, 8)(given, given))
    network = tl.load_network(model)
    assert network.macs == 4 * 10 * 32 * 32 + 2 * 4 * 10 * 10 * 8
