-- Finds tables, their sizes and their contents.

-- name: relation
-- A relation by identity: schema, name, kind, whether it is populated, its columns in order.
SELECT n.nspname, c.relname, c.relkind, c.relispopulated,
       coalesce((SELECT array_agg(attname ORDER BY attnum) FROM pg_catalog.pg_attribute
                 WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), '{}')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(%(relation)s);

-- name: children
-- Tables that inherit from one, in any degree. A partition is none: its rows are reached by way of its table.
WITH RECURSIVE found AS (
    SELECT pg_catalog.to_regclass(%(relation)s)::oid AS oid
    UNION
    SELECT c.oid FROM found JOIN pg_catalog.pg_inherits i ON i.inhparent = found.oid
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r' AND NOT c.relispartition)
SELECT format('%%I.%%I', n.nspname, c.relname) FROM found
JOIN pg_catalog.pg_class c ON c.oid = found.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid <> pg_catalog.to_regclass(%(relation)s)
ORDER BY 1;

-- name: parents
-- Tables that one inherits from, in any degree.
WITH RECURSIVE found AS (
    SELECT pg_catalog.to_regclass(%(relation)s)::oid AS oid
    UNION
    SELECT c.oid FROM found JOIN pg_catalog.pg_inherits i ON i.inhrelid = found.oid
    JOIN pg_catalog.pg_class c ON c.oid = i.inhparent AND c.relkind = 'r')
SELECT format('%%I.%%I', n.nspname, c.relname) FROM found
JOIN pg_catalog.pg_class c ON c.oid = found.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid <> pg_catalog.to_regclass(%(relation)s)
ORDER BY 1;

-- name: owned_sequences
-- Sequences that go with a table's columns, serial and identity.
SELECT format('%%I.%%I', n.nspname, c.relname), n.nspname, c.relname
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
  AND d.refobjid = pg_catalog.to_regclass(%(relation)s) AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
ORDER BY 1;

-- name: total_size
-- Bytes of a relation with indexes and TOAST; of a partitioned table with its partitions.
SELECT coalesce(sum(pg_catalog.pg_total_relation_size(t.relid)), pg_catalog.pg_total_relation_size(%(relation)s::regclass))
FROM pg_catalog.pg_partition_tree(%(relation)s::regclass) t;

-- name: stored_table_names
-- Tables whose rows a dump has: also those in which extensions keep what is the database's own. Waits for nobody: a size would.
SELECT n.nspname, c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND (EXISTS (SELECT FROM pg_catalog.pg_extension x WHERE c.oid = ANY (x.extconfig))
       OR n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                       WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'))
ORDER BY 1, 2;

-- name: dump_files
-- Tables and large objects of which pg_dump writes a file each. A lower bound: the tables of extensions are left out.
SELECT (SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relpersistence <> 't'
          AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                          WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')),
       (SELECT count(*) FROM pg_catalog.pg_largeobject_metadata);

-- name: stored_table_identities
-- Tables with rows of their own, extensions' left out: each as one name, quoted where it must be.
SELECT format('%%I.%%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1;

-- name: stored_tables
-- Tables whose rows a dump has, with their size and how each column is to be hashed; the same without columns that are
-- computed on reading ("" where there are none); whether an extension keeps rows in it, and which, as it says itself.
-- Types of the system whose hash is the same after a dump and restore stand for themselves; an enum's hash is its OID's,
-- and json has none: those go as text.
SELECT n.nspname, c.relname, pg_catalog.pg_table_size(c.oid), coalesce(columns.hashed, ''),
       CASE WHEN columns.computed THEN coalesce(columns.held, '') ELSE '' END,
       config.oid IS NOT NULL, coalesce(config.condition, '')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (SELECT kept.oid, kept.condition
           FROM pg_catalog.pg_extension x CROSS JOIN LATERAL unnest(x.extconfig, x.extcondition) AS kept (oid, condition)
          ) AS config ON config.oid = c.oid
CROSS JOIN LATERAL (
    SELECT string_agg(a.hashed, ', ' ORDER BY a.attnum) AS hashed,
           string_agg(a.hashed, ', ' ORDER BY a.attnum) FILTER (WHERE a.attgenerated <> 'v') AS held,
           bool_or(a.attgenerated = 'v') AS computed
    FROM (SELECT a.attnum, a.attgenerated, CASE
        WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) THEN format('t.%I COLLATE "C"', a.attname)
        WHEN a.atttypid IN ('bool'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'float4'::regtype,
                            'float8'::regtype, 'numeric'::regtype, 'bytea'::regtype, 'uuid'::regtype, 'date'::regtype,
                            'time'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype, 'interval'::regtype,
                            'jsonb'::regtype, 'inet'::regtype, 'cidr'::regtype, 'macaddr'::regtype) THEN format('t.%I', a.attname)
        ELSE format('t.%I::text COLLATE "C"', a.attname) END AS hashed
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) a
) AS columns
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND (config.oid IS NOT NULL
       OR n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                       WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'))
ORDER BY 1, 2;
