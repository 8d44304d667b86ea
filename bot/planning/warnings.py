"""Collects what approvers should know before they vote and no other part of a plan says."""

from collections.abc import Iterator, Sequence

from bot.domain.alarms import widened_by_loss
from bot.domain.changes import describe
from bot.domain.migrations import DownScript, Statement
from bot.domain.planned import PlannedRows
from bot.domain.workloads import Deployment
from bot.planning import impact
from bot.planning.facts import Evidence, Facts, Target
from bot.planning.refusals import and_list

LARGE = "large objects, which the emergency backup alone saves"


def collect_warnings(facts: Facts, target: Target, evidence: Evidence, rows: Sequence[PlannedRows]) -> tuple[str, ...]:
    """Collect every warning, the gravest first."""
    return (
        *_about_rights(evidence),
        *_about_unrehearsed(evidence, target.chain),
        *_about_shadow(evidence),
        *_about_headers(evidence, rows, target.chain),
        *_about_remade(evidence),
        *_about_rows(evidence, target.chain),
        *_about_functions(evidence),
        *environment_warnings(facts, "at the fence"),
    )


def environment_warnings(facts: Facts, place: str) -> tuple[str, ...]:
    """Warn of workloads and sessions that get in the way; `place` says where open transactions stop the run."""
    return (*_about_workloads(facts), *_about_transactions(facts, place), *_about_sessions(facts, place))


def _about_rights(evidence: Evidence) -> Iterator[str]:
    """Name every right that is widened and all code that is added, a line each."""
    difference = evidence.rehearsal.difference
    yield from (alarm for change in describe(difference) for alarm in change.alarms)
    yield from widened_by_loss(difference)


def _about_unrehearsed(evidence: Evidence, chain: Sequence[DownScript]) -> Iterator[str]:
    for item in impact.unrehearsed_drops(evidence, chain):
        owner = f" of {item.owner}" if item.owner else ""
        yield (
            f"The rehearsal did not drop {item.kind} {item.identity}{owner}: no copy of ours can have it. If "
            "Backstop's role is not allowed to drop it, the run stops before COMMIT."
        )


def _about_shadow(evidence: Evidence) -> Iterator[str]:
    if evidence.live.fingerprint != evidence.rehearsal.before.fingerprint:
        before = evidence.rehearsal.before
        live = evidence.live
        moved = (*live.lost_in(before), *before.lost_in(live), *live.changed_in(before))
        names = sorted({item.identity for item in moved})
        yield (
            f"The rehearsal's copy of the schema differs from the live one in {len(names)} objects "
            f"({and_list(names[:3])}); the result cannot be compared as a whole."
        )


def _about_headers(evidence: Evidence, rows: Sequence[PlannedRows], chain: Sequence[DownScript]) -> Iterator[str]:
    hidden = impact.undeclared(evidence, rows, chain)
    if hidden:
        yield f"Rows of {and_list(hidden)} go too, which no script's header says."


def _about_remade(evidence: Evidence) -> Iterator[str]:
    remade = impact.remade(evidence.rehearsal)
    if remade:
        yield (
            f"The scripts drop {and_list(remade[:3])}{_more(remade)} and make another of the same name. What was in it "
            "goes; its rows are saved, but /rollback undo cannot put them back."
        )


def _about_rows(evidence: Evidence, chain: Sequence[DownScript]) -> Iterator[str]:
    """Name what may do more where there are rows: the rehearsal's copy has none."""
    blocks = [_block(script, statement) for script in chain for statement in script.statements if statement.block]
    called = impact.called_functions(evidence.rehearsal.before, chain)
    large = [script.name for script in chain if any(each.writes_large_objects for each in script.statements)]
    fired = impact.guarded_by_rows(evidence.rehearsal, chain)
    parts = (("DO blocks", blocks), ("functions", called), ("triggers and rules", fired), (LARGE, large))
    named = [f"{title}: {and_list(names[:3])}{_more(names)}" for title, names in parts if names]
    if named:
        yield (
            f"The effect of these is known only when they run ({'; '.join(named)}). The run stops before COMMIT if it "
            "goes beyond what this request lists."
        )


def _block(script: DownScript, statement: Statement) -> str:
    composed = ", which puts SQL together itself" if statement.composes else ""
    return f"{script.name} line {statement.line}{composed}"


def _more(names: Sequence[str]) -> str:
    return f" (and {len(names) - 3} more)" if len(names) > 3 else ""  # noqa: PLR2004 -- the slice's own length


def _about_functions(evidence: Evidence) -> Iterator[str]:
    if evidence.rehearsal.mentions:
        yield f"These functions stay and name something that goes: {and_list(evidence.rehearsal.mentions)}."


def _about_workloads(facts: Facts) -> Iterator[str]:
    for deployment in facts.cluster.deployments:
        yield from _about_deployment(deployment)
    for service in facts.cluster.services:
        if service.held_by is not None:
            yield f"Traffic of {service.name} is still held by run {service.held_by}; this run will return it."


def _about_deployment(deployment: Deployment) -> Iterator[str]:
    if deployment.stopped_by and deployment.before:
        yield (
            f"{deployment.name} is at 0, stopped by run {deployment.stopped_by}: {deployment.before.replicas} replicas "
            "start afterwards. If this run stops early, it stays at 0."
        )
    elif deployment.replicas == 0:
        yield f"{deployment.name} has 0 replicas now and will have 0 afterwards. Scale it up first if it should serve."
    elif not deployment.settled:
        ready = f"{deployment.ready_replicas} of {deployment.replicas} ready"
        yield f"{deployment.name} is in the middle of a rollout ({ready})."
    if deployment.autoscaler:
        yield f"{deployment.name} is managed by {deployment.autoscaler}, which may undo the scaling to 0. Pause it."


def _about_transactions(facts: Facts, place: str) -> Iterator[str]:
    if facts.database.prepared:
        yield (
            f"{len(facts.database.prepared)} prepared transactions are open ({and_list(facts.database.prepared[:3])}); "
            f"the run stops {place} if they still are."
        )


def _about_sessions(facts: Facts, place: str) -> Iterator[str]:
    # Only a superuser can end a superuser's session: better said now than after an hour's load.
    stuck = [str(session) for session in facts.database.sessions if session.superuser]
    if stuck and not facts.database.is_superuser:
        yield (
            f"Backstop's role is not allowed to terminate {and_list(stuck[:3])}, as superusers; the run stops "
            f"{place} if they are still connected."
        )


def slot_warnings(facts: Facts) -> Iterator[str]:
    """Warn of logical replication slots: one belongs to the database it was made in, not to that database's name."""
    for slot in facts.database.slots:
        yield (
            f"The logical replication slot {slot} stays with the replaced database: its consumer is cut off at the "
            "swap and has to be set up again. Until then it keeps WAL on the server's disk. An undo brings it back."
        )
