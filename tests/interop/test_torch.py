"""Tensors of torch where an array is asked for: read as they are, or refused in a sentence."""

import ml_dtypes
import numpy as np
import pytest

from lora_bokeh import LowRank, truncated_svd
from lora_bokeh.engine.matrix import check_matrix

torch = pytest.importorskip("torch")

SHORT = ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
X = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int32", *SHORT])
@pytest.mark.parametrize("turned", [False, True])
def test_a_tensor_is_read_in_its_dtype(name, turned):
    tensor = (3 * X).to(getattr(torch, name))
    tensor = tensor.T if turned else tensor
    w = check_matrix(tensor)
    assert w.dtype == np.dtype(getattr(ml_dtypes, name, name))
    np.testing.assert_array_equal(w.astype(float), tensor.double().numpy())


@pytest.mark.filterwarnings("error")
def test_parameters_are_read_without_their_gradients():
    layer = torch.nn.Linear(4, 6)
    np.testing.assert_array_equal(check_matrix(layer.weight), layer.weight.detach().numpy())
    rows = list(layer.weight)
    np.testing.assert_array_equal(check_matrix(rows), layer.weight.detach().numpy())
    pair = LowRank(torch.nn.Parameter(X), torch.nn.Parameter(X.T.to(torch.bfloat16)), 0.5)
    exact = np.linalg.svd(pair.todense(np.float64), compute_uv=False)[:2]
    np.testing.assert_allclose(truncated_svd(pair, 2).s, exact)


def test_memory_is_shared():
    assert np.shares_memory(check_matrix(X), X.numpy())


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (X.to_sparse(), r"the matrix is a sparse tensor; convert it with .to_dense\(\)"),
        (X.to("meta"), "the matrix is a tensor on the device 'meta', which holds no numbers"),
        (X.to(torch.complex64), "the matrix must hold real numbers"),
    ],
)
def test_what_holds_no_real_numbers_is_refused(tensor, message):
    with pytest.raises(TypeError, match=message):
        check_matrix(tensor)
