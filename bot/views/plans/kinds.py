"""Holds one row per kind of plan: the words and sections that show it to people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from bot.domain.kinds import rows_of_every_kind
from bot.domain.plans import P, PlanKind
from bot.domain.runs import Run
from bot.views.plans import rollback, swap, undo_rollback

_UNDO_SWAP = (
    "Asks the approvers to put the database from before back in its place. "
    "What was written since is kept aside, and the app is down for a moment again."
)
_UNDO_ROLLBACK = (
    "Asks the approvers to bring back what was dropped, from the rows and the backup saved before it. "
    "What was written since stays, and the app is down for a moment again."
)


@dataclass(frozen=True)
class Captions:
    """Headings of the tables in the HTML report."""

    scripts: str = "Scripts, newest first, one transaction"
    objects: str = "Objects dropped"
    rows: str = "Rows that go"


@dataclass(frozen=True)
class ViewRow(Generic[P]):
    """The words and sections that show plans of one kind, and their runs.

    Attributes:
        noun: names such a run in a title.
        requested: what a person requests, after “asks”; ``{}`` stands for the environment.
        question: the same, in the dialog behind Approve.
        done: the outcome in the report, with its sign.
        html_title: how the HTML report's title begins.
        describe: the plan in sections of mrkdwn, given the section on the app.
        impact: what goes or comes back, in one plain line.
        outcome: what such a run changed, in sections of the report.
        undo_warning: the text of the dialog behind Undo.
        history: names the past runs that its time is compared with.
        proven_by_script: drills prove its scripts one by one; else they prove its backup.
    """

    noun: str
    requested: str
    question: str
    done: str
    html_title: str
    describe: Callable[[P, str], list[str]]
    impact: Callable[[P], str]
    outcome: Callable[[P, Run], list[str]]
    undo_warning: str = _UNDO_SWAP
    history: str = "restores"
    proven_by_script: bool = False
    captions: Captions = Captions()


KINDS: Mapping[PlanKind, ViewRow[Any]] = rows_of_every_kind(
    PlanKind,
    {
        PlanKind.CHAIN: ViewRow(
            noun="rollback",
            requested="to roll {} back",
            question="Roll {} back?",
            done="✅ Rolled back",
            html_title="Rollback of",
            describe=rollback.describe,
            impact=rollback.impact,
            outcome=rollback.outcome,
            undo_warning=_UNDO_ROLLBACK,
            history="rollbacks like it",
            proven_by_script=True,
        ),
        PlanKind.RESTORE: ViewRow(
            noun="restore",
            requested="to restore {} from a backup",
            question="Restore {} from a backup?",
            done="✅ Restored",
            html_title="Restore of",
            describe=swap.describe,
            impact=swap.impact,
            outcome=swap.outcome,
        ),
        PlanKind.UNDO_SWAP: ViewRow(
            noun="undo",
            requested="to swap the database of {} back",
            question="Swap the databases of {} back?",
            done="✅ Undone",
            html_title="Undoing of a restore of",
            describe=swap.describe,
            impact=swap.impact,
            outcome=swap.outcome,
        ),
        PlanKind.UNDO_ROLLBACK: ViewRow(
            noun="undo",
            requested="to bring back in {} what a rollback dropped",
            question="Bring back in {} what a rollback dropped?",
            done="✅ Undone",
            html_title="Undoing of a rollback of",
            describe=undo_rollback.describe,
            impact=undo_rollback.impact,
            outcome=undo_rollback.outcome,
            captions=Captions("Undone by this plan's run", "Objects that come back", "Rows that come back"),
        ),
        PlanKind.RESTORE_IN_PLACE: ViewRow(
            noun="restore",
            requested="to restore {} from a backup, in place",
            question="",  # such a request can only be rejected
            done="✅ Restored in place",
            html_title="Restore in place of",
            describe=swap.describe_retired,
            impact=swap.impact,
            outcome=swap.retired_outcome,
        ),
    },
)
