-- What a database holds beyond an empty one, for emptying it within a transaction. Kept are extensions our role could not
-- make again, with the schemas they are in, and what only a superuser may drop.

-- name: kept_extensions
-- Extensions that stay: the system's own, others', and those only a superuser can make.
SELECT x.oid, x.extname
FROM pg_catalog.pg_extension x
LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = x.extname AND v.version = x.extversion
WHERE x.oid < 16384 OR NOT pg_catalog.pg_has_role(x.extowner, 'USAGE') OR v.name IS NULL
   OR (v.superuser AND NOT v.trusted AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user))
ORDER BY x.extname;

-- name: own_extensions
-- Extensions that go and come again.
SELECT x.extname FROM pg_catalog.pg_extension x WHERE NOT x.oid = ANY (%(kept)s::oid[]) ORDER BY x.extname;

-- name: kept_configuration
-- Where extensions that stay keep rows of the database's own: schema, name, whether it is a sequence, which rows (a WHERE
-- clause; "" means all), whether our role may take them away and put others there.
SELECT n.nspname, c.relname, c.relkind = 'S', coalesce(kept.condition, ''),
       CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'UPDATE')
                      ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
                       AND pg_catalog.has_table_privilege(c.oid, 'DELETE') END
FROM pg_catalog.pg_extension x
CROSS JOIN LATERAL unnest(x.extconfig, x.extcondition) AS kept (oid, condition)
JOIN pg_catalog.pg_class c ON c.oid = kept.oid AND c.relkind IN ('r', 'S')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE x.oid = ANY (%(kept)s::oid[])
ORDER BY 1, 2;

