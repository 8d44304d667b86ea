-- Finds publications for logical replication.

-- name: published
-- Every publication with what it publishes, and its tables, those of a whole schema or database among them: (name, actions, by
-- its tables' partitioned one, has a fixed list of tables, is ours to change, tables as [schema, name], owner).
SELECT p.pubname::text,
       concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
                 CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END),
       p.pubviaroot, w.fixed, pg_catalog.pg_has_role(p.pubowner, 'USAGE'),
       CASE WHEN w.fixed
            THEN (SELECT json_agg(json_build_array(n.nspname, c.relname) ORDER BY n.nspname, c.relname)
                  FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid)
            ELSE (SELECT json_agg(json_build_array(t.schemaname, t.tablename) ORDER BY t.schemaname, t.tablename)
                  FROM pg_catalog.pg_publication_tables t WHERE t.pubname = p.pubname AND t.schemaname !~ '^pg_') END,
       pg_catalog.pg_get_userbyid(p.pubowner)
FROM pg_catalog.pg_publication p
CROSS JOIN LATERAL (
    -- A publication of schemas, which PostgreSQL has since 15, has more tables than its own list.
    SELECT NOT p.puballtables AND (SELECT count(*) FROM pg_catalog.pg_publication_tables t WHERE t.pubname = p.pubname) = 0
        OR NOT p.puballtables AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_publication_tables t
            JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname
            JOIN pg_catalog.pg_class c ON c.relname = t.tablename AND c.relnamespace = n.oid
            WHERE t.pubname = p.pubname AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_publication_rel r
                WHERE r.prpubid = p.oid AND (r.prrelid = c.oid OR r.prrelid IN (SELECT relid FROM pg_catalog.pg_partition_ancestors(c.oid)))))
        AS fixed
) w
ORDER BY p.pubname;

-- name: publishable
-- Tables that our role may publish.
SELECT n.nspname::text, c.relname::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_has_role(c.relowner, 'USAGE');
