"""What is in the audit log is so, and what is so is in it: one transaction, where something was changed."""

from collections.abc import Callable

import pytest

from bot.adapters.journal import PostgresJournal
from bot.domain.runs import RunState
from bot.errors import PermanentError
from bot.ports import AuditEntry
from tests.adapters.samples import PLAN, STEPS, make_run

ENTRY = AuditEntry("U1", "changed", {"why": "–"})
PENDING = frozenset({RunState.PENDING})
Change = Callable[[PostgresJournal], object]


def logged(journal: PostgresJournal) -> list[tuple[str, str]]:
    return [(event.run_id, event.event) for event in journal.audit.events()]


def park(journal: PostgresJournal) -> None:
    journal.runs.approve("raaaaa", PLAN.digest, STEPS)
    run = journal.runs.take("raaaaa", "bot:1", 30)
    assert run is not None
    journal.runs.end(
        "raaaaa", RunState.PARKED, "why", expect=frozenset({RunState.RUNNING}), fencing_token=run.fencing_token
    )


@pytest.mark.parametrize(
    ("prepare", "change"),
    [
        (lambda _: None, lambda journal: journal.runs.approve("raaaaa", PLAN.digest, STEPS, ENTRY)),
        (lambda _: None, lambda journal: journal.runs.end("raaaaa", RunState.CANCELLED, expect=PENDING, entry=ENTRY)),
        (park, lambda journal: journal.runs.resume("raaaaa", ENTRY)),
    ],
    ids=["approve", "end", "resume"],
)
def test_a_change_of_a_run_and_its_entry_are_one(either: PostgresJournal, prepare: Change, change: Change) -> None:
    either.runs.open(make_run())
    prepare(either)
    assert change(either)
    assert logged(either) == [("raaaaa", "changed")]
    assert not change(either)
    assert logged(either) == [("raaaaa", "changed")]


def test_a_run_that_is_not_opened_is_not_in_the_log(either: PostgresJournal) -> None:
    either.runs.open(make_run(), ENTRY)
    with pytest.raises(PermanentError, match="another-run-active"):
        either.runs.open(make_run("rbbbbb"), ENTRY)
    assert logged(either) == [("raaaaa", "changed")]


def test_a_freeze_and_its_end_are_in_the_log_once(either: PostgresJournal) -> None:
    assert not either.freezes.unfreeze("prod", ENTRY)
    assert logged(either) == []
    either.freezes.freeze("prod", "U1", "billing", ENTRY)
    assert either.freezes.unfreeze("prod", ENTRY)
    assert not either.freezes.unfreeze("prod", ENTRY)
    assert logged(either) == [("", "changed")] * 2


def test_an_entry_that_cannot_be_written_takes_the_change_with_it(journal: PostgresJournal) -> None:
    journal.runs.open(make_run())
    with pytest.raises(ValueError, match="not JSON compliant"):
        journal.runs.approve("raaaaa", PLAN.digest, STEPS, AuditEntry("U1", "approved", {"quorum": float("nan")}))
    run = journal.runs.find("raaaaa")
    assert run is not None
    assert run.state is RunState.PENDING
    assert list(journal.audit.events()) == []
