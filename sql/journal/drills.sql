-- Queries about drills.

-- name: known_since
-- Since when a schedule is known as it is; another fingerprint makes it new.
INSERT INTO backstop.drill_schedules AS known (name, fingerprint, known_since)
VALUES (%(name)s, %(fingerprint)s, %(now)s)
ON CONFLICT (name) DO UPDATE
SET known_since = CASE WHEN known.fingerprint = excluded.fingerprint THEN known.known_since ELSE excluded.known_since END,
    fingerprint = excluded.fingerprint
RETURNING known_since;

-- name: last_due
-- The newest due time of a schedule that has a drill.
SELECT max(due_at) AS due_at FROM backstop.drills WHERE schedule = %(schedule)s AND due_at >= %(since)s;

-- name: plan_drill
-- Create a planned drill; no row when it is there already.
INSERT INTO backstop.drills (id, schedule, environment, kind, bundle_of, due_at, start_at, state, user_id)
VALUES (%(id)s, %(schedule)s, %(environment)s, %(kind)s, %(bundle_of)s, %(due_at)s, %(start_at)s, 'planned', %(user_id)s)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: drill
-- One drill.
SELECT * FROM backstop.drills WHERE id = %(drill_id)s;

-- name: drills
-- Drills of one environment, or of all, newest due first.
SELECT * FROM backstop.drills
WHERE %(environment)s::text IS NULL OR environment = %(environment)s
ORDER BY due_at DESC, id
LIMIT %(limit)s;

-- name: open_drills
-- Planned and running ones, earliest start first.
SELECT * FROM backstop.drills WHERE state IN ('planned', 'running') ORDER BY start_at, id;

-- name: postpone_drill
-- Move the start of a planned one.
UPDATE backstop.drills SET start_at = %(start_at)s, user_id = %(user_id)s
WHERE id = %(drill_id)s AND state = 'planned'
RETURNING id;

-- name: close_drill
-- Planned → skipped or missed.
UPDATE backstop.drills
SET state = %(state)s, problem = %(problem)s, ended_at = %(now)s,
    user_id = CASE WHEN %(user_id)s = '' THEN user_id ELSE %(user_id)s END
WHERE id = %(drill_id)s AND state = 'planned'
RETURNING id;

-- name: begin_drill
-- Take a drill up, for the first time or in the place of a process that died.
UPDATE backstop.drills
SET state = 'running', fence = fence + 1, started_at = coalesce(started_at, %(now)s),
    steps = CASE WHEN steps = '[]' THEN %(steps)s::jsonb ELSE steps END
WHERE id = %(drill_id)s AND state IN ('planned', 'running')
RETURNING *;

-- name: record_drill_step
-- Put a step in the place of the one with its key, by its owner.
UPDATE backstop.drills
SET steps = (
    SELECT jsonb_agg(CASE WHEN step ->> 'key' = %(key)s THEN %(step)s::jsonb ELSE step END ORDER BY place)
    FROM jsonb_array_elements(steps) WITH ORDINALITY AS listed (step, place)
)
WHERE id = %(drill_id)s AND fence = %(fence)s AND state = 'running'
RETURNING id;

-- name: finish_drill
-- Running → passed or failed, by its owner.
UPDATE backstop.drills
SET state = %(state)s, problem = %(problem)s, measured = %(measured)s, ended_at = %(now)s
WHERE id = %(drill_id)s AND fence = %(fence)s AND state = 'running'
RETURNING id;

-- name: add_script_proof
-- Note what a drill has proven of a script.
INSERT INTO backstop.script_proofs (sha256, drill_id, version, at, reversible)
VALUES (%(sha256)s, %(drill_id)s, %(version)s, %(at)s, %(reversible)s)
ON CONFLICT DO NOTHING;

-- name: drill_history
-- Those that were tried, of one environment's bundles or of all, newest first.
SELECT * FROM backstop.drills
WHERE state IN ('passed', 'failed') AND (%(environment)s::text IS NULL OR environment = %(environment)s
                                         OR bundle_of = %(environment)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY ended_at DESC, id
LIMIT %(limit)s;

-- name: newest_passes
-- The newest that passed of each kind and each environment whose bundle was used, newest first.
SELECT * FROM (
    SELECT DISTINCT ON (kind, bundle_of) * FROM backstop.drills WHERE state = 'passed'
    ORDER BY kind, bundle_of, ended_at DESC, id
) AS newest
ORDER BY ended_at DESC, id;

-- name: restored_by
-- The newest drill that passed with a bundle.
SELECT * FROM backstop.drills
WHERE state = 'passed' AND kind IN ('restore', 'bundle') AND measured ->> 'bundle' = %(bundle)s
ORDER BY ended_at DESC, id
LIMIT 1;

-- name: last_passed
-- When a drill of a schedule last passed.
SELECT max(ended_at) AS ended_at FROM backstop.drills WHERE schedule = %(schedule)s AND state = 'passed';

-- name: script_proofs
-- The newest proof of each script.
SELECT DISTINCT ON (sha256) sha256, version, at, drill_id, reversible
FROM backstop.script_proofs ORDER BY sha256, at DESC;
