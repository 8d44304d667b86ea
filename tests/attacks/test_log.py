"""The audit log against people who can write to its table, or to its anchors' bucket: each change is found and located.

The table is tampered with as its owner, past the trigger; the bot itself serves with a role that only adds to it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

from bot.adapters.clock import SystemClock
from bot.adapters.journal import PostgresJournal, mapping, open_pool, roles
from bot.adapters.storage import S3AnchorStore
from bot.domain.approvals import Choice, Vote
from bot.domain.audit import ORIGIN, AuditEvent, keyless_digest, read_anchor, sign_event
from bot.domain.runs import RunState
from bot.domain.signing import Keyring
from bot.engine.audit.findings import Findings
from bot.engine.audit.verification import parse_head, verify
from bot.engine.maintenance.witness import Witness
from bot.ports import AuditEntry
from bot.sandbox.objectstore import ObjectStore
from bot.sandbox.postgres import PostgresServer
from tests.adapters.samples import NEVER, NOON, STEPS, counter, make_run
from tests.fakes.keyring import KEYRING, STRANGERS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DATABASE, BUCKET = "attacked_state", "attacked-anchors"
OWNER, SERVING = "attacked_state_owner", "attacked_state_bot"


@dataclass
class Log:
    """A state database with a log of 13 events and three anchors, of events 4, 9 and 12; written by the bot's role."""

    owner_dsn: str
    journal: PostgresJournal
    s3: "S3Client"
    witness: Witness

    def run(self, statement: str, *values: Any) -> None:
        """Run a statement as the owner, with the trigger disabled."""
        with psycopg.connect(self.owner_dsn) as conn:
            conn.execute("ALTER TABLE backstop.audit DISABLE TRIGGER ALL")
            conn.execute(statement.encode(), values)
            conn.execute("ALTER TABLE backstop.audit ENABLE TRIGGER ALL")

    def events(self) -> list[AuditEvent]:
        return list(self.journal.audit.events())

    def write(self, events: list[AuditEvent]) -> None:
        """Replace the log by another one."""
        with psycopg.connect(self.owner_dsn, row_factory=dict_row) as conn:
            conn.execute("ALTER TABLE backstop.audit DISABLE TRIGGER ALL")
            conn.execute("DELETE FROM backstop.audit")
            for event in events:
                row = vars(event) | {"details": mapping.to_json(dict(event.details))}
                conn.execute(
                    "INSERT INTO backstop.audit VALUES (%(sequence)s, %(at)s, %(run_id)s, %(actor)s, %(event)s, "
                    "%(details)s, %(previous)s, %(digest)s)",
                    row,
                )
            conn.execute("ALTER TABLE backstop.audit ENABLE TRIGGER ALL")

    def verify(self, keyring: Keyring = KEYRING, seen: tuple[str, ...] = ()) -> Findings:
        """Verify as `backstop audit verify` does."""
        store = S3AnchorStore(self.s3, BUCKET, "anchors/", 1, SystemClock())
        return verify(self.journal.audit, keyring, store, [parse_head(text) for text in seen])

    def put(self, number: int, document: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=f"anchors/{number:012}.json", Body=document)

    def anchor(self, number: int) -> bytes:
        return self.s3.get_object(Bucket=BUCKET, Key=f"anchors/{number:012}.json")["Body"].read()

    def purge(self, number: int) -> None:
        """Delete an anchor with all its versions."""
        prefix = f"anchors/{number:012}.json"
        for item in self.s3.list_object_versions(Bucket=BUCKET, Prefix=prefix)["Versions"]:
            self.s3.delete_object(Bucket=BUCKET, Key=item["Key"], VersionId=item["VersionId"])


@pytest.fixture(scope="module")
def owner_dsn(postgres: PostgresServer) -> str:
    logins = (roles.Login(OWNER, postgres.password), roles.Login(SERVING, postgres.password))
    roles.initialise(postgres.superuser_dsn, DATABASE, *logins)
    return postgres.dsn(OWNER, DATABASE)


