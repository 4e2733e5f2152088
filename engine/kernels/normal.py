"""The normal distribution function, which NumPy does not have."""

import math

import numpy as np

from engine.arrays import Array

COEFFICIENTS = (
    -1.3026537197817094, 0.64196979235649021, 0.019476473204185836, -0.0095615147868086323,
    -0.00094659534448203692, 0.00036683949785276145, 4.2523324806907769e-05,
    -2.0278578112534242e-05, -1.6242900046470256e-06, 1.3036558355805232e-06,
    1.5626441722066142e-08, -8.5238095914926541e-08, 6.5290544390988515e-09,
    5.0593434955514693e-09, -9.9136415649303307e-10, -2.273651222931836e-10,
    9.646791102015527e-11, 2.3940380830391146e-12, -6.8860275264975532e-12,
    8.9448792730907253e-13, 3.1309213993429581e-13, -1.1270822361367252e-13,
    3.8109052551892321e-16, 7.1060976136092371e-15, -1.5230282014571043e-15,
    -9.4574945712912334e-17, 1.210237189224279e-16, -2.8166630877471771e-17,
)  # fmt: skip
"""Of the Chebyshev series of ``log(erfc(z)/t) + z²`` in ``2t − 1``, with ``t = 2/(2 + z)``."""

IN_SINGLE = 11
"""Coefficients that float32 needs."""


def normal_cdf(x: Array) -> Array:
    """Φ(x), the probability of at most x: ``erfc(−x/√2)/2``, to 14 digits, or to 7 in float32.

    For z ≥ 0 the series gives ``erfc(z) = t·exp(−z² + Σ)``, and Φ(x) = 1 − Φ(−x) the other half.
    The series is summed by Clenshaw's recurrence, from its end.

    Source: Press et al., 'Numerical recipes', 3rd edition, 2007, section 6.2.2.
    """
    z = np.abs(x) * x.dtype.type(math.sqrt(0.5))
    t = 2 / (2 + z)
    point = 4 * t - 2
    count = len(COEFFICIENTS) if x.dtype == np.float64 else IN_SINGLE
    now, before = np.zeros_like(t), np.zeros_like(t)
    for coefficient in COEFFICIENTS[count - 1 : 0 : -1]:
        now, before = point * now - before + x.dtype.type(coefficient), now
    series = x.dtype.type(0.5) * (COEFFICIENTS[0] + point * now) - before
    tail = x.dtype.type(0.5) * t * np.exp(series - z * z)
    return np.where(x > 0, 1 - tail, tail)
