"""The interval holds what it promises, and promises nothing where there is too little to go by."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.planning.forecast import NEWEST, Sample, forecast
from tests.fakes.clock import NOON


def past(ratios: list[float], place: str = "staging") -> list[Sample]:
    """The first is the newest."""
    return [Sample(NOON - timedelta(days=days), place, ratio) for days, ratio in enumerate(ratios)]


def test_without_a_past_there_is_no_forecast() -> None:
    assert forecast(60.0, [], "prod") is None


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_give_no_interval(n: int) -> None:
    made = forecast(60.0, past([1.5] * n), "prod")

    assert made is not None
    assert (made.expected_s, made.low_s, made.high_s, made.coverage, made.samples) == (90.0, None, None, 0.0, n)


@pytest.mark.parametrize(
    ("n", "low", "high", "coverage"),
    [(3, 1, 3, 0.5), (9, 1, 9, 0.8), (19, 1, 19, 0.9), (38, 1, 38, 1 - 2 / 39), (39, 2, 38, 0.9)],
)
def test_the_interval_lies_between_order_statistics(n: int, low: int, high: int, coverage: float) -> None:
    ratios = [float(value) for value in range(1, n + 1)]
    random.Random(4).shuffle(ratios)  # noqa: S311 -- a seed, not a secret
    made = forecast(10.0, past(ratios), "prod")

    assert made is not None
    assert (made.low_s, made.high_s) == (10.0 * low, 10.0 * high)
    assert made.coverage == pytest.approx(coverage)
    assert made.expected_s == pytest.approx(10.0 * (n + 1) / 2)


@pytest.mark.parametrize("n", [3, 9, 19, NEWEST])
@pytest.mark.parametrize("shape", ["normal", "skewed", "two humps"])
def test_the_next_one_falls_into_it_as_often_as_it_says(n: int, shape: str) -> None:
    """By simulation, whatever the shape of the ratios: 4,000 histories, each with a next one."""
    rng = random.Random(f"{n}-{shape}")  # noqa: S311 -- the same
    draws: dict[str, Callable[[], float]] = {
        "normal": lambda: rng.gauss(1.0, 0.1),
        "skewed": lambda: rng.lognormvariate(0.0, 0.8),
        "two humps": lambda: rng.gauss(rng.choice((0.5, 2.0)), 0.05),
    }
    draw = draws[shape]
    inside, coverage, rounds = 0, 0.0, 4000
    for _ in range(rounds):
        made = forecast(100.0, past([draw() for _ in range(n)]), "prod")
        assert made is not None
        assert made.low_s is not None
        assert made.high_s is not None
        coverage = made.coverage
        inside += made.low_s <= 100.0 * draw() <= made.high_s
    assert inside / rounds == pytest.approx(coverage, abs=0.025)


def test_only_the_newest_count() -> None:
    made = forecast(10.0, past([1.0] * NEWEST + [50.0] * 20), "prod")

    assert made is not None
    assert (made.samples, made.high_s) == (NEWEST, 10.0)


def test_an_environment_with_a_past_of_its_own_is_judged_by_that() -> None:
    mixed = [*past([1.0, 1.0]), *past([3.0, 3.0, 3.0], "prod")]
    few = [*past([1.0, 1.0]), *past([3.0, 3.0], "prod")]

    own, borrowed = forecast(10.0, mixed, "prod"), forecast(10.0, few, "prod")

    assert own is not None
    assert borrowed is not None
    assert (own.places, own.low_s, own.samples) == (("prod",), 30.0, 3)
    assert (borrowed.places, borrowed.low_s, borrowed.samples) == (("prod", "staging"), 10.0, 4)
