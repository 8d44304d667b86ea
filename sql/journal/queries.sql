-- Queries about requests, runs and freezes.

-- name: accept_request
-- Persist a request; no row when it is already there (a redelivery).
INSERT INTO backstop.requests (id, kind, payload, taken_at, signature)
VALUES (%(id)s, %(kind)s, %(payload)s, %(taken_at)s, %(signature)s)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: claim_request
-- Hold a request that has not been finished and that nobody holds; a dead holder's lock goes with its session. The log
-- says of one whose row was set back that it was handled before.
SELECT id, kind, payload, taken_at, signature, EXISTS (
    SELECT FROM backstop.audit WHERE event = 'request-handled' AND details ->> 'request' = requests.id
) AS handled
FROM backstop.requests
WHERE id = %(id)s AND finished_at IS NULL
FOR UPDATE SKIP LOCKED;

-- name: begin_attempt
-- Name the process that handles a request, and count its predecessor if that has died in the middle.
INSERT INTO backstop.request_attempts AS attempts (request_id, handler) VALUES (%(id)s, %(handler)s)
ON CONFLICT (request_id) DO UPDATE
SET interrupted = attempts.interrupted + (attempts.handler NOT IN ('', excluded.handler))::int,
    handler = excluded.handler
RETURNING interrupted;

-- name: leave_attempt
-- Note that a process lives, and has left a request for later.
UPDATE backstop.request_attempts SET handler = '' WHERE request_id = %(id)s AND handler = %(handler)s;

-- name: forget_attempts
-- Forget the attempts at a request that is finished.
DELETE FROM backstop.request_attempts WHERE request_id = %(id)s;

-- name: finish_request
-- Note that a request has been dealt with; the first note stays.
UPDATE backstop.requests SET finished_at = clock_timestamp(), problem = %(problem)s
WHERE id = %(id)s AND finished_at IS NULL;

-- name: unfinished_requests
-- Requests nobody has finished for so long and nobody holds, oldest first.
SELECT id, kind, payload, taken_at, signature FROM backstop.requests
WHERE finished_at IS NULL AND accepted_at <= clock_timestamp() - make_interval(secs => %(older_than_s)s)
ORDER BY accepted_at
LIMIT 500
FOR UPDATE SKIP LOCKED;

-- name: requests_under_way
-- Every request nobody has finished, held or not, oldest first.
SELECT id, kind, payload, taken_at, signature FROM backstop.requests WHERE finished_at IS NULL ORDER BY accepted_at, id;

-- name: open_run
-- Create a pending run; no row when its environment has an open one.
INSERT INTO backstop.runs
    (id, environment, plan, digest, state, requester, reason, channel, created_at, expires_at, drill, request_id,
     signature)
VALUES
    (%(id)s, %(environment)s, %(plan)s, %(digest)s, 'pending', %(requester)s, %(reason)s, %(channel)s,
     %(created_at)s, %(expires_at)s, %(drill)s, %(request_id)s, %(signature)s)
ON CONFLICT (environment) WHERE state IN ('pending', 'approved', 'running', 'parked') DO NOTHING
RETURNING id;

-- name: run
-- A run with its steps.
SELECT * FROM backstop.run_records
WHERE id = %(run_id)s;

-- name: runs
-- Runs of one environment, or of all, with their steps, newest first.
SELECT * FROM backstop.run_records
WHERE %(environment)s::text IS NULL OR environment = %(environment)s
ORDER BY created_at DESC, id
LIMIT %(limit)s;

-- name: open_follow_ups
-- Runs of one environment, or of all, with a follow-up that nobody has closed, oldest first.
SELECT * FROM backstop.run_records AS runs
WHERE (%(environment)s::text IS NULL OR runs.environment = %(environment)s)
  AND EXISTS (SELECT FROM backstop.steps WHERE work_kind = 'run' AND work_id = runs.id AND state = 'open')
ORDER BY runs.created_at, runs.id;

-- name: count_runs
-- How many runs there are in each state.
SELECT state, count(*)::int AS runs FROM backstop.runs GROUP BY state;

-- name: active_run
-- The run that holds an environment.
SELECT * FROM backstop.run_records
WHERE environment = %(environment)s AND state IN ('pending', 'approved', 'running', 'parked');