@pytest.fixture
def log(postgres: PostgresServer, owner_dsn: str, objectstore: ObjectStore) -> Iterator[Log]:
    with psycopg.connect(owner_dsn) as conn:
        conn.execute("ALTER TABLE backstop.audit DISABLE TRIGGER ALL")
        conn.execute("TRUNCATE backstop.audit, backstop.runs, backstop.steps, backstop.freezes CASCADE")
        conn.execute("ALTER TABLE backstop.audit ENABLE TRIGGER ALL")
    objectstore.create_buckets([BUCKET])
    s3 = objectstore.client()
    clear(s3)
    with open_pool(postgres.dsn(SERVING, DATABASE), max_size=4) as pool:
        journal = PostgresJournal(pool, SystemClock(), KEYRING)
        witness = Witness(
            journal.audit, S3AnchorStore(s3, BUCKET, "anchors/", 1, SystemClock()), KEYRING, SystemClock()
        )
        live_through(journal, witness)
        yield Log(owner_dsn, journal, s3, witness)
    s3.close()


def clear(s3: "S3Client") -> None:
    for item in s3.list_object_versions(Bucket=BUCKET).get("Versions", []):
        s3.delete_object(Bucket=BUCKET, Key=item["Key"], VersionId=item["VersionId"])
    for marker in s3.list_object_versions(Bucket=BUCKET).get("DeleteMarkers", []):
        s3.delete_object(Bucket=BUCKET, Key=marker["Key"], VersionId=marker["VersionId"])


def live_through(journal: PostgresJournal, witness: Witness) -> None:
    """A run is requested, approved by two and carried out; another one waits; an environment is frozen."""
    digest = request(journal, "raaaaa", "prod")
    vote(journal, "raaaaa", digest, "U1")
    vote(journal, "raaaaa", digest, "U2", quorum=2)
    witness.anchor_now()
    taken = journal.runs.take("raaaaa", "bot:1", 30)
    assert taken is not None
    for event, details in (
        ("run-started", {"digest": digest}),
        ("step", {"key": "recheck-plan", "state": "done"}),
        ("run-ended", {"state": "succeeded", "problem": ""}),
    ):
        journal.audit.append("raaaaa", "backstop", event, details)
    running = frozenset({RunState.RUNNING})
    journal.runs.end("raaaaa", RunState.SUCCEEDED, expect=running, fencing_token=taken.fencing_token)
    journal.freezes.freeze(
        "dev", "U3", "billing", AuditEntry("U3", "frozen", {"environment": "dev", "reason": "billing"})
    )
    witness.anchor_now()
    vote(journal, "rbbbbb", request(journal, "rbbbbb", "staging"), "U1")
    witness.anchor_now()


def request(journal: PostgresJournal, run_id: str, environment: str) -> str:
    run = make_run(run_id, environment, NOON, NEVER)
    journal.runs.open(run, AuditEntry(run.requester, "requested", {"digest": run.plan.digest}))
    return run.plan.digest


def vote(journal: PostgresJournal, run_id: str, digest: str, user: str, quorum: int = 9) -> None:
    entry = AuditEntry(user, "voted", {"choice": "approve", "how": "button", "digest": digest})
    count = counter(quorum)

    def counted(votes: Any) -> Any:
        verdict = count(votes)
        approved = AuditEntry("backstop", "approved", {"digest": digest, "quorum": 2})
        return replace(verdict, entry=approved if verdict.state is RunState.APPROVED else None, steps=STEPS)

    journal.votes.cast(run_id, Vote(user, Choice.APPROVE, digest, "button", NOON), counted, entry)


def rewritten(events: list[AuditEvent], keyring: Keyring | None) -> list[AuditEvent]:
    """Write a log again with a key, or as it was done before there were keys."""
    done: list[AuditEvent] = []
    for event in events:
        moved = replace(event, previous=done[-1].digest if done else ORIGIN)
        done.append(sign_event(moved, keyring) if keyring else replace(moved, digest=keyless_digest(moved)))
    return done


def altered(event: AuditEvent) -> AuditEvent:
    return replace(event, actor="U9", details={**event.details, "name": "somebody else"})


def test_nothing_is_found_where_nobody_tampered(log: Log) -> None:
    found = log.verify()
    assert (found.faults, found.unchecked, found.exit_code) == ([], [], 0)
    assert found.notes[0] == "13 events, 2 runs, 3 votes and 1 freezes were compared."
    anchors = [read_anchor(log.anchor(number)) for number in (1, 2, 3)]
    assert [anchor.sequence for anchor in anchors if anchor] == [4, 9, 12]


