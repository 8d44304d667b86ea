-- Finds violations of the integrity of a loaded database.

-- name: invalid_indexes
-- Indexes that cannot be used.
SELECT 'Index ' || i.indexrelid::regclass || ' is invalid.'
FROM pg_catalog.pg_index i WHERE NOT i.indisvalid ORDER BY 1;

-- name: unvalidated_constraints
-- Constraints that were never checked against the rows there are; NOT VALID in the source, too, as a rule.
SELECT format('Constraint %I on %s is not validated.', k.conname, coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text))
FROM pg_catalog.pg_constraint k WHERE NOT k.convalidated ORDER BY 1;

-- name: collations
-- Collations of another version than the library's: indexes on text may be out of order.
SELECT format('Collation %I.%I is of version %s, the library has %s.', n.nspname, c.collname, c.collversion,
              pg_catalog.pg_collation_actual_version(c.oid))
FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
WHERE n.nspname !~ '^pg_' AND c.collversion <> pg_catalog.pg_collation_actual_version(c.oid)
ORDER BY 1;

-- name: owned_sequences
-- Sequences that fill a column: sequence's schema and name, table's schema and name, column, increment.
SELECT sn.nspname, s.relname, tn.nspname, t.relname, a.attname, q.seqincrement
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
  AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') AND NOT q.seqcycle
  AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
ORDER BY 1, 2;

-- name: extensions
-- Extensions and their versions.
SELECT extname, extversion FROM pg_catalog.pg_extension ORDER BY 1;

-- name: amcheck
-- True if amcheck is installed and we may use it.
SELECT coalesce(bool_and(pg_catalog.has_function_privilege(p.oid, 'EXECUTE')), false)
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_catalog.pg_extension x ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND x.oid = d.refobjid
WHERE x.extname = 'amcheck' AND p.proname IN ('bt_index_check', 'verify_heapam');
