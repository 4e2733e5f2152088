"""The tables in ``docs/hints.md``: the rules, and what they say of recorded trainings.

    python -m docs.hints

writes them anew, after a change of ``engine/hints`` or of the recorded curves.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.hints import RULES
from tests.engine.hints import curves
from tests.engine.hints.cases import CHOSEN_ON, HELD_OUT, Case

PAGE = Path(__file__).with_name("hints.md")


@dataclass(frozen=True)
class Verdict:
    """What the rules say of a recorded training, beside what a person says.

    Attributes:
        case: the training.
        said: rules that held after any epoch.
    """

    case: Case
    said: frozenset[str]

    @property
    def false(self) -> frozenset[str]:
        """Alarms that a person would not give."""
        return self.said - set(self.case.says) - set(self.case.may)

    @property
    def missed(self) -> frozenset[str]:
        """Alarms that a person would give."""
        return frozenset(self.case.says) - self.said


def verdicts(cases: Sequence[Case]) -> list[Verdict]:
    """Of recorded trainings."""
    found = curves.recorded()
    return [
        Verdict(case, frozenset(curves.alarms(curves.evidence_of(case, found[case.name]))))
        for case in cases
    ]


def tables() -> dict[str, str]:
    """The tables by their marks."""
    chosen_on, held_out = verdicts(CHOSEN_ON), verdicts(HELD_OUT)
    return {
        "rules": _rules(),
        "held out": _counts(held_out),
        "chosen on": _counts(chosen_on),
        "curves held out": _curves(held_out),
        "curves chosen on": _curves(chosen_on),
    }


def _rules() -> str:
    rows = ((f"`{r.name}`: {r.title}", r.when, r.why, r.remedy) for r in RULES.values())
    return _table(("rule", "holds when", "why", "fix"), rows)


def _counts(found: list[Verdict]) -> str:
    def row(name: str) -> tuple[str, ...]:
        wanted = [v for v in found if name in v.case.says]
        open_to_both = [v for v in found if name in v.case.may and name not in v.case.says]
        others = len(found) - len(wanted) - len(open_to_both)
        missed = sum(name in v.missed for v in found)
        false = sum(name in v.false for v in found)
        said = f"{sum(name in v.said for v in open_to_both)} of {len(open_to_both)}"
        return f"`{name}`", str(len(wanted)), str(missed), said, str(others), str(false)

    clean = sum(not v.false and not v.missed for v in found)
    header = (
        "rule", "a person says it", "missed", "said of those open to both", "a person does not",
        "false alarms",
    )  # fmt: skip
    missed, false = (sum(len(getattr(v, kind)) for v in found) for kind in ("missed", "false"))
    return (
        f"{len(found)} trainings: of {clean} the rules say what a person would; in all "
        f"{missed} missed and {false} false alarms.\n\n" + _table(header, map(row, RULES))
    )


def _curves(found: list[Verdict]) -> str:
    def row(verdict: Verdict) -> tuple[str, ...]:
        case = verdict.case
        about = f"{case.dataset}, {case.net}: {case.train}"
        if case.data != "as it is":
            about += f"; {case.data}"
        wrong = [f"false: {_names(verdict.false)}"] if verdict.false else []
        wrong += [f"missed: {_names(verdict.missed)}"] if verdict.missed else []
        return (
            case.name, about, _names(case.says), _names(case.may), _names(verdict.said),
            "; ".join(wrong),
        )  # fmt: skip

    header = (
        "training",
        "network and settings",
        "a person says",
        "or may say",
        "the rules say",
        "wrong",
    )
    return _table(header, map(row, found))


def _names(rules: Iterable[str]) -> str:
    return ", ".join(name for name in RULES if name in set(rules))


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def lines() -> Iterator[str]:
        yield f"| {' | '.join(header)} |"
        yield "|---" * len(header) + "|"
        for row in rows:
            yield f"| {' | '.join(row)} |"

    return "\n".join(lines())


def written(page: str) -> str:
    """The page with today's tables between their marks."""
    for mark, table in tables().items():
        start, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
        before, _, rest = page.partition(start)
        _, found, after = rest.partition(end)
        if not found:
            raise SystemExit(f"docs/hints.md: expected {start.strip()} and {end}")
        page = f"{before}{start}{table}\n{end}{after}"
    return page


def main() -> None:
    """Write the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print("docs/hints.md is up to date", file=sys.stderr)


if __name__ == "__main__":
    main()
