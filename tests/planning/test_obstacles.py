"""What a run would stop at, or lose without a word, is refused or said before anybody votes, with what to type."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.obstacles import Belongings, HiddenRows, Obstacles, Subscription
from bot.domain.plans import PlanKind
from bot.errors import PermanentError
from bot.planning.obstacles import (
    beside_chain,
    check_dump,
    check_obstacles,
    describe_obstacles,
    swap_warnings,
    what_is_lost,
)
from bot.planning.refusals import check_environment
from tests.planning.case import DEFAULT, facts_of

ROLE = "backstop_prod"
SHOWN = 400
"""Characters of a warning that the plan shows."""
TWO = (HiddenRows("public.lab", "lab", is_forced=True), HiddenRows("public.notes", "lab", is_forced=True))
APPLY = Subscription("inbox", "postgres", is_enabled=True, is_superusers=True)
MANY = Obstacles(dump_tables=20_000, lock_room=13_440, lock_sessions=210, lock_limit=19_000)


@pytest.mark.parametrize(
    ("seen", "reference", "said", "typed"),
    [
        (
            Obstacles(hidden=TWO),
            "rows-hidden",
            "policies hide rows of public.lab, public.notes from role backstop_prod",
            (
                "Have their owner type: ALTER TABLE public.lab NO FORCE ROW LEVEL SECURITY; ALTER TABLE public.notes "
                "NO FORCE ROW LEVEL SECURITY; Nothing was started."
            ),
        ),
        (
            Obstacles(hidden=(*TWO, HiddenRows("public.x", "lab", is_forced=False))),
            "rows-hidden",
            "public.lab, public.notes, public.x",
            "FORCE ROW LEVEL SECURITY; Have a superuser type: ALTER ROLE backstop_prod BYPASSRLS; Nothing was started.",
        ),
        (
            Obstacles(unreadable=("sequence public.a", "table public.b", "table public.c", "table public.d")),
            "not-readable",
            "may not read sequence public.a, table public.b, table public.c and 1 more.",
            "Have a superuser type: GRANT pg_read_all_data TO backstop_prod; Nothing was started.",
        ),
        (
            Obstacles(unreadable=tuple(f"large object {number}" for number in range(1, 6))),
            "not-readable",
            "large object 1, large object 2, large object 3 and 2 more",
            "GRANT SELECT ON LARGE OBJECT 3 TO backstop_prod; And so for 2 more large objects. Nothing was started.",
        ),
        (
            MANY,
            "too-many-locks",
            "it locks 20,000 tables at a time, and the server has room for 13,440 locks.",
            "ALTER SYSTEM SET max_locks_per_transaction = 384; and restart the server.",
        ),
    ],
)
def test_a_backup_that_cannot_be_taken_is_refused_with_what_to_type(
    seen: Obstacles, reference: str, said: str, typed: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        check_dump("prod", ROLE, seen)

    assert caught.value.reference == reference
    assert said in caught.value.message
    assert typed in caught.value.hint


@pytest.mark.parametrize("kind", [PlanKind.CHAIN, PlanKind.UNDO_ROLLBACK])
@pytest.mark.parametrize("seen", [Obstacles(hidden=TWO), Obstacles(unreadable=("table public.b",)), MANY])
def test_what_takes_a_backup_is_refused_without_one(kind: PlanKind, seen: Obstacles) -> None:
    with pytest.raises(PermanentError):
        check_environment(replace(facts_of(DEFAULT), obstacles=seen), kind)


@pytest.mark.parametrize("seen", [Obstacles(hidden=TWO), Obstacles(unreadable=("table public.b",)), MANY])
def test_what_is_to_be_replaced_need_not_be_readable(seen: Obstacles) -> None:
    check_environment(replace(facts_of(DEFAULT), obstacles=seen), PlanKind.RESTORE)


@pytest.mark.parametrize("kind", [PlanKind.RESTORE, PlanKind.UNDO_SWAP])
def test_a_superuser_s_subscription_is_refused_before_a_swap(kind: PlanKind) -> None:
    facts = replace(facts_of(DEFAULT), obstacles=Obstacles(subscriptions=(APPLY,)))
    with pytest.raises(PermanentError, match="subscription-in-the-way") as caught:
        check_environment(facts, kind)

    assert "ALTER SUBSCRIPTION inbox DISABLE;" in caught.value.hint
    assert "DROP SUBSCRIPTION" in caught.value.hint
    check_obstacles(replace(facts, database=replace(facts.database, is_superuser=True)), kind)


@pytest.mark.parametrize("other", [replace(APPLY, is_enabled=False), replace(APPLY, is_superusers=False)])
def test_one_that_can_be_ended_is_said_to_stay_behind(other: Subscription) -> None:
    facts = replace(facts_of(DEFAULT), obstacles=Obstacles(subscriptions=(other,)))
    check_environment(facts, PlanKind.RESTORE)

    (line,) = swap_warnings(facts.obstacles, "kept")
    assert line.startswith("The subscription inbox stays with the replaced database, which cannot be dropped before it")


def test_a_chain_is_warned_of_what_goes_on_writing() -> None:
    (line,) = beside_chain(Obstacles(subscriptions=(APPLY, replace(APPLY, name="off", is_enabled=False))))
    assert line.startswith("The subscription inbox goes on writing while the database is closed")
    assert line.endswith("ALTER SUBSCRIPTION inbox DISABLE;")


def test_standbys_are_named_with_what_ends_the_sessions_on_them() -> None:
    seen = Obstacles(standbys=("one at 10.0.0.8", "two at 10.0.0.9"))
    (line,) = swap_warnings(seen, "app_backstop_kept_r1")
    assert "(one at 10.0.0.8, two at 10.0.0.9)" in line
    assert "pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'app_backstop_kept_r1';" in line
    assert list(swap_warnings(seen, "")) == []


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (
            Obstacles(lost=("event trigger guard", "publication all")),
            "A restore loses event trigger guard, publication all",
        ),
        (Obstacles(unloadable=("function public.f()",)), "Only a superuser can make function public.f()"),
        (Obstacles(extensions=("postgis",)), "Only a superuser can create the extension postgis"),
        (Obstacles(forced=("public.lab",)), "Row security is forced on the owner of public.lab"),
        (
            Obstacles(belongings=(Belongings("lab", 3, "table public.lab", is_superuser=False),)),
            (
                "what is lab's (table public.lab and 2 more) belongs to another: Backstop's role is no member of lab. "
                "Have a superuser type: GRANT lab TO backstop_prod;"
            ),
        ),
        (
            Obstacles(belongings=(Belongings("postgres", 1, "table public.lab", is_superuser=True),)),
            "type afterwards: ALTER … OWNER TO postgres;",
        ),
    ],
)
def test_what_a_restore_loses_or_stops_at_is_said_by_the_plan_and_by_doctor(seen: Obstacles, words: str) -> None:
    (line,) = what_is_lost(seen, ROLE, has_grants=True)
    assert words in line
    assert list(describe_obstacles("app", ROLE, seen)) == [line]


def test_a_backup_that_may_have_no_rights_is_said_to_be_one() -> None:
    seen = Obstacles(grantees=("physioflow_app", "reports"))
    (line,) = what_is_lost(seen, ROLE, has_grants=False)
    assert "physioflow_app, reports have some" in line
    assert list(what_is_lost(seen, ROLE, has_grants=True)) == []


@pytest.mark.parametrize(("locks", "said"), [(6_720, 0), (6_721, 1)])
def test_a_dump_that_takes_more_than_half_of_the_locks_is_warned_of(locks: int, said: int) -> None:
    seen = Obstacles(dump_tables=locks, lock_room=13_440, lock_sessions=210, lock_limit=40_000)
    lines = list(beside_chain(seen))
    assert len(lines) == said
    assert all("max_locks_per_transaction = 192;" in line for line in lines)


def test_a_chain_that_takes_more_than_half_of_the_locks_is_warned_of() -> None:
    seen = Obstacles(dump_tables=300, lock_room=13_440, lock_sessions=210, lock_limit=40_000)
    (line,) = beside_chain(seen, 7_000)
    assert line.startswith("The chain needs about 7,000 locks at a time, and the server has room for 13,440")


def every_warning() -> list[Callable[[], list[str]]]:
    crowd = tuple(f"public.{'n' * 40}{number}" for number in range(9))
    seen = Obstacles(
        standbys=crowd,
        forced=crowd,
        lost=crowd,
        unloadable=crowd,
        extensions=crowd,
        grantees=crowd,
        belongings=(Belongings("l" * 40, 9, crowd[0], is_superuser=False),),
        subscriptions=(replace(APPLY, name="s" * 40),),
    )
    return [
        lambda: list(what_is_lost(seen, ROLE, has_grants=False)),
        lambda: list(swap_warnings(seen, "k" * 63)),
        lambda: list(beside_chain(seen)),
    ]


@pytest.mark.parametrize("make", every_warning())
def test_no_warning_is_too_long_for_its_line_in_the_plan(make: Callable[[], list[str]]) -> None:
    assert max(len(line) for line in make()) <= SHOWN
