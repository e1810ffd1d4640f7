"""The kernels and what stands on them; run a second time without compilation in CI."""

import math

import numpy as np
import pytest

from lora_bokeh.engine import kernels, product_kernels, products, small
from lora_bokeh.engine.gram_schmidt import orthonormalize
from lora_bokeh.training import descent_kernels
from tests.helpers import naive

DTYPES = [np.float32, np.float64]
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def block(b, n, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal((b, n)).astype(dtype)


def eps(dtype):
    return 100 * np.finfo(dtype).eps


def test_cholesky_and_substitution():
    Y = block(6, 20, np.float64)
    L, sound = kernels.cholesky(Y @ Y.T, 0.0)
    assert sound
    np.testing.assert_allclose(L, np.linalg.cholesky(Y @ Y.T))
    rows = Y.copy()
    kernels.solve_lower(L, rows)
    np.testing.assert_allclose(rows @ rows.T, np.eye(6), atol=1e-13)
    np.testing.assert_allclose(L @ rows, Y, atol=1e-13)


def test_cholesky_says_when_rows_depend_on_each_other():
    Y = block(3, 20, np.float64)
    Y[2] = Y[0] - Y[1]
    assert not kernels.cholesky(Y @ Y.T, 1e-10)[1]
    assert not kernels.cholesky(np.zeros((2, 2)), 1e-10)[1]


@each_dtype
def test_rows_that_add_nothing_are_replaced(dtype):
    Q = np.zeros((12, 40), dtype)
    Q[:7] = naive.orthonormal_rows(block(7, 40, dtype))[0]
    Y = block(4, 40, dtype, 1)
    Y[1], Y[2] = Q[3], 0.0
    limit = 4 * np.finfo(dtype).eps
    spare = block(4, 40, np.float64, 2)
    C, L = kernels.orthonormalize_rows(Q, 7, Y.astype(np.float64), spare, limit)
    np.testing.assert_allclose(Q[:11] @ Q[:11].T, np.eye(11), atol=eps(dtype))
    np.testing.assert_allclose(C @ Q[:7] + L @ Q[7:11], Y, atol=eps(dtype))
    np.testing.assert_array_equal(np.diag(L) == 0, [False, True, True, False])
    assert not Q[11].any()


@each_dtype
def test_block_against_row_by_row(dtype):
    Y = block(5, 40, dtype)
    rows, L = naive.orthonormal_rows(Y)
    C, found, new = orthonormalize(np.zeros((0, 40), dtype), Y)
    assert C.shape == (5, 0)
    np.testing.assert_allclose(new, rows, atol=eps(dtype))
    np.testing.assert_allclose(found, L, atol=10 * eps(dtype))


@each_dtype
def test_orthonormalize_against_a_basis(dtype):
    Q = naive.orthonormal_rows(block(7, 40, dtype))[0].astype(dtype)
    Y = block(4, 40, dtype, 1)
    C, L, new = orthonormalize(Q, Y)
    both = np.vstack([Q, new])
    np.testing.assert_allclose(both @ both.T, np.eye(11), atol=eps(dtype))
    np.testing.assert_allclose(C @ Q + L @ new, Y, atol=eps(dtype))


@each_dtype
@pytest.mark.parametrize("far", [0, 1e-6, 1])
def test_orthonormalize_where_most_of_the_basis_should_not_matter(far, dtype):
    Q = naive.orthonormal_rows(block(12, 60, dtype))[0].astype(dtype)
    Y = block(4, 60, dtype, 1)
    Y -= ((1 - far) * Y @ Q[:9].T @ Q[:9]).astype(dtype)
    C, L, new = orthonormalize(Q, Y, near=9)
    both = np.vstack([Q, new])
    np.testing.assert_allclose(both @ both.T, np.eye(16), atol=eps(dtype))
    np.testing.assert_allclose(C @ Q + L @ new, Y, atol=eps(dtype))


@each_dtype
def test_orthonormalize_loses_nothing_of_rows_of_very_different_length(dtype):
    long = block(1, 40, dtype)
    Y = 1e4 * block(6, 1, dtype, 1) @ long + block(6, 40, dtype, 2)
    _, L, new = orthonormalize(np.zeros((0, 40), dtype), Y)
    rounding = 4 * np.finfo(dtype).eps * np.linalg.norm(Y)
    np.testing.assert_allclose(L @ new, Y, atol=rounding)
    np.testing.assert_allclose(new @ new.T, np.eye(6), atol=eps(dtype))


@each_dtype
def test_orthonormalize_refuses_a_block_that_adds_nothing(dtype):
    Q = naive.orthonormal_rows(block(7, 40, dtype))[0].astype(dtype)
    dependent = (block(3, 7, dtype, 2) @ Q).astype(dtype)
    assert orthonormalize(Q, np.vstack([dependent[:2], dependent[:1]])) is None
    assert orthonormalize(Q, np.zeros((2, 40), dtype)) is None


@pytest.mark.parametrize("adam", [True, False])
def test_descent_takes_the_steps_of_its_twin(adam):
    W = block(5, 7, np.float64)
    state = np.zeros((4, 12 * 3))
    A = np.random.default_rng(0).uniform(-1, 1, (3, 7)) / np.sqrt(7)
    descent_kernels.split(state[0], 5, 7)[1][:] = A
    first = descent_kernels.gradient(W, state[0], 0.5, state[1])
    loss = np.empty(20)
    way = descent_kernels.Way(0.5, 0.02, adam, 10.0)
    assert descent_kernels.descend(W, state, way, 0, loss) == 20
    twin = naive.train(W, 3, 20, 0.02, adam=adam, scale=0.5)
    np.testing.assert_allclose([first, *loss], twin, rtol=1e-12)


def test_descent_ends_at_its_ceiling():
    state = np.ones((4, 12 * 3))
    way = descent_kernels.Way(1.0, 1e3, False, 10.0)
    loss = np.zeros(9)
    taken = descent_kernels.descend(block(5, 7, np.float64), state, way, 0, loss)
    assert 1 <= taken < 9
    assert loss[taken - 1] > 10
    assert (loss[taken:] == 0).all()


@each_dtype
@pytest.mark.parametrize("m", [4, 5, 7, 8, 13])
@pytest.mark.parametrize("n", [1, 19, 32, 67])
def test_products_of_rows(m, n, dtype):
    M, X, coefficients = block(m, n, dtype), block(8, n, dtype, 1), block(m, 8, dtype, 2)
    Y, again = np.full((2, m, 8), np.nan, dtype)
    Z, both = np.ones((2, 8, n + 3), dtype)
    product_kernels.across(M, X, Y)
    product_kernels.down(M, coefficients, Z)
    product_kernels.gram(M, X, again, both)
    tolerance = {"rtol": eps(dtype), "atol": eps(dtype) * n}
    np.testing.assert_allclose(Y, M @ X.T, **tolerance)
    np.testing.assert_array_equal(again, Y)
    np.testing.assert_allclose(Z[:, :n], 1 + coefficients.T @ M, **tolerance)
    np.testing.assert_allclose(
        both[:, :n], 1 + X @ M.T @ M, rtol=eps(dtype), atol=10 * eps(dtype) * n
    )
    assert (Z[:, n:] == 1).all()


@each_dtype
@pytest.mark.parametrize("m", [1, 3, 4, 11])
@pytest.mark.parametrize("b", [1, 4, 6])
def test_products_of_any_shape(m, b, dtype):
    M, X, Y = block(m, 9, dtype), block(b, 9, dtype, 1), block(m, b, dtype, 2)
    tolerance = {"rtol": eps(dtype), "atol": 100 * eps(dtype)}
    np.testing.assert_allclose(products.across(M, X), M @ X.T, **tolerance)
    np.testing.assert_allclose(products.down(M, Y), Y.T @ M, **tolerance)
    images, squares = products.gram(M, X)
    np.testing.assert_allclose(images, M @ X.T, **tolerance)
    np.testing.assert_allclose(squares, X @ M.T @ M, **tolerance)


def test_values_of_long_rows_are_exact_to_the_last_digits():
    rows, length = 6, 20_000
    entries = np.random.default_rng(0).uniform(1, 2, (rows, length))
    B = np.zeros((rows, rows * length))
    for i in range(rows):  # orthogonal to each other: their lengths are the values
        B[i, i * length : (i + 1) * length] = 2.0**-i * entries[i]
    exact = [math.sqrt(math.fsum(x * x for x in row[row != 0])) for row in B]
    P, s, Q = small.leading_triplets(B, rows, 0.0)
    np.testing.assert_allclose(s, exact, rtol=4 * np.finfo(float).eps)
    np.testing.assert_allclose((P * s) @ Q.T, B, atol=1e-12)
