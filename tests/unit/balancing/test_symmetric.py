"""The closed forms for two by two, against NumPy in float64, beside the same of three by three."""

import keras
import numpy as np
import pytest

from plait import backend
from plait.balancing._symmetric import cholesky, cholesky_solve, eigh

POSITIVE = {
    "ill-conditioned": [[1, 1 - 2.0**-20], [1 - 2.0**-20, 1]],
    "of unlike lengths": [[2.0**-40, -(2.0**-22)], [-(2.0**-22), 1]],
    "diagonal": [[9, 0], [0, 4]],
    "the second larger": [[0.5, -0.25], [-0.25, 3]],
    "the first larger": [[3, 1.5], [1.5, 1]],
}
SYMMETRIC = POSITIVE | {
    "singular": [[1, -2], [-2, 4]],
    "singular, the first larger": [[9, 3], [3, 1]],
    "of equal entries": [[2, 2], [2, 2]],
    "diagonal, the second larger": [[4, 0], [0, 9]],
    "a multiple of the identity": [[5, 0], [0, 5]],
    "of one": [[0, 0], [0, 3]],
    "zero": [[0, 0], [0, 0]],
    "of an inactive task": [[3, 0], [0, -3]],
    "three by three": [[4, 1, 0], [1, 3, -1], [0, -1, 2]],
}


def run(fn, *arrays):
    tensors = [keras.ops.convert_to_tensor(np.array(a, "float32")) for a in arrays]
    found = backend.in_float64(fn, *tensors)
    return keras.tree.map_structure(lambda x: keras.ops.convert_to_numpy(x).astype(float), found)


@pytest.mark.parametrize("matrix", SYMMETRIC.values(), ids=SYMMETRIC)
def test_eigh(matrix):
    # Weights leave in float32, so that errors beyond it are not seen; cancellation is.
    matrix = np.array(matrix, "float32").astype(float)
    values, vectors = run(eigh, matrix)
    size = max(np.abs(matrix).max(), 1e-30)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix), rtol=1e-6, atol=1e-7 * size)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(matrix)), atol=1e-6)
    np.testing.assert_allclose(vectors * values @ vectors.T, matrix, atol=1e-6 * size)


@pytest.mark.parametrize("names", [tuple(POSITIVE), ("diagonal",)], ids=["batched", "one"])
def test_cholesky(names):
    matrices = np.array([POSITIVE[name] for name in names], "float32").astype(float)
    factors = run(cholesky, matrices)
    np.testing.assert_allclose(factors, np.linalg.cholesky(matrices), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(run(cholesky, matrices[0]), factors[0])


@pytest.mark.parametrize("matrix", POSITIVE.values(), ids=POSITIVE)
def test_cholesky_solve(matrix):
    matrix = np.array(matrix, "float32").astype(float)
    right = np.array([[1.0, 0], [0, 1], [3, -2]])

    def solve(matrix, right):
        factors = cholesky(matrix)
        return cholesky_solve(keras.ops.broadcast_to(factors[None], (3, 2, 2)), right)

    expected = np.linalg.solve(matrix, right.T).T
    np.testing.assert_allclose(run(solve, matrix, right), expected, rtol=1e-6)


@pytest.mark.parametrize("matrix", [[[1, 2], [2, 4]], [[0, 0], [0, 0]], [[1, 2], [2, 1]]])
def test_what_is_not_positive_has_no_finite_solution(matrix):
    def solve(matrix):
        return cholesky_solve(cholesky(matrix)[None], keras.ops.ones((1, 2), "float64"))

    assert not np.isfinite(run(solve, matrix)).all()
