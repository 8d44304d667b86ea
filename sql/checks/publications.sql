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
