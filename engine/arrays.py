"""The types of arrays and their shapes."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
"""Any NumPy array; docstrings say its shape and dtype."""

Shape = tuple[int, ...]
"""Sizes of an array's axes, or of one sample's without the batch."""
