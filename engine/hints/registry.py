"""Rules by name: each is a function of the evidence, with its title and its reason."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.hints.evidence import Evidence


@dataclass(frozen=True)
class Fix:
    """A change of the config.

    Attributes:
        label: in a few words.
        overrides: ``key=value``, as ``--set`` takes them.
    """

    label: str
    overrides: tuple[str, ...]


Found = tuple[str, Fix | None]
"""The facts in a line, and what to change where one key helps."""


@dataclass(frozen=True)
class Hint:
    """A rule that holds.

    Attributes:
        rule: its name.
        title: what it is called, in a few words.
        words: the facts, with the numbers.
        why: what it means, for one who sees it for the first time.
        fix: what to change; None where no key of the config helps by itself.
    """

    rule: str
    title: str
    words: str
    why: str
    fix: Fix | None


@dataclass(frozen=True)
class Rule:
    """A rule as it is registered.

    Attributes:
        name: of the rule, in events and records.
        title: what it is called, in a few words.
        when: when it holds, with its thresholds.
        remedy: what its fix changes.
        why: what it means, in a sentence or two.
        look: the rule itself; None where it does not hold.
    """

    name: str
    title: str
    when: str
    remedy: str
    why: str
    look: Callable[[Evidence], Found | None]

    def hint(self, evidence: Evidence) -> Hint | None:
        """The hint, where the rule holds."""
        found = self.look(evidence)
        return None if found is None else Hint(self.name, self.title, found[0], self.why, found[1])


RULES: dict[str, Rule] = {}


def register(
    name: str, *, title: str, when: str, remedy: str, why: str
) -> Callable[[Callable[[Evidence], Found | None]], Callable[[Evidence], Found | None]]:
    """Register a rule; its arguments are those of ``Rule``."""

    def keep(look: Callable[[Evidence], Found | None]) -> Callable[[Evidence], Found | None]:
        assert name not in RULES, name
        RULES[name] = Rule(name, title, when, remedy, why, look)
        return look

    return keep


def holding(evidence: Evidence) -> list[Hint]:
    """The hints of all rules that hold."""
    found = (rule.hint(evidence) for rule in RULES.values())
    return [hint for hint in found if hint is not None]
