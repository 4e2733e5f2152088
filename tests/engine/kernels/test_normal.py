"""The normal distribution function beside the standard library's."""

import math

import numpy as np
import pytest

from engine.kernels.normal import normal_cdf

X = np.concatenate([np.linspace(-12, 12, 241), [-1e-300, 0.0, 1e-300, 30.0]])


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 3e-14), (np.float32, 3e-7)])
def test_every_number_is_the_standard_librarys(dtype: type, rtol: float) -> None:
    x = X[np.abs(X) < (8 if dtype is np.float32 else 40)].astype(dtype)
    found = normal_cdf(x)
    assert found.dtype == dtype
    expected = np.array([0.5 * math.erfc(-float(v) / math.sqrt(2)) for v in x])
    # Far out, one bit of z is many of exp(−z²).
    tolerance = rtol * (1 + x.astype(float) ** 2)
    assert (np.abs(found / expected - 1) <= tolerance).all()


def test_the_ends() -> None:
    found = normal_cdf(np.array([-np.inf, 0, np.inf, np.nan], np.float32))
    np.testing.assert_allclose(found, [0, 0.5, 1, np.nan], rtol=1e-6)
