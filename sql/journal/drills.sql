-- Queries about drills.

-- name: enlist
-- Note that a schedule is in force; no row while a newer one of its name is in force elsewhere.
WITH beat AS (
    SELECT max(seen_at) AS at FROM backstop.drill_schedules WHERE name = ''
), newest AS (
    SELECT fingerprint, seen_at FROM backstop.drill_schedules
    WHERE name = %(name)s ORDER BY known_since DESC, fingerprint LIMIT 1
), resumed AS (
    SELECT newest.fingerprint, newest.seen_at,
           -- Everything due was dealt with, and this schedule was not there: it had been taken out.
           coalesce(newest.seen_at IS NULL OR newest.seen_at < beat.at - %(patience)s::interval, false) AS again
    FROM beat LEFT JOIN newest ON true
), beginning AS (
    SELECT CASE WHEN again THEN %(now)s ELSE seen_at + interval '1 microsecond' END AS at FROM resumed
)
INSERT INTO backstop.drill_schedules AS known (name, fingerprint, known_since, seen_at, planned_to)
SELECT %(name)s, %(fingerprint)s, at, %(now)s, at FROM beginning
ON CONFLICT (name, fingerprint) DO UPDATE
SET known_since = CASE WHEN (SELECT fingerprint IS NULL OR (known.fingerprint = fingerprint AND NOT again) FROM resumed)
                       THEN known.known_since ELSE excluded.known_since END,
    planned_to = CASE WHEN (SELECT fingerprint IS NULL OR (known.fingerprint = fingerprint AND NOT again) FROM resumed)
                      THEN known.planned_to ELSE excluded.planned_to END,
    seen_at = greatest(known.seen_at, excluded.seen_at)
WHERE (SELECT fingerprint IS NULL OR known.fingerprint = fingerprint OR seen_at < %(now)s - %(patience)s::interval
       FROM resumed)  -- no fingerprint and yet a conflict: another replica has just been first
RETURNING known_since, planned_to;

-- name: listed
-- Schedules that some replica has had in force since then.
SELECT DISTINCT name FROM backstop.drill_schedules WHERE seen_at >= %(since)s AND name <> '';

-- name: advance
-- Every due time up to then has its drill.
UPDATE backstop.drill_schedules SET planned_to = greatest(planned_to, %(planned_to)s)
WHERE name = %(name)s AND fingerprint = %(fingerprint)s;

-- name: beat
-- Everything due by now has been dealt with.
INSERT INTO backstop.drill_schedules AS known (name, fingerprint, known_since, seen_at, planned_to)
VALUES ('', '', %(now)s, %(now)s, %(now)s)
ON CONFLICT (name, fingerprint) DO UPDATE SET seen_at = greatest(known.seen_at, excluded.seen_at);

-- name: last_beat
-- When that was last so.
SELECT seen_at FROM backstop.drill_schedules WHERE name = '';

-- name: plan_drill
-- Create a planned drill; no row when it is there already.
INSERT INTO backstop.drills (id, schedule, environment, kind, bundle_of, due_at, start_at, state, user_id)
VALUES (%(id)s, %(schedule)s, %(environment)s, %(kind)s, %(bundle_of)s, %(due_at)s, %(start_at)s, 'planned', %(user_id)s)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: drill
-- One drill.
SELECT * FROM backstop.drill_records WHERE id = %(drill_id)s;

-- name: drills
-- Drills of one environment, or of all, newest due first.
SELECT * FROM backstop.drill_records
WHERE %(environment)s::text IS NULL OR environment = %(environment)s
ORDER BY due_at DESC, id
LIMIT %(limit)s;

-- name: open_drills
-- Planned and running ones, earliest start first.
SELECT * FROM backstop.drill_records WHERE state IN ('planned', 'running') ORDER BY start_at, id;

-- name: note_announced
-- It has been announced.
UPDATE backstop.drills SET announced_at = %(now)s WHERE id = %(drill_id)s AND announced_at IS NULL;

-- name: postpone_drill
-- Put the start of a planned one off.
UPDATE backstop.drills SET start_at = %(start_at)s, user_id = %(user_id)s
WHERE id = %(drill_id)s AND state = 'planned' AND start_at < %(start_at)s
RETURNING id;

-- name: miss_drills
-- Planned → missed, all at one moment. Locked in one order, so that replicas doing the same do not lock each other out.
WITH locked AS (
    SELECT id FROM backstop.drills WHERE id = ANY(%(ids)s) AND state = 'planned' ORDER BY id FOR UPDATE
)
UPDATE backstop.drills
SET state = 'missed', problem = missed.problem, ended_at = %(now)s
FROM unnest(%(ids)s::text[], %(problems)s::text[]) AS missed (id, problem), locked
WHERE drills.id = missed.id AND drills.id = locked.id;

