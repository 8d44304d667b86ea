-- Queries about the audit log, and what it must agree with.

-- name: lock_audit
-- One appender at a time, until the transaction ends. Its own statement, so that the next one sees the last event.
SELECT pg_advisory_xact_lock(hashtext('backstop.audit'));

-- name: last_event
-- What the next event follows, and its time, never earlier than the last one's. One step into the index, however long
-- the log is.
SELECT coalesce(newest.sequence, 0) AS sequence, greatest(newest.at, clock_timestamp()) AS now, newest.digest
FROM (SELECT) AS always
LEFT JOIN (SELECT sequence, at, digest FROM backstop.audit ORDER BY sequence DESC LIMIT 1) AS newest ON true;

-- name: append_event
-- Append to the audit log.
INSERT INTO backstop.audit (sequence, at, run_id, actor, event, details, previous, digest)
VALUES (%(sequence)s, %(at)s, %(run_id)s, %(actor)s, %(event)s, %(details)s, %(previous)s, %(digest)s);

-- name: events_after
-- The next page of the audit log, of one run or of all.
SELECT sequence, at, run_id, actor, event, details, previous, digest FROM backstop.audit
WHERE sequence > %(after)s AND (%(run_id)s::text IS NULL OR run_id = %(run_id)s)
ORDER BY sequence
LIMIT %(limit)s;

-- name: head
-- The newest event.
SELECT sequence, at, run_id, actor, event, details, previous, digest FROM backstop.audit
ORDER BY sequence DESC
LIMIT 1;

-- name: event
-- One event.
SELECT sequence, at, run_id, actor, event, details, previous, digest FROM backstop.audit
WHERE sequence = %(sequence)s;

-- name: one_snapshot
-- All further queries of this transaction see one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: records_head
-- The log's length and the time at that moment.
SELECT coalesce((SELECT sequence FROM backstop.audit ORDER BY sequence DESC LIMIT 1), 0) AS sequence,
       clock_timestamp() AS now;

-- name: run_rows
-- Every run, as far as the log must agree with it.
SELECT id, environment, state, requester, digest, drill FROM backstop.runs ORDER BY created_at, id;

-- name: vote_rows
-- Every vote.
SELECT run_id, user_id, choice, digest FROM backstop.votes ORDER BY run_id, user_id;

-- name: freeze_rows
-- Every freeze.
SELECT environment, user_id, reason FROM backstop.freezes ORDER BY environment;
