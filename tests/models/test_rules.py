from models.rules import RULES, Rules


def test_the_rules_of_the_city_are_those_that_were_measured():
    # Changing one is a change of every figure in the README.
    assert Rules() == RULES
    assert (RULES.threshold, RULES.peak, RULES.half_life, RULES.confirm) == (
        0.26,
        100,
        6000.0,
        0.25,
    )
    assert RULES.peak <= 255  # the row counts down in one byte
    assert RULES.hold_most <= 65_535
    assert len(RULES.views) == 7
