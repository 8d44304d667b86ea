-- Reads the effects of a chain, just before its COMMIT.

-- name: locks_on_staying
-- Relations that stay and that this transaction locks against somebody; every mode but the mere reader's.
SELECT format('%%I.%%I', n.nspname, c.relname), l.mode
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.mode <> 'AccessShareLock'
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND c.oid = ANY (%(before)s::oid[]);

-- name: relations_now
-- Relations there are, to tell afterwards which of the locked ones are new.
SELECT coalesce(array_agg(oid), '{}') FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND oid >= 16384;

-- name: rows_written
-- Rows that this session has written per table, as the server counts them for its statistics, and whether this transaction
-- still holds a writer's lock on it: what a rolled-back block wrote is counted, but its lock is gone. Temporary tables and
-- extensions' own are left out. Large objects stand in one table of the system's, which has a name of its own here, and whose
-- lock the server gives back at once; of the table that has their owners and grants, changes alone are counted.
SELECT c.oid::bigint,
       CASE WHEN n.nspname = 'pg_catalog' THEN 'large objects' ELSE format('%%I.%%I', n.nspname, c.relname) END,
       CASE WHEN c.relname <> 'pg_largeobject_metadata' THEN s.n_tup_ins ELSE 0 END, s.n_tup_upd,
       CASE WHEN c.relname <> 'pg_largeobject_metadata' THEN s.n_tup_del ELSE 0 END, l.relation IS NOT NULL OR n.nspname = 'pg_catalog' AND s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0
FROM pg_catalog.pg_stat_xact_all_tables s
JOIN pg_catalog.pg_class c ON c.oid = s.relid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (SELECT DISTINCT relation FROM pg_catalog.pg_locks
           WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted AND mode = 'RowExclusiveLock'
             AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())) l ON l.relation = c.oid
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' OR c.oid IN ('pg_catalog.pg_largeobject'::regclass, 'pg_catalog.pg_largeobject_metadata'::regclass))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: counts_rows
-- Whether the server counts written rows at all.
SELECT current_setting('track_counts')::boolean;

-- name: function_bodies
-- Functions with a body that no dependency is recorded for.
SELECT o.identity, p.prosrc
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL pg_catalog.pg_identify_object('pg_catalog.pg_proc'::regclass, p.oid, 0) o
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND p.prosrc <> ''
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e');
