"""The rules on recorded trainings: what they say is what the page says, mistakes and all."""

from docs import hints
from engine.hints import RULES, holding
from tests.engine.hints import curves
from tests.engine.hints.cases import CASES, CHOSEN_ON, HELD_OUT


def test_the_page_has_the_rules_and_what_they_say_of_every_recorded_training() -> None:
    page = hints.PAGE.read_text(encoding="utf-8")
    assert hints.written(page) == page, "look at the difference, then run: python -m docs.hints"


def test_every_rule_is_said_of_a_training_and_not_of_most() -> None:
    found = hints.verdicts(CASES)
    for name in RULES:
        assert any(name in v.said and name in v.case.says for v in found), name
        assert sum(name not in v.said for v in found) > len(CASES) / 2, name


def test_every_fix_is_one_that_its_config_takes() -> None:
    found = curves.recorded()
    for case in CASES:
        for hint in holding(curves.evidence_of(case, found[case.name])):
            if hint.fix is not None:
                fixed = curves.config_of(case, fix=hint.fix.overrides)
                assert fixed != curves.config_of(case), (case.name, hint.rule)


def test_the_labels_are_of_rules_and_no_training_is_there_twice() -> None:
    assert len(CHOSEN_ON) >= 40
    assert len(HELD_OUT) >= 30
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        assert set(case.says) | set(case.may) <= RULES.keys(), case.name
        assert not set(case.says) & set(case.may), case.name
    assert curves.recorded().keys() == {case.name for case in CASES}
    assert curves.FILE.stat().st_size < 200_000
