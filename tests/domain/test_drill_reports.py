"""A panel of drills: its phases in order, and targets that were missed."""

from bot.domain.drill_reports import Bar, Panel
from tests.fakes.clock import NOON

QUICK = Bar(NOON, (("load", 3.0), ("app", 1.5)), data_loss_s=60.0)
STRANGE = Bar(NOON, (("thaw", 9.0), ("fetch", 2.0)), failed=True)


def test_phases_come_in_the_order_of_a_restore_and_unknown_ones_last() -> None:
    assert Panel("x", (QUICK, STRANGE)).phases == ("fetch", "load", "app", "thaw")


def test_a_bar_is_as_long_as_its_phases() -> None:
    assert (QUICK.total_s, Bar(NOON).total_s) == (4.5, 0)


def test_a_missed_target_needs_a_target_and_a_measurement() -> None:
    missed = Panel("x", (QUICK, STRANGE), data_loss_target_s=59.0)

    assert missed.misses_data_loss
    assert not Panel("x", (QUICK,)).misses_data_loss
    assert not Panel("x", (QUICK,), data_loss_target_s=60.0).misses_data_loss
    assert not Panel("x", (STRANGE,), data_loss_target_s=59.0).has_data_loss
