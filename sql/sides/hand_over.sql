-- Reads who owns what in a database, and what has been granted in it. Sessions that run these have no search path.

-- name: owned
-- Every object with an owner of its own: kind and identity as in pg_identify_object, owner. Left out: what an extension
-- made, and sequences that go with a column. Large objects have their number as identity: there may be very many.
SELECT o.type, o.identity, pg_catalog.pg_get_userbyid(s.refobjid)
FROM pg_catalog.pg_shdepend s
JOIN pg_catalog.pg_database d ON d.oid = s.dbid AND d.datname = pg_catalog.current_database()
CROSS JOIN LATERAL pg_catalog.pg_identify_object(s.classid, s.objid, 0) o
WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.deptype = 'o'
  AND s.classid <> 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND o.type NOT IN ('default acl', 'schema', 'extension', 'index', 'toast table') AND o.schema IS DISTINCT FROM 'pg_temp'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = s.classid AND e.objid = s.objid
                    AND (e.deptype = 'e'
                         OR o.type = 'sequence' AND e.refobjsubid > 0 AND e.deptype IN ('a', 'i')
                            AND e.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass))
UNION ALL
SELECT 'large object', oid::pg_catalog.text, pg_catalog.pg_get_userbyid(lomowner) FROM pg_catalog.pg_largeobject_metadata
UNION ALL
SELECT 'schema', pg_catalog.quote_ident(n.nspname), pg_catalog.pg_get_userbyid(n.nspowner)
FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND e.objid = n.oid AND e.deptype = 'e');

-- name: granted
-- Objects of the loader on which something was granted: nothing that it has loaded says so. A new schema public comes
-- with the owner's own rights and PUBLIC's.
WITH loader AS (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(loader)s),
held AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS class, c.oid, 0 AS part, c.relowner AS owner, c.relacl AS acl
    FROM pg_catalog.pg_class c
    UNION ALL
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, a.attnum, c.relowner, a.attacl
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, 0, proowner, proacl FROM pg_catalog.pg_proc
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, 0, typowner, typacl FROM pg_catalog.pg_type
    UNION ALL
    SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, 0, nspowner, nspacl FROM pg_catalog.pg_namespace
    WHERE nspname <> 'public'
    UNION ALL
    SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid, 0, n.nspowner, n.nspacl FROM pg_catalog.pg_namespace n
    WHERE n.nspname = 'public' AND EXISTS (
        SELECT FROM pg_catalog.aclexplode(n.nspacl) x
        WHERE x.grantee NOT IN (0, n.nspowner) OR x.grantee = 0 AND x.privilege_type <> 'USAGE')
    UNION ALL
    SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, oid, 0, lanowner, lanacl FROM pg_catalog.pg_language
    UNION ALL
    SELECT 'pg_catalog.pg_largeobject'::pg_catalog.regclass, oid, 0, lomowner, lomacl FROM pg_catalog.pg_largeobject_metadata
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, 0, srvowner, srvacl FROM pg_catalog.pg_foreign_server
    UNION ALL
    SELECT 'pg_catalog.pg_default_acl'::pg_catalog.regclass, oid, 0, defaclrole, defaclacl FROM pg_catalog.pg_default_acl)
SELECT pg_catalog.pg_describe_object(h.class, h.oid, h.part)
FROM held h JOIN loader l ON l.oid = h.owner
WHERE h.acl IS NOT NULL
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = h.class AND e.objid = h.oid AND e.deptype = 'e')
ORDER BY 1 LIMIT 3;

-- name: let_in
-- Objects of others in which the loader was let in before the load.
SELECT CASE o.type WHEN 'schema' THEN 'SCHEMA' WHEN 'sequence' THEN 'SEQUENCE' ELSE 'TABLE' END, o.identity
FROM pg_catalog.pg_shdepend s
JOIN pg_catalog.pg_database d ON d.oid = s.dbid AND d.datname = pg_catalog.current_database()
JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid AND r.rolname = %(loader)s
CROSS JOIN LATERAL pg_catalog.pg_identify_object(s.classid, s.objid, 0) o
WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.deptype = 'a'
  AND o.type IN ('schema', 'sequence', 'table', 'view', 'materialized view', 'foreign table');

-- name: roles
-- Roles that our role may make an owner: it must be able to act as them.
SELECT rolname FROM pg_catalog.pg_roles
WHERE CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 160000 THEN pg_catalog.pg_has_role(oid, 'SET')
           ELSE pg_catalog.pg_has_role(oid, 'MEMBER') END;

-- name: schemas
-- Schemas of ours that a role of some does not own, with that role. What others' may be granted to whom is for them to say.
SELECT n.nspname, r.rolname
FROM pg_catalog.pg_namespace n CROSS JOIN pg_catalog.pg_roles r
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')
  AND r.rolname = ANY (%(roles)s::pg_catalog.text[]) AND r.oid <> n.nspowner;

-- name: template_schemas
-- Schemas of a new database, and whether our role may give them away.
SELECT nspname, pg_catalog.pg_has_role(nspowner, 'USAGE') FROM pg_catalog.pg_namespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema';

-- name: database_owner
-- Owner of a database.
SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE datname = %(database)s;

-- name: end_sessions
-- End a role's sessions in this database.
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND usename = %(loader)s;
