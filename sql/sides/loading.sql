-- Describes the server's extensions, and what a load has left to do.

-- name: refused_extensions
-- Those of some extensions that are missing here and only a superuser can create, or that the server does not have.
SELECT wanted.name
FROM unnest(%(names)s::text[]) AS wanted (name)
LEFT JOIN pg_catalog.pg_available_extensions x ON x.name = wanted.name
LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = x.name AND v.version = x.default_version
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = wanted.name)
  AND (x.name IS NULL
       OR v.superuser AND NOT v.trusted AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user))
ORDER BY 1;

-- name: unanalysed
-- Tables with rows for which the planner lacks statistics: of a column, of an expression of an index, of columns
-- together, of a parent's children. `pg_stats` shows what we may read; what we may not counts as lacking.
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'p') AND c.reltuples <> 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (EXISTS (
        SELECT FROM pg_catalog.pg_attribute a
        CROSS JOIN unnest(CASE WHEN c.relkind = 'p' THEN ARRAY[true] WHEN c.relhassubclass THEN ARRAY[false, true]
                          ELSE ARRAY[false] END) AS wanted (inherited)
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget IS DISTINCT FROM 0
          AND a.attgenerated <> 'v'
          AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_stats s
            WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
              AND s.inherited = wanted.inherited))
    OR EXISTS (
        SELECT FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
        JOIN pg_catalog.pg_attribute a ON a.attrelid = x.oid
        WHERE i.indrelid = c.oid AND c.relkind <> 'p' AND i.indexprs IS NOT NULL AND i.indkey[a.attnum - 1] = 0
          AND a.attstattarget IS DISTINCT FROM 0
          AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_stats s
            WHERE s.schemaname = n.nspname AND s.tablename = x.relname AND s.attname = a.attname))
    OR EXISTS (
        SELECT FROM pg_catalog.pg_statistic_ext e
        JOIN pg_catalog.pg_namespace en ON en.oid = e.stxnamespace
        WHERE e.stxrelid = c.oid AND e.stxstattarget IS DISTINCT FROM 0
          AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_stats_ext s
            WHERE s.statistics_schemaname = en.nspname AND s.statistics_name = e.stxname)))
ORDER BY 1;
