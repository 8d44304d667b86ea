-- Describes the live database, to create again what a chain dropped from it.

-- name: gone
-- Of objects a dump lists by catalogue and OID, those that are not here any more.
SELECT x.classid::bigint, x.objid::bigint
FROM unnest(%(classes)s::oid[], %(objects)s::oid[]) AS x (classid, objid)
WHERE (pg_catalog.pg_identify_object(x.classid, x.objid, 0)).identity IS NULL;

-- name: tables
-- Names of tables by OID, as a dump's list of contents writes them.
SELECT c.oid::bigint, n.nspname || ' ' || c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY (%(objects)s::oid[]);

-- name: table
-- A table by identity: OID, schema, name.
SELECT c.oid::bigint, n.nspname, c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(%(table)s);

-- name: relations_now
-- Relations and sequences there are.
SELECT coalesce(array_agg(oid), '{}') FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND oid >= 16384;

-- name: default_grants
-- Grants on new relations that come from default privileges: a dump's own grants start from none.
SELECT DISTINCT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname,
       CASE x.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(x.grantee) END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) x
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.oid >= 16384 AND NOT c.oid = ANY (%(before)s::oid[])
  AND x.grantee <> c.relowner AND n.nspname !~ '^pg_';

-- name: columns
-- A relation's columns: name, whether it is generated, whether it is part of the primary key.
SELECT a.attname, a.attgenerated <> '', coalesce(a.attnum = ANY (k.conkey), false)
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
WHERE a.attrelid = pg_catalog.to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: user_triggers
-- A table's own triggers that fire, and how they are enabled.
SELECT tgname, CASE tgenabled WHEN 'R' THEN 'ENABLE REPLICA TRIGGER' WHEN 'A' THEN 'ENABLE ALWAYS TRIGGER' ELSE 'ENABLE TRIGGER' END
FROM pg_catalog.pg_trigger
WHERE tgrelid = pg_catalog.to_regclass(%(table)s) AND NOT tgisinternal AND tgenabled <> 'D'
ORDER BY tgname;

-- name: sequence
-- A sequence by identity: schema, name, its step.
SELECT n.nspname, c.relname, s.seqincrement
FROM pg_catalog.pg_sequence s
JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(%(sequence)s);

-- name: references
-- Foreign keys there are: (table, the one it refers to).
SELECT DISTINCT format('%I.%I', n.nspname, c.relname), format('%I.%I', rn.nspname, r.relname)
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
WHERE k.contype = 'f'
ORDER BY 1, 2;