def change_actor(log: Log) -> None:
    log.run("UPDATE backstop.audit SET actor = 'U9' WHERE sequence = 2")


def change_details(log: Log) -> None:
    log.run(
        """UPDATE backstop.audit SET details = replace(details::text, 'approve', 'reject')::json WHERE sequence = 3"""
    )


def change_time(log: Log) -> None:
    log.run("UPDATE backstop.audit SET at = at - interval '1 hour' WHERE sequence = 6")


def change_with_a_digest_without_key(log: Log) -> None:
    events = log.events()
    event = altered(events[5])
    log.write([*events[:5], replace(event, digest=keyless_digest(event)), *events[6:]])


def change_with_another_key(log: Log) -> None:
    events = log.events()
    log.write([*events[:5], sign_event(altered(events[5]), STRANGERS), *events[6:]])


def delete_from_the_middle(log: Log) -> None:
    log.run("DELETE FROM backstop.audit WHERE sequence = 7")


def delete_several_and_close_the_gap(log: Log) -> None:
    log.run("DELETE FROM backstop.audit WHERE sequence IN (6, 7)")
    log.run("UPDATE backstop.audit SET sequence = sequence - 2 WHERE sequence > 7")


def delete_the_beginning(log: Log) -> None:
    log.run("DELETE FROM backstop.audit WHERE sequence <= 3")


def cut_the_end(log: Log) -> None:
    log.run("DELETE FROM backstop.audit WHERE sequence > 9")


def truncate(log: Log) -> None:
    log.run("TRUNCATE backstop.audit")


def empty_with_everything_it_is_about(log: Log) -> None:
    log.run("TRUNCATE backstop.audit, backstop.runs, backstop.freezes CASCADE")


def rewrite_without_keys(log: Log) -> None:
    log.write(rewritten([altered(event) if event.sequence == 2 else event for event in log.events()], None))


def rewrite_with_another_key(log: Log) -> None:
    log.write(rewritten([altered(event) if event.sequence == 2 else event for event in log.events()], STRANGERS))


def rewrite_with_the_key(log: Log) -> None:
    """By somebody who has stolen it."""
    log.write(rewritten([altered(event) if event.sequence == 8 else event for event in log.events()], KEYRING))


def swap_two(log: Log) -> None:
    log.run("UPDATE backstop.audit SET sequence = -sequence WHERE sequence IN (6, 7)")
    log.run("UPDATE backstop.audit SET sequence = CASE sequence WHEN -6 THEN 7 ELSE 6 END WHERE sequence < 0")


def insert_at_the_end(log: Log) -> None:
    last = log.events()[-1]
    event = AuditEvent(14, last.at, "raaaaa", "U9", "voted", {"choice": "approve"}, last.digest, "")
    log.write([*log.events(), replace(event, digest=keyless_digest(event))])


def insert_with_a_made_up_digest(log: Log) -> None:
    log.run(
        "INSERT INTO backstop.audit SELECT 14, at, run_id, actor, event, details, digest, 'test:' || repeat('a', 64) "
        "FROM backstop.audit WHERE sequence = 13"
    )


def insert_far_ahead(log: Log) -> None:
    log.run(
        "INSERT INTO backstop.audit SELECT 900, at, '', '', '', '{}', '', '' FROM backstop.audit WHERE sequence = 1"
    )


def copy_an_event(log: Log) -> None:
    """An event that the bot's key has signed, in another place."""
    log.run(
        "INSERT INTO backstop.audit SELECT 14, at, run_id, actor, event, details, previous, digest FROM backstop.audit "
        "WHERE sequence = 2"
    )


def turn_time_back(log: Log) -> None:
    """By somebody who has the key, at the end."""
    last = log.events()[-1]
    event = AuditEvent(14, last.at - timedelta(days=1), "", "backstop", "step", {}, last.digest, "")
    log.write([*log.events(), sign_event(event, KEYRING)])


def cut_and_let_the_bot_go_on(log: Log) -> None:
    cut_the_end(log)
    log.journal.audit.append("", "U1", "unfrozen", {"environment": "dev"})
    log.witness.anchor_now()


def vote_without_an_event(log: Log) -> None:
    log.run(
        "INSERT INTO backstop.votes (run_id, user_id, choice, digest, how, at) "
        "SELECT id, 'U2', 'approve', digest, 'button', now() FROM backstop.runs WHERE id = 'rbbbbb'"
    )


