"""The option for the whole grid."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-grid",
        action="store_true",
        help="check the gradients of every combination of convolution and pooling arguments",
    )
