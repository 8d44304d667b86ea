-- Sizes and contents of tables.

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
-- Tables with rows of their own, extensions' left out. Waits for nobody: a size would.
SELECT n.nspname, c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1, 2;

-- name: stored_table_identities
-- The same, each as one name, quoted where it must be.
SELECT format('%%I.%%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1;

-- name: stored_tables
-- The same with their size and how each column is to be hashed. Types of the system whose hash is
-- the same after a dump and restore stand for themselves; an enum's hash is its OID's, and json has none: those go as text.
SELECT n.nspname, c.relname, pg_catalog.pg_table_size(c.oid), coalesce((
    SELECT string_agg(CASE
        WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) THEN format('t.%I COLLATE "C"', a.attname)
        WHEN a.atttypid IN ('bool'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'float4'::regtype,
                            'float8'::regtype, 'numeric'::regtype, 'bytea'::regtype, 'uuid'::regtype, 'date'::regtype,
                            'time'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype, 'interval'::regtype,
                            'jsonb'::regtype, 'inet'::regtype, 'cidr'::regtype, 'macaddr'::regtype) THEN format('t.%I', a.attname)
        ELSE format('t.%I::text COLLATE "C"', a.attname) END, ', ' ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1, 2;