def vote_changed(log: Log) -> None:
    log.run("UPDATE backstop.votes SET choice = 'reject' WHERE run_id = 'rbbbbb'")


def vote_deleted(log: Log) -> None:
    log.run("DELETE FROM backstop.votes WHERE run_id = 'rbbbbb'")


def run_approved_without_votes(log: Log) -> None:
    log.run("UPDATE backstop.runs SET state = 'approved' WHERE id = 'rbbbbb'")


def run_inserted(log: Log) -> None:
    log.run(
        "INSERT INTO backstop.runs (id, environment, plan, digest, state, requester, reason, channel, created_at, "
        "expires_at) SELECT 'rccccc', 'dev', plan, digest, 'approved', requester, '', channel, created_at, expires_at "
        "FROM backstop.runs WHERE id = 'rbbbbb'"
    )


def run_deleted(log: Log) -> None:
    log.run("DELETE FROM backstop.votes WHERE run_id = 'rbbbbb'")
    log.run("DELETE FROM backstop.runs WHERE id = 'rbbbbb'")


def run_s_plan_replaced(log: Log) -> None:
    log.run("UPDATE backstop.runs SET digest = repeat('0', 64) WHERE id = 'rbbbbb'")


def run_s_end_changed(log: Log) -> None:
    log.run("UPDATE backstop.runs SET state = 'failed' WHERE id = 'raaaaa'")


def run_s_requester_changed(log: Log) -> None:
    log.run("UPDATE backstop.runs SET requester = 'U9' WHERE id = 'raaaaa'")


def freeze_lifted(log: Log) -> None:
    log.run("DELETE FROM backstop.freezes")


def freeze_forged(log: Log) -> None:
    log.run("INSERT INTO backstop.freezes (environment, user_id, reason) VALUES ('prod', 'U1', 'holiday')")


def freeze_changed(log: Log) -> None:
    log.run("UPDATE backstop.freezes SET user_id = 'U9'")


def anchor_deleted(log: Log) -> None:
    log.s3.delete_object(Bucket=BUCKET, Key="anchors/000000000002.json")


def anchor_purged(log: Log) -> None:
    log.purge(2)


def newest_anchor_purged_and_the_log_cut(log: Log) -> None:
    log.purge(3)
    log.run("DELETE FROM backstop.audit WHERE sequence > 11")


def newest_anchor_purged(log: Log) -> None:
    log.purge(3)


def all_anchors_purged(log: Log) -> None:
    for number in (1, 2, 3):
        log.purge(number)


def anchor_replaced_with_the_key(log: Log) -> None:
    anchor = read_anchor(log.anchor(2))
    assert anchor is not None
    log.put(2, replace(anchor, digest="test:" + "0" * 64).sign(KEYRING).write())


def anchor_forged(log: Log) -> None:
    anchor = read_anchor(log.anchor(3))
    assert anchor is not None
    log.purge(3)
    log.put(3, replace(anchor, digest="test:" + "0" * 64).sign(STRANGERS).write())


def anchor_edited(log: Log) -> None:
    document = json.loads(log.anchor(3))
    log.purge(3)
    log.put(3, json.dumps(document | {"sequence": 9}).encode())


def anchor_of_another_number(log: Log) -> None:
    older = log.anchor(1)
    log.purge(3)
    log.put(3, older)


