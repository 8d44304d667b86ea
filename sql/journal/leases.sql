-- Queries about who owns a run, a drill or a job, and about their steps. Times are the server's, so that replicas with
-- skewed clocks agree. A transaction that takes or ends work locks its row first, then its lease: always in this order.

-- name: take_lease
-- Become the owner while nobody is; no row while another owner's lease runs. The request for a drill or a job is held by
-- one handler at a time, so the same process may take those again at once.
INSERT INTO backstop.leases (work_kind, work_id, fencing_token, owner, lease_until)
VALUES (%(kind)s, %(id)s, 1, %(owner)s, clock_timestamp() + make_interval(secs => %(lease_s)s))
ON CONFLICT (work_kind, work_id) DO UPDATE
SET fencing_token = leases.fencing_token + 1, owner = excluded.owner, lease_until = excluded.lease_until
WHERE leases.lease_until IS NULL OR leases.lease_until <= clock_timestamp()
   OR (leases.owner = excluded.owner AND leases.work_kind <> 'run')
RETURNING fencing_token;

-- name: renew_lease
-- Extend the owner's lease, ended or not, while nobody else has taken the work and it has not been ended.
UPDATE backstop.leases SET lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
WHERE work_kind = %(kind)s AND work_id = %(id)s AND fencing_token = %(fencing_token)s AND lease_until IS NOT NULL
RETURNING work_id;

-- name: release_lease
-- Leave the work without an owner; `fenced` also refuses whatever its last owner may still write.
UPDATE backstop.leases SET owner = '', lease_until = NULL, fencing_token = fencing_token + %(fenced)s::int
WHERE work_kind = %(kind)s AND work_id = %(id)s;

-- name: fencing_token
-- The token of the newest owner.
SELECT fencing_token FROM backstop.leases WHERE work_kind = %(kind)s AND work_id = %(id)s;

-- name: lock_run
-- Hold a run while it is taken or ended.
SELECT state, cancel_requested_by FROM backstop.runs WHERE id = %(id)s FOR NO KEY UPDATE;

-- name: start_run
-- Approved or taken over → running.
UPDATE backstop.runs SET state = 'running', started_at = coalesce(started_at, clock_timestamp()) WHERE id = %(id)s;

-- name: end_run
-- Close or park a run that is in one of the states expected.
UPDATE backstop.runs
SET state = %(state)s, problem = %(problem)s,
    ended_at = CASE WHEN %(state)s = 'parked' THEN NULL ELSE clock_timestamp() END
WHERE id = %(id)s AND state = ANY(%(expect)s)
RETURNING id;

-- name: replan_run
-- Running → pending with a new plan.
UPDATE backstop.runs
SET state = 'pending', plan = %(plan)s, digest = %(digest)s, expires_at = %(expires_at)s, started_at = NULL,
    signature = %(signature)s
WHERE id = %(id)s;

-- name: unowned_runs
-- Runs that need an owner, oldest first.
SELECT id FROM backstop.runs LEFT JOIN backstop.leases ON work_kind = 'run' AND work_id = id
WHERE state = 'approved' OR (state = 'running' AND coalesce(lease_until <= clock_timestamp(), true))
ORDER BY created_at;

-- name: hold_job
-- Reserve a job for a request: when it is free, when its holder's request is finished, or again for the same request.
INSERT INTO backstop.jobs (environment, kind, request_id, user_id)
VALUES (%(environment)s, %(kind)s, %(request_id)s, %(user_id)s)
ON CONFLICT (environment, kind) DO UPDATE
SET since = CASE WHEN jobs.request_id = excluded.request_id THEN jobs.since ELSE clock_timestamp() END,
    request_id = excluded.request_id,
    user_id = excluded.user_id
WHERE jobs.request_id = excluded.request_id
   OR NOT EXISTS (SELECT FROM backstop.requests WHERE id = jobs.request_id AND finished_at IS NULL)
RETURNING request_id, user_id, since;

-- name: job_holder
-- Who has a job.
SELECT request_id, user_id, since FROM backstop.jobs
WHERE environment = %(environment)s AND kind = %(kind)s;

-- name: steps
-- A checklist, in order.
SELECT * FROM backstop.steps WHERE work_kind = %(kind)s AND work_id = %(id)s ORDER BY position;

-- name: add_step
-- Put a step on a checklist.
INSERT INTO backstop.steps (work_kind, work_id, key, position, title, state, detail, data)
VALUES (%(kind)s, %(id)s, %(key)s, %(position)s, %(title)s, %(state)s, %(detail)s, %(data)s);

-- name: clear_steps
-- Take the checklist away.
DELETE FROM backstop.steps WHERE work_kind = %(kind)s AND work_id = %(id)s;

-- name: record_step
-- Record a step's state. The share lock on the lease keeps another owner from taking the work in between.
WITH owned AS (
    SELECT work_kind, work_id FROM backstop.leases
    WHERE work_kind = %(kind)s AND work_id = %(id)s AND fencing_token = %(fencing_token)s FOR SHARE
)
UPDATE backstop.steps
SET state = %(state)s,
    detail = %(detail)s,
    data = coalesce(%(data)s::jsonb, data),
    signature = %(signature)s,
    progress = NULL,
    attempts = attempts + CASE WHEN %(state)s = 'running' THEN 1 ELSE 0 END,
    started_at = CASE %(state)s WHEN 'running' THEN clock_timestamp() WHEN 'waiting' THEN NULL ELSE started_at END,
    ended_at = CASE WHEN %(state)s IN ('done', 'failed', 'undone', 'skipped') THEN clock_timestamp() END
FROM owned
WHERE (steps.work_kind, steps.work_id) = (owned.work_kind, owned.work_id) AND steps.key = %(key)s
RETURNING steps.key;

-- name: remember
-- Record what a running step must remember.
WITH owned AS (
    SELECT work_kind, work_id FROM backstop.leases
    WHERE work_kind = %(kind)s AND work_id = %(id)s AND fencing_token = %(fencing_token)s FOR SHARE
)
UPDATE backstop.steps SET data = %(data)s::jsonb, signature = %(signature)s
FROM owned
WHERE (steps.work_kind, steps.work_id) = (owned.work_kind, owned.work_id) AND steps.key = %(key)s
RETURNING steps.key;

-- name: record_progress
-- Record how far a step is; another detail where one is given.
WITH owned AS (
    SELECT work_kind, work_id FROM backstop.leases
    WHERE work_kind = %(kind)s AND work_id = %(id)s AND fencing_token = %(fencing_token)s FOR SHARE
)
UPDATE backstop.steps SET progress = %(progress)s, detail = coalesce(%(detail)s, detail)
FROM owned
WHERE (steps.work_kind, steps.work_id) = (owned.work_kind, owned.work_id) AND steps.key = %(key)s
RETURNING steps.key;