-- name: kept_privileges
-- How a dump's list of contents begins what is granted on objects of extensions that stay: they stay as they are.
SELECT format('ACL %%s %%s ', n.nspname, member.tag)
FROM pg_catalog.pg_depend d
CROSS JOIN LATERAL (
    SELECT c.relnamespace, CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.relname
    FROM pg_catalog.pg_class c WHERE d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid
    UNION ALL SELECT c.relnamespace, format('COLUMN %%s.%%s', c.relname, a.attname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid
    UNION ALL SELECT p.pronamespace, format('%%s %%s(%%s)', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE'
                                            ELSE 'FUNCTION' END, p.proname, pg_catalog.oidvectortypes(p.proargtypes))
    FROM pg_catalog.pg_proc p WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND p.oid = d.objid
) AS member (namespace, tag)
JOIN pg_catalog.pg_namespace n ON n.oid = member.namespace
WHERE d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = ANY (%(kept)s::oid[]);

-- name: schemas
-- Schemas but those that extensions that go have made, and take with them: name, whether it stays because it is public or
-- a kept extension is in it, and whether it is ours. A schema that an extension has made is not.
SELECT n.nspname,
       n.nspname = 'public' OR EXISTS (
           SELECT FROM pg_catalog.pg_extension x WHERE x.oid = ANY (%(kept)s::oid[]) AND x.extnamespace = n.oid)
       OR EXISTS (
           SELECT FROM pg_catalog.pg_depend e
           JOIN pg_catalog.pg_depend i ON i.classid = e.classid AND i.objid = e.objid
            AND i.refclassid = 'pg_catalog.pg_namespace'::regclass AND i.refobjid = n.oid
           WHERE e.deptype = 'e' AND e.refclassid = 'pg_catalog.pg_extension'::regclass
             AND e.refobjid = ANY (%(kept)s::oid[]))
       OR made.extension IS NOT NULL,
       pg_catalog.pg_has_role(n.nspowner, 'USAGE') AND made.extension IS NULL
FROM pg_catalog.pg_namespace n
LEFT JOIN (SELECT objid, refobjid AS extension FROM pg_catalog.pg_depend
           WHERE classid = 'pg_catalog.pg_namespace'::regclass AND deptype = 'e') AS made ON made.objid = n.oid
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (made.extension IS NULL OR made.extension = ANY (%(kept)s::oid[]))
ORDER BY n.nspname;

-- name: objects_within
-- What is in some schemas and no extension's, as DROP takes it: kind, identity. What belongs to another object goes with it.
-- An aggregate's identity lacks the * and the ORDER BY that DROP AGGREGATE asks for; DROP ROUTINE needs neither.
SELECT CASE WHEN o.type = 'statistics object' THEN 'STATISTICS'
            WHEN o.type IN ('function', 'procedure', 'aggregate') THEN 'ROUTINE' ELSE upper(o.type) END,
       o.identity
FROM (
    SELECT 'pg_catalog.pg_class'::regclass AS class, c.oid, c.relnamespace AS namespace, c.relkind <> 'r' AS later
    FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, oid, pronamespace, true FROM pg_catalog.pg_proc
    UNION ALL SELECT 'pg_catalog.pg_type'::regclass, oid, typnamespace, true FROM pg_catalog.pg_type
              WHERE typtype IN ('b', 'd', 'e', 'r') AND typcategory <> 'A'
                 OR typrelid IN (SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'c')
    UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, oid, oprnamespace, true FROM pg_catalog.pg_operator
    UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, oid, opfnamespace, true FROM pg_catalog.pg_opfamily
    UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, oid, opcnamespace, true FROM pg_catalog.pg_opclass
    UNION ALL SELECT 'pg_catalog.pg_collation'::regclass, oid, collnamespace, true FROM pg_catalog.pg_collation
    UNION ALL SELECT 'pg_catalog.pg_conversion'::regclass, oid, connamespace, true FROM pg_catalog.pg_conversion
    UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::regclass, oid, stxnamespace, true FROM pg_catalog.pg_statistic_ext
    UNION ALL SELECT 'pg_catalog.pg_ts_config'::regclass, oid, cfgnamespace, true FROM pg_catalog.pg_ts_config
    UNION ALL SELECT 'pg_catalog.pg_ts_dict'::regclass, oid, dictnamespace, true FROM pg_catalog.pg_ts_dict
    UNION ALL SELECT 'pg_catalog.pg_ts_parser'::regclass, oid, prsnamespace, true FROM pg_catalog.pg_ts_parser
    UNION ALL SELECT 'pg_catalog.pg_ts_template'::regclass, oid, tmplnamespace, true FROM pg_catalog.pg_ts_template
) AS held
JOIN pg_catalog.pg_namespace n ON n.oid = held.namespace
CROSS JOIN LATERAL pg_catalog.pg_identify_object(held.class, held.oid, 0) o
WHERE n.nspname = ANY (%(schemas)s::text[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d  -- a partitioned table depends on its own key's columns
                  WHERE d.classid = held.class AND d.objid = held.oid AND d.deptype IN ('e', 'i')
                    AND (d.refclassid, d.refobjid) <> (held.class::oid, held.oid))
ORDER BY held.later, held.oid;

-- name: objects_without_schema
-- What is in no schema, ours, and no extension's: kind, identity.
SELECT upper(o.type), o.identity
FROM (
    SELECT 'pg_catalog.pg_foreign_server'::regclass AS class, oid, srvowner AS owner FROM pg_catalog.pg_foreign_server
    UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid, fdwowner FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_catalog.pg_language'::regclass, oid, lanowner FROM pg_catalog.pg_language WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_cast'::regclass, oid, NULL FROM pg_catalog.pg_cast WHERE oid >= 16384
) AS held
CROSS JOIN LATERAL pg_catalog.pg_identify_object(held.class, held.oid, 0) o
WHERE (held.owner IS NULL OR pg_catalog.pg_has_role(held.owner, 'USAGE'))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = held.class AND d.objid = held.oid AND d.deptype IN ('e', 'i'));

-- name: event_triggers
-- Event triggers; where there are any, we are a superuser.
SELECT t.evtname FROM pg_catalog.pg_event_trigger t
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_event_trigger'::regclass
                  AND d.objid = t.oid AND d.deptype = 'e');

-- name: publications
-- Publications: name, and whether it is ours.
SELECT pubname, pg_catalog.pg_has_role(pubowner, 'USAGE') FROM pg_catalog.pg_publication ORDER BY pubname;

-- name: large_objects
-- Take every large object away.
SELECT count(pg_catalog.lo_unlink(oid)) FROM pg_catalog.pg_largeobject_metadata;

-- name: default_privileges
-- What ALTER DEFAULT PRIVILEGES has left: role, schema ("" is none), what on, to whom (NULL is PUBLIC).
SELECT DISTINCT pg_catalog.pg_get_userbyid(a.defaclrole), coalesce(n.nspname, ''),
       CASE a.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
                            WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END,
       CASE x.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(x.grantee) END
FROM pg_catalog.pg_default_acl a
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = a.defaclnamespace
LEFT JOIN LATERAL pg_catalog.aclexplode(a.defaclacl) x ON true
ORDER BY 1, 2, 3, 4;

-- name: schema_grants
-- To whom something on a schema is granted (NULL is PUBLIC), and who owns it.
SELECT CASE x.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(x.grantee) END, pg_catalog.pg_get_userbyid(n.nspowner)
FROM pg_catalog.pg_namespace n
CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) x
WHERE n.nspname = %(schema)s;

-- name: left
-- What is still there and should not be: a few, as a sentence's words.
SELECT c.oid::regclass::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
LIMIT 5;