-- name: approve_run
-- Pending → approved, for that digest and before the request expires; no row when someone else was first.
UPDATE backstop.runs SET state = 'approved'
WHERE id = %(run_id)s AND state = 'pending' AND digest = %(digest)s AND expires_at > clock_timestamp()
RETURNING id;

-- name: pulse
-- One word that changes whenever the Home tab would: open runs, their steps and votes, follow-ups, freezes, jobs,
-- ended drills.
WITH open_run AS (
    SELECT id, digest, state, expires_at, cancel_requested_by, problem FROM backstop.runs
    WHERE state IN ('pending', 'approved', 'running', 'parked')
)
SELECT md5(concat_ws('/',
    (SELECT string_agg(to_json(open_run)::text, ',' ORDER BY id) FROM open_run),
    (SELECT string_agg(concat_ws(':', work_id, key, state, attempts), ',' ORDER BY work_id, key)
     FROM backstop.steps WHERE work_kind = 'run' AND work_id IN (SELECT id FROM open_run)),
    (SELECT string_agg(concat_ws(':', run_id, user_id, choice, digest), ',' ORDER BY run_id, user_id)
     FROM backstop.votes WHERE run_id IN (SELECT id FROM open_run)),
    (SELECT string_agg(work_id, ',' ORDER BY work_id) FROM backstop.steps WHERE state = 'open'),
    (SELECT string_agg(to_json(freezes)::text, ',' ORDER BY environment) FROM backstop.freezes),
    (SELECT string_agg(concat_ws(':', jobs.request_id, requests.finished_at), ',' ORDER BY jobs.request_id)
     FROM backstop.jobs JOIN backstop.requests ON requests.id = jobs.request_id),
    (SELECT max(ended_at) FROM backstop.drills)
)) AS pulse;

-- name: visitors
-- Who has opened the Home tab within that time.
SELECT DISTINCT payload ->> 'user_id' AS user_id FROM backstop.requests
WHERE kind = 'home' AND accepted_at > clock_timestamp() - make_interval(secs => %(within_s)s)
ORDER BY user_id;

-- name: expired_runs
-- Pending runs past their time, oldest first.
SELECT id FROM backstop.runs WHERE state = 'pending' AND expires_at <= clock_timestamp() ORDER BY created_at;

-- name: now
-- The server's time, by which requests expire.
SELECT clock_timestamp() AS now;

-- name: resume_run
-- Parked → approved, with what stopped it forgotten; a request to cancel stays.
UPDATE backstop.runs SET state = 'approved', problem = ''
WHERE id = %(run_id)s AND state = 'parked'
RETURNING id;

-- name: sign_run
-- Store a run's signature.
UPDATE backstop.runs SET signature = %(signature)s WHERE id = %(run_id)s;

-- name: sign_step
-- Store the signature of a run's step.
UPDATE backstop.steps SET signature = %(signature)s
WHERE work_kind = 'run' AND work_id = %(run_id)s AND key = %(key)s;

-- name: sign_vote
-- Store a vote's signature.
UPDATE backstop.votes SET signature = %(signature)s WHERE run_id = %(run_id)s AND user_id = %(user_id)s;

-- name: request_cancel
-- Ask the owner to stop; the first who asked is remembered.
UPDATE backstop.runs SET cancel_requested_by = %(user_id)s
WHERE id = %(run_id)s AND state IN ('pending', 'approved', 'running', 'parked') AND cancel_requested_by = '';

-- name: freeze
-- Freeze an environment; a new reason replaces the old one.
INSERT INTO backstop.freezes (environment, user_id, reason)
VALUES (%(environment)s, %(user_id)s, %(reason)s)
ON CONFLICT (environment) DO UPDATE
SET user_id = excluded.user_id, reason = excluded.reason, since = excluded.since;

-- name: unfreeze
-- Allow runs again; no row when it was not frozen.
DELETE FROM backstop.freezes WHERE environment = %(environment)s RETURNING environment;

-- name: frozen
-- Who froze an environment, since when, and why.
SELECT user_id, reason, since FROM backstop.freezes WHERE environment = %(environment)s;