-- name: untold_drills
-- Those that have ended and whose end has not been reported, groups of missed ones whole.
SELECT * FROM backstop.drill_records
WHERE told_at IS NULL AND state NOT IN ('planned', 'running')
ORDER BY ended_at
FETCH FIRST 1000 ROWS WITH TIES;

-- name: note_reported
-- Their end has been reported.
WITH locked AS (
    SELECT id FROM backstop.drills WHERE id = ANY(%(ids)s) AND told_at IS NULL ORDER BY id FOR UPDATE
)
UPDATE backstop.drills SET told_at = %(now)s FROM locked WHERE drills.id = locked.id;

-- name: close_drill
-- Planned → skipped or missed.
UPDATE backstop.drills
SET state = %(state)s, problem = %(problem)s, ended_at = %(now)s,
    user_id = CASE WHEN %(user_id)s = '' THEN user_id ELSE %(user_id)s END
WHERE id = %(drill_id)s AND state = 'planned'
RETURNING id;

-- name: lock_startable_drill
-- Hold a drill that may be taken up, for the first time or in the place of a process that died.
SELECT id FROM backstop.drills
WHERE id = %(drill_id)s AND (state = 'running' OR (state = 'planned' AND start_at <= %(now)s))
FOR NO KEY UPDATE;

-- name: start_drill
-- Planned or taken over → running.
UPDATE backstop.drills SET state = 'running', started_at = coalesce(started_at, %(now)s) WHERE id = %(drill_id)s;

-- name: finish_drill
-- Running → passed or failed.
UPDATE backstop.drills
SET state = %(state)s, problem = %(problem)s, measured = %(measured)s, ended_at = %(now)s
WHERE id = %(drill_id)s AND state = 'running'
RETURNING id;

-- name: add_script_proof
-- Note what a drill has proven of a script.
INSERT INTO backstop.script_proofs (sha256, drill_id, version, at, reversible)
VALUES (%(sha256)s, %(drill_id)s, %(version)s, %(at)s, %(reversible)s)
ON CONFLICT DO NOTHING;

-- name: drill_history
-- Those that were tried, of one environment's bundles or of all, newest first.
SELECT * FROM backstop.drill_records
WHERE state IN ('passed', 'failed') AND (%(environment)s::text IS NULL OR environment = %(environment)s
                                         OR bundle_of = %(environment)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY ended_at DESC, id
LIMIT %(limit)s;

-- name: newest_passes
-- The newest that passed of each kind and each environment whose bundle was used, newest first.
SELECT * FROM (
    SELECT DISTINCT ON (kind, bundle_of) * FROM backstop.drill_records WHERE state = 'passed'
    ORDER BY kind, bundle_of, ended_at DESC, id
) AS newest
ORDER BY ended_at DESC, id;

-- name: restored_by
-- The newest drill that passed with a bundle.
SELECT * FROM backstop.drill_records
WHERE state = 'passed' AND kind IN ('restore', 'bundle') AND measured ->> 'bundle' = %(bundle)s
ORDER BY ended_at DESC, id
LIMIT 1;

-- name: last_passed
-- When a drill of a schedule last passed.
SELECT max(ended_at) AS ended_at FROM backstop.drills WHERE schedule = %(schedule)s AND state = 'passed';

-- name: last_proof
-- When a drill in an environment, or of its bundles, last passed.
SELECT max(ended_at) AS ended_at FROM backstop.drills
WHERE state = 'passed' AND (environment = %(environment)s OR bundle_of = %(environment)s);

-- name: alerts
-- Alerts that have been raised and not cleared.
SELECT subject, environment, since, passed FROM backstop.drill_alerts ORDER BY subject;

-- name: raise_alert
-- Keep an alert in the place of its subject's last one.
INSERT INTO backstop.drill_alerts (subject, environment, since, passed)
VALUES (%(subject)s, %(environment)s, %(since)s, %(passed)s)
ON CONFLICT (subject) DO UPDATE
SET environment = excluded.environment, since = excluded.since, passed = excluded.passed;

-- name: clear_alert
-- Keep it no longer.
DELETE FROM backstop.drill_alerts WHERE subject = %(subject)s;

-- name: script_proofs
-- The newest proof of each script.
SELECT DISTINCT ON (sha256) sha256, version, at, drill_id, reversible
FROM backstop.script_proofs ORDER BY sha256, at DESC;
