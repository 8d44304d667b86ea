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
-- A relation's columns: name, whether it is generated, whether it is part of the primary key, whether no UPDATE can set it.
SELECT a.attname, a.attgenerated <> '', coalesce(a.attnum = ANY (k.conkey), false), a.attidentity = 'a'
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
WHERE a.attrelid = pg_catalog.to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: user_triggers
-- A table's own triggers that fire: the table, how one is turned off, its name, how it is turned on as it is now.
SELECT %(table)s, 'DISABLE TRIGGER %%', tgname,
       CASE tgenabled WHEN 'R' THEN 'ENABLE REPLICA TRIGGER %%' WHEN 'A' THEN 'ENABLE ALWAYS TRIGGER %%' ELSE 'ENABLE TRIGGER %%' END
FROM pg_catalog.pg_trigger
WHERE tgrelid = pg_catalog.to_regclass(%(table)s) AND NOT tgisinternal AND tgenabled <> 'D'
ORDER BY tgname;

-- name: user_rules
-- The same of a table's rules.
SELECT %(table)s, 'DISABLE RULE %%', rulename,
       CASE ev_enabled WHEN 'R' THEN 'ENABLE REPLICA RULE %%' WHEN 'A' THEN 'ENABLE ALWAYS RULE %%' ELSE 'ENABLE RULE %%' END
FROM pg_catalog.pg_rewrite
WHERE ev_class = pg_catalog.to_regclass(%(table)s) AND rulename <> '_RETURN' AND ev_enabled <> 'D'
ORDER BY rulename;

-- name: foreign_keys
-- The same of the foreign keys from and to a table, which are looked at early: how one is deferred, and how it was.
SELECT format('%%I.%%I', n.nspname, c.relname), 'ALTER CONSTRAINT %% DEFERRABLE INITIALLY DEFERRED', k.conname,
       CASE WHEN k.condeferrable THEN 'ALTER CONSTRAINT %% DEFERRABLE INITIALLY IMMEDIATE' ELSE 'ALTER CONSTRAINT %% NOT DEFERRABLE' END
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT k.condeferred
  AND pg_catalog.to_regclass(%(table)s) IN (k.conrelid, k.confrelid)
ORDER BY 1, 3;

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
