-- Describes the live database for its shadow.

-- name: locale
-- The live database's encoding and locale; names of the locale's own columns differ over versions.
SELECT pg_catalog.pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype,
       to_jsonb(d) ->> 'datlocprovider' AS provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale,
       to_jsonb(d) ->> 'daticurules' AS rules,
       CASE WHEN t.spcname <> 'pg_default' AND pg_catalog.has_tablespace_privilege(t.oid, 'CREATE') THEN t.spcname END
           AS tablespace
FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
WHERE d.datname = %(database)s;

-- name: settings
-- Settings of the database, and of our role in it, which our sessions in the shadow must have too.
SELECT split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) setting
WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND s.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))
ORDER BY s.setrole;

-- name: owner
-- The role that a shadow is to belong to: the live database's owner, or ours where we may not become that.
SELECT CASE WHEN pg_catalog.pg_has_role(
           d.datdba, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
       THEN pg_catalog.pg_get_userbyid(d.datdba) ELSE current_user END
FROM pg_catalog.pg_database d WHERE d.datname = current_database();

-- name: unreadable
-- Tables that our role may not read, each with its schema where it may not look into that either.
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       CASE WHEN NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') THEN quote_ident(n.nspname) END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT (pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1;

-- name: unmakeable
-- Extensions that our role cannot create in another database: only a superuser can, or the server has them no more.
SELECT x.extname
FROM pg_catalog.pg_extension x
WHERE NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_available_extension_versions v
                  WHERE v.name = x.extname AND (v.trusted OR NOT v.superuser))
ORDER BY 1;

-- name: omitted
-- What hangs on such extensions: catalogue, OID, kind, identity, extension. Not their own members, nor what is a part of one:
-- a view's rule is no member itself. What a dump writes within a table or a view (a default, a check, the query) takes it along.
WITH RECURSIVE part (classid, objid, extension) AS (
    SELECT d.classid, d.objid, x.extname
    FROM pg_catalog.pg_extension x
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = x.oid AND d.deptype = 'e'
    WHERE x.extname = ANY (%(extensions)s::name[])
    UNION
    SELECT d.classid, d.objid, part.extension
    FROM part JOIN pg_catalog.pg_depend d ON d.refclassid = part.classid AND d.refobjid = part.objid
    WHERE d.deptype IN ('i', 'a')
), hanging (classid, objid, extension) AS (
    SELECT d.classid, d.objid, x.extname
    FROM pg_catalog.pg_extension x
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = x.oid AND d.deptype <> 'e'
    WHERE x.extname = ANY (%(extensions)s::name[]) AND d.classid <> 'pg_catalog.pg_extension'::regclass
    UNION
    SELECT d.classid, d.objid, part.extension
    FROM part JOIN pg_catalog.pg_depend d ON d.refclassid = part.classid AND d.refobjid = part.objid
    WHERE d.deptype <> 'e' AND NOT EXISTS (SELECT FROM part p WHERE p.classid = d.classid AND p.objid = d.objid)
    UNION
    SELECT further.classid, further.objid, hanging.extension
    FROM hanging CROSS JOIN LATERAL (
        SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
        WHERE d.refclassid = hanging.classid AND d.refobjid = hanging.objid AND d.deptype <> 'e'
        UNION ALL
        SELECT 'pg_catalog.pg_class'::regclass, adrelid FROM pg_catalog.pg_attrdef
        WHERE hanging.classid = 'pg_catalog.pg_attrdef'::regclass AND oid = hanging.objid
        UNION ALL
        SELECT 'pg_catalog.pg_class'::regclass, ev_class FROM pg_catalog.pg_rewrite
        WHERE hanging.classid = 'pg_catalog.pg_rewrite'::regclass AND oid = hanging.objid AND rulename = '_RETURN'
        UNION ALL
        SELECT CASE WHEN conrelid <> 0 THEN 'pg_catalog.pg_class'::regclass ELSE 'pg_catalog.pg_type'::regclass END,
               CASE WHEN conrelid <> 0 THEN conrelid ELSE contypid END
        FROM pg_catalog.pg_constraint
        WHERE hanging.classid = 'pg_catalog.pg_constraint'::regclass AND oid = hanging.objid AND contype = 'c'
    ) AS further (classid, objid)
    WHERE NOT EXISTS (SELECT FROM part p WHERE p.classid = further.classid AND p.objid = further.objid)
)
SELECT hanging.classid::bigint, hanging.objid::bigint, o.type, o.identity, min(hanging.extension::text)
FROM hanging CROSS JOIN LATERAL pg_catalog.pg_identify_object(hanging.classid, hanging.objid, 0) o
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = hanging.classid AND e.objid = hanging.objid AND e.deptype = 'e')
GROUP BY 1, 2, 3, 4
ORDER BY 3, 4;

-- name: foundations
-- What some objects depend on beside each other.
SELECT DISTINCT o.type, o.identity
FROM unnest(%(classes)s::oid[], %(objects)s::oid[]) AS omitted (classid, objid)
JOIN pg_catalog.pg_depend d ON d.classid = omitted.classid AND d.objid = omitted.objid AND d.refobjid >= 16384
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) o
WHERE d.deptype <> 'e'
  AND NOT EXISTS (SELECT FROM unnest(%(classes)s::oid[], %(objects)s::oid[]) AS other (classid, objid)
                  WHERE other.classid = d.refclassid AND other.objid = d.refobjid);

-- name: copied_columns
-- Columns of the tracking table that a COPY can fill.
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = pg_catalog.to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum;

-- name: leftovers
-- Shadows nobody is connected to, with the comment that says when they were made.
SELECT d.datname, pg_catalog.shobj_description(d.oid, 'pg_database')
FROM pg_catalog.pg_database d
WHERE starts_with(d.datname, %(prefix)s) AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid AND a.backend_type = 'client backend');