def anchor_added(log: Log) -> None:
    log.put(4, b"{}")


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (change_actor, "Event 2 was altered or inserted"),
        (change_details, "Event 3 was altered or inserted"),
        (change_time, "Event 6 was altered or inserted"),
        (change_with_a_digest_without_key, "Event 6 was inserted or rewritten: no key made the digest"),
        (change_with_another_key, "Event 6 was altered or inserted"),
        (delete_from_the_middle, "After event 6 comes 8: 7 is missing."),
        (delete_several_and_close_the_gap, "Events 6 to 11 were altered or inserted"),
        (delete_the_beginning, "After event 0 comes 4: 1 to 3 are missing."),
        (cut_the_end, "Events 10 to 12 were cut off: anchor 3"),
        (truncate, "Events 1 to 12 were cut off: anchor 3"),
        (empty_with_everything_it_is_about, "Events 1 to 12 were cut off: anchor 3"),
        (rewrite_without_keys, "saw another event 4: the log was rewritten between events 1 and 4."),
        (rewrite_with_another_key, "Events 1 to 13 were altered or inserted"),
        (rewrite_with_the_key, "saw another event 9: the log was rewritten between events 5 and 9."),
        (swap_two, "Events 6 to 7 were altered or inserted"),
        (insert_at_the_end, "Event 14 was inserted or rewritten"),
        (insert_with_a_made_up_digest, "Event 14 was altered or inserted"),
        (insert_far_ahead, "After event 13 comes 900: 14 to 899 are missing."),
        (copy_an_event, "Event 14 does not follow event 13"),
        (turn_time_back, "before event 13: time went backwards"),
        (cut_and_let_the_bot_go_on, "The log shrank from event 12 to event 10 between anchor 3"),
        (vote_without_an_event, "Run rbbbbb and the log disagree: the vote of U2 has no event."),
        (vote_changed, "Run rbbbbb and the log disagree: the vote of U1 is not the one of event 12."),
        (vote_deleted, "Run rbbbbb and the log disagree: the vote of U1 in event 12 has no row."),
        (run_approved_without_votes, "its row says approved, and no event approves that plan"),
        (run_inserted, "Run rccccc and the log disagree: no event says that somebody requested it."),
        (run_deleted, "Run rbbbbb, requested in event 11, has no row: it was deleted."),
        (run_s_plan_replaced, "its row has plan 000000000000, the log has"),
        (run_s_end_changed, "its row says failed, the log says succeeded"),
        (run_s_requester_changed, "its row says U9 requested it, event 1 says U0ONCALL"),
        (freeze_lifted, "dev was frozen in event 9, and its freeze is gone without an event."),
        (freeze_forged, "The freeze of prod by U1 is not in the log"),
        (freeze_changed, "The freeze of dev by U9 is not in the log"),
        (anchor_deleted, "Anchor 2 was deleted in the bucket; its first version counts."),
        (anchor_purged, "Anchor 2 was deleted from the bucket."),
        (newest_anchor_purged, "Anchor 3, which event 13 names, is not in the bucket"),
        (all_anchors_purged, "Anchor 1, which event 5 names, is not in the bucket"),
        (anchor_replaced_with_the_key, "Anchor 2 was replaced in the bucket; its first version counts."),
        (anchor_forged, "Anchor 3 is forged: the bot's key has not signed it."),
        (anchor_edited, "Anchor 3 is forged: the bot's key has not signed it."),
        (anchor_of_another_number, "Anchor 3 is a copy of anchor 1."),
        (anchor_added, "Anchor 4 is forged: the bot's key has not signed it."),
    ],
)
def test_tampering_is_found_and_located(log: Log, tamper: Callable[[Log], None], fault: str) -> None:
    tamper(log)
    found = log.verify()
    assert fault in "\n".join(found.faults)
    assert found.exit_code == 1


def test_a_cut_in_both_stores_is_found_by_the_rows_and_by_what_people_have_seen(log: Log) -> None:
    """By somebody who may delete versions in the bucket as well: events 12 and 13, and the anchor of 12."""
    head = log.events()[-1].short
    newest_anchor_purged_and_the_log_cut(log)
    assert log.verify().faults == ["Run rbbbbb and the log disagree: the vote of U1 has no event."]
    log.run("DELETE FROM backstop.votes WHERE run_id = 'rbbbbb'")
    assert log.verify().exit_code == 0, "somebody who also corrects the rows leaves no trace in the stores"
    assert log.verify(seen=(f"log {head}",)).faults == ["Event 13, which was seen, is not in the log."]


def test_a_head_from_a_card_finds_a_rewritten_log(log: Log) -> None:
    head = log.events()[7].short
    assert log.verify(seen=(head,)).exit_code == 0
    rewrite_with_the_key(log)
    assert f"and was seen as {head}: the log was rewritten up to there." in "".join(log.verify(seen=(head,)).faults)


def test_a_thief_of_the_database_cannot_check_without_the_key(log: Log) -> None:
    found = log.verify(STRANGERS)
    assert "Events 1 to 13 were altered or inserted" in found.faults[-1] or found.exit_code == 1
