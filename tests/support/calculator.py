"""A pocket calculator for the formulas that the microscope shows."""

import math
import re

SIGNS = {"·": "*", "−": "-", "²": "**2", "³": "**3", "^": "**", "√": "sqrt", "π": "pi"}
KEYS = {
    "sqrt": math.sqrt,
    "tanh": math.tanh,
    "erf": math.erf,
    "e": math.e,
    "pi": math.pi,
    "max": max,
}


def calculated(formula: str) -> float:
    """What it makes of a formula."""
    formula = re.sub(r"√([\d.e-]+)", r"√(\1)", formula)
    for sign, operator in SIGNS.items():
        formula = formula.replace(sign, operator)
    return float(eval(formula, dict(KEYS)))
