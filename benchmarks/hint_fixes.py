"""Whether the fixes of hints help: recorded trainings, trained again with each fix.

    python -m benchmarks.hint_fixes [RULE ...]

Takes the cases of ``tests/engine/hints`` that use the bundled digits, and for every hint that
holds at the end trains again with its fix, with everything else as it was. Prints the best
``val_acc`` of both, and for every rule how often it rose or fell by more than a point. Left out are
rules whose fix is not there to raise it: ``past_best`` saves time, ``uneven_classes`` is for the
rare ones.
"""

import sys
import tempfile
from collections import defaultdict
from unittest.mock import patch

from engine.config import Config
from engine.hints import RULES, holding
from engine.train import factory
from engine.train.session import TrainingSession
from tests.engine.hints import curves
from tests.engine.hints.cases import CASES, DATA, Case

POINT = 0.01
"""A validation set of 400 images tells no smaller difference."""


ELSE = ("past_best", "uneven_classes")
"""Rules whose fix has another purpose."""


def best_accuracy(case: Case, overrides: tuple[str, ...]) -> float:
    """The best ``val_acc`` of a case with overrides; 0 if it diverged in its first epoch."""
    load = factory.load_dataset

    def other_data(config: Config, **more: object) -> object:
        return DATA[case.data](load(config, **more))  # type: ignore[arg-type]

    with tempfile.TemporaryDirectory() as folder, patch.object(factory, "load_dataset", other_data):
        session = TrainingSession(curves.config_of(case, folder, overrides))
        session.run()
    return max((logs["val_acc"] for logs in session.history), default=0.0)


def main() -> None:
    """Train all cases that have a hint with a fix."""
    rules = sys.argv[1:] or [rule for rule in RULES if rule not in ELSE]
    recorded = curves.recorded()
    changes: dict[str, list[float]] = defaultdict(list)
    for case in CASES:
        if case.dataset != "mnist_mini":
            continue
        evidence = curves.evidence_of(case, recorded[case.name])
        before = max(evidence.column("val_acc"), default=0.0)
        for hint in holding(evidence):
            if hint.fix is None or hint.rule not in rules:
                continue
            after = best_accuracy(case, hint.fix.overrides)
            changes[hint.rule].append(after - before)
            fix = " ".join(hint.fix.overrides)
            print(f"{case.name:28} {hint.rule:15} {fix:34} {before:.3f} -> {after:.3f}", flush=True)
    print("\nrule             fixes  rose  same  fell")
    for rule, found in changes.items():
        rose, fell = (sum(round(sign * change, 6) > POINT for change in found) for sign in (1, -1))
        print(f"{rule:15} {len(found):6} {rose:5} {len(found) - rose - fell:5} {fell:5}")


if __name__ == "__main__":
    sys.exit(main())
