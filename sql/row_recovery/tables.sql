-- Describes tables, to write their rows as SQL.

-- name: columns
-- Columns of every table with rows of its own, in their order, with their place in the primary key.
SELECT n.nspname, c.relname, coalesce((
    SELECT jsonb_agg(jsonb_build_object(
        'name', a.attname,
        'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
        'key', array_position(k.conkey, a.attnum),
        'generated', a.attgenerated <> '',
        'always', a.attidentity = 'a') ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE c.relkind = 'r'
ORDER BY 1, 2;

-- name: references
-- Pairs of tables of which the first refers to the second by a foreign key.
SELECT DISTINCT cn.nspname, c.relname, pn.nspname, p.relname
FROM pg_catalog.pg_constraint f
JOIN pg_catalog.pg_class c ON c.oid = f.conrelid
JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = f.confrelid
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE f.contype = 'f'
ORDER BY 1, 2, 3, 4;

-- name: sequences
-- Ascending sequences that feed a table's columns, serial and identity; a partition's are its root's.
SELECT n.nspname, c.relname, a.attname, sn.nspname, s.relname
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass
    AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.refobjid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
    AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relkind = 'r'
ORDER BY 1, 2, 3;
