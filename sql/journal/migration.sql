-- Queries that make the state database ready.

-- name: lock_migration
-- One replica at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('backstop.migration'));

-- name: schema_exists
-- Whether our schema was ever applied.
SELECT to_regclass('backstop.applied_schema') IS NOT NULL;

-- name: schema_is_current
-- Whether the text of our schema that was applied last is the one we have.
SELECT coalesce(
    (SELECT sha256 = %(sha256)s FROM backstop.applied_schema ORDER BY applied_at DESC LIMIT 1), false
);

-- name: note_schema
-- Remember which text of our schema was applied.
INSERT INTO backstop.applied_schema (sha256) VALUES (%(sha256)s)
ON CONFLICT (sha256) DO UPDATE SET applied_at = excluded.applied_at;

-- name: queue_exists
-- Whether the task queue's schema is there.
SELECT to_regclass('procrastinate_jobs') IS NOT NULL;
