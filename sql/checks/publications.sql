-- Finds tables that are published for logical replication.

-- name: published
-- Tables whose updates or deletions are published, partitions by themselves or by their table, as the publication has it.
SELECT DISTINCT t.schemaname::text, t.tablename::text,
       concat_ws(', ', CASE WHEN p.pubupdate THEN 'update' END, CASE WHEN p.pubdelete THEN 'delete' END)
FROM pg_catalog.pg_publication_tables t JOIN pg_catalog.pg_publication p ON p.pubname = t.pubname
WHERE (p.pubupdate OR p.pubdelete) AND t.schemaname !~ '^pg_'
ORDER BY 1, 2, 3;

-- name: publishable
-- Tables that our role may publish.
SELECT n.nspname::text, c.relname::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_has_role(c.relowner, 'USAGE');

-- name: state
-- A digest of every publication: its options, owner and tables, with their columns and conditions.
SELECT md5(coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), ''))
FROM (
    SELECT (to_jsonb(p) - 'oid' - 'pubowner')::text || ' ' || pg_catalog.pg_get_userbyid(p.pubowner) AS line
    FROM pg_catalog.pg_publication p
    UNION ALL
    SELECT to_jsonb(t)::text FROM pg_catalog.pg_publication_tables t
) lines;

-- name: others
-- Tables in publications that our role may not change: (table, publication).
SELECT format('%I.%I', n.nspname, c.relname), p.pubname::text
FROM pg_catalog.pg_publication_rel r
JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT pg_catalog.pg_has_role(p.pubowner, 'USAGE')
ORDER BY 1, 2;
