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

-- name: named
-- Objects by kind and identity: catalogue, OID, kind, identity; of a column its table's OID and its name, too.
SELECT x.classid::bigint, x.objid::bigint, o.type, o.identity, x.relation::bigint, coalesce(x.colname, '')
FROM (
    SELECT 'pg_catalog.pg_class'::regclass::oid, oid, 0, 0::oid, NULL::text FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I')
    UNION ALL SELECT 'pg_catalog.pg_class'::regclass, a.attrelid, a.attnum, a.attrelid, a.attname FROM pg_catalog.pg_attribute a
              WHERE a.attnum > 0 AND NOT a.attisdropped AND 'table column' = ANY (%(kinds)s::text[])
    UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid, 0, 0, NULL FROM pg_catalog.pg_type t
              WHERE t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c'
                AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')
    UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, oid, 0, 0, NULL FROM pg_catalog.pg_proc
    UNION ALL SELECT 'pg_catalog.pg_trigger'::regclass, oid, 0, 0, NULL FROM pg_catalog.pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'pg_catalog.pg_rewrite'::regclass, oid, 0, 0, NULL FROM pg_catalog.pg_rewrite WHERE rulename <> '_RETURN'
    UNION ALL SELECT 'pg_catalog.pg_policy'::regclass, oid, 0, 0, NULL FROM pg_catalog.pg_policy
    UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, oid, 0, 0, NULL FROM pg_catalog.pg_constraint WHERE conrelid <> 0 AND contype <> 'n'
    UNION ALL SELECT 'pg_catalog.pg_namespace'::regclass, oid, 0, 0, NULL FROM pg_catalog.pg_namespace
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_statistic_ext
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_operator
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_opclass
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_opfamily
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_cast
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_collation
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_conversion
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_ts_config
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_ts_dict
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_publication
    UNION ALL SELECT tableoid, oid, 0, 0, NULL FROM pg_catalog.pg_publication_rel
) AS x (classid, objid, objsubid, relation, colname)
CROSS JOIN LATERAL pg_catalog.pg_identify_object(x.classid, x.objid, x.objsubid) o
JOIN unnest(%(kinds)s::text[], %(identities)s::text[]) AS w (kind, identity) ON w.kind = o.type AND w.identity = o.identity
WHERE x.objid >= 16384 OR o.type = 'schema'
ORDER BY 3, 4;

-- name: taken
-- Everything that goes with objects, as DROP … CASCADE takes it: catalogue, OID, identity; of a column that loses its default
-- or its type the table's OID and its name; whether it is a table. What hangs on a column that changes its type stays, but views.
WITH RECURSIVE taken (classid, objid, objsubid) AS (
    SELECT c, o, 0 FROM unnest(%(classes)s::oid[], %(objects)s::oid[]) AS x (c, o)
    UNION
    SELECT n.classid, n.objid, n.objsubid
    FROM taken t CROSS JOIN LATERAL (
        SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d
        WHERE d.refclassid = t.classid AND d.refobjid = t.objid AND (t.objsubid = 0 OR d.refobjsubid = t.objsubid)
          AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
          AND (t.objsubid = 0 OR d.classid = 'pg_catalog.pg_rewrite'::regclass)
        UNION ALL
        SELECT d.refclassid, d.refobjid, 0 FROM pg_catalog.pg_depend d
        WHERE d.classid = t.classid AND d.objid = t.objid AND d.deptype = 'i' AND t.objsubid = 0
          AND t.classid IN ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_type'::regclass)
    ) n)
SELECT t.classid::bigint, t.objid::bigint,
       (pg_catalog.pg_identify_object(t.classid, t.objid, t.objsubid)).identity, coalesce(a.attrelid, 0)::bigint, coalesce(a.attname, ''),
       EXISTS (SELECT FROM pg_catalog.pg_class c WHERE t.classid = 'pg_catalog.pg_class'::regclass AND c.oid = t.objid AND c.relkind IN ('r', 'p'))
FROM taken t
LEFT JOIN pg_catalog.pg_attrdef d ON t.classid = 'pg_catalog.pg_attrdef'::regclass AND d.oid = t.objid
LEFT JOIN pg_catalog.pg_attribute a
    ON a.attrelid = coalesce(d.adrelid, t.objid) AND a.attnum = coalesce(d.adnum, nullif(t.objsubid, 0))
   AND (d.oid IS NOT NULL OR t.classid = 'pg_catalog.pg_class'::regclass);

-- name: attributes
-- A table's columns as they can be set: name, type, collation, default, whether it is NOT NULL, whether the server fills it.
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attcollation <> t.typcollation THEN (
           SELECT format('%%I.%%I', n.nspname, c.collname) FROM pg_catalog.pg_collation c
           JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation) ELSE '' END,
       coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''), a.attnotnull, a.attgenerated <> '' OR a.attidentity <> ''
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = pg_catalog.to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: granted
-- Grants on an object by kind and name, on columns too, to anybody but its owner: column ("" for all), grantee (NULL for PUBLIC).
SELECT '', CASE x.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(x.grantee) END
FROM (
    SELECT relacl, relowner FROM pg_catalog.pg_class
    WHERE oid = CASE WHEN %(kind)s IN ('table', 'sequence') THEN pg_catalog.to_regclass(%(identity)s) END
    UNION ALL
    SELECT proacl, proowner FROM pg_catalog.pg_proc
    WHERE oid = CASE WHEN %(kind)s IN ('function', 'procedure') THEN pg_catalog.to_regprocedure(%(identity)s) END
    UNION ALL
    SELECT nspacl, nspowner FROM pg_catalog.pg_namespace
    WHERE oid = CASE WHEN %(kind)s = 'schema' THEN pg_catalog.to_regnamespace(%(identity)s) END
) AS o (acl, owner) CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) x WHERE x.grantee <> o.owner
UNION
SELECT a.attname, CASE x.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(x.grantee) END
FROM pg_catalog.pg_attribute a CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) x
WHERE a.attrelid = CASE WHEN %(kind)s = 'table' THEN pg_catalog.to_regclass(%(identity)s) END AND NOT a.attisdropped
ORDER BY 1, 2;

-- name: options
-- Names of a table's storage options.
SELECT split_part(o, '=', 1) FROM pg_catalog.pg_class c, unnest(c.reloptions) o WHERE c.oid = pg_catalog.to_regclass(%(table)s);

-- name: identity
-- A table's identity by its OID.
SELECT format('%%I.%%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = %(table)s;
