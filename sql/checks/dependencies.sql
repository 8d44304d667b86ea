-- Finds tables whose rows are deleted or changed with another's, by CASCADE or inheritance.

-- name: dependencies
-- By foreign keys, and by inheritance, partitions among it: (table, the one it follows, how, columns of that one).
SELECT format('%I.%I', n.nspname, c.relname), format('%I.%I', rn.nspname, r.relname), t.how, t.columns
FROM (
    SELECT k.conrelid, k.confrelid, CASE k.confdeltype WHEN 'c' THEN 'deleted' ELSE 'loosened' END, '{}'::text[]
    FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd')
    UNION ALL
    SELECT k.conrelid, k.confrelid, 'rekeyed', (
        SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey))
    FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.confupdtype IN ('c', 'n', 'd')
    UNION ALL
    SELECT i.inhrelid, i.inhparent, CASE WHEN c.relispartition THEN 'partition' ELSE 'child' END, '{}'::text[]
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')
) t (child, parent, how, columns)
JOIN pg_catalog.pg_class c ON c.oid = t.child
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class r ON r.oid = t.parent
JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';
