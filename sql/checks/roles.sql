-- Tells as whom a chain is to run: as the migrations' usual role, and for what is others', as its owner.

-- name: migrators
-- Roles that are the migrations' usual one, the best first: the tracking table's owner, who runs the migration tool; the
-- database's owner; our own role. Those we may become.
SELECT r.rolname
FROM (SELECT c.relowner, 1 FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%(table)s)
      UNION ALL SELECT d.datdba, 2 FROM pg_catalog.pg_database d WHERE d.datname = current_database()
      UNION ALL SELECT u.oid, 3 FROM pg_catalog.pg_roles u WHERE u.rolname = current_user) AS candidate (role, rank)
JOIN pg_catalog.pg_roles r ON r.oid = candidate.role
WHERE r.rolname <> 'pg_database_owner' AND pg_catalog.pg_has_role(
    r.oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
ORDER BY candidate.rank;

-- name: owners
-- Every role that owns something here; whether it is ours as a member is one who has its rights and may become it; whether
-- it is a superuser. The bootstrap superuser's are looked for in the catalogues themselves: pg_shdepend does not note a
-- pinned role. Extensions' members are left out, extensions are not.
SELECT r.rolname,
       pg_catalog.pg_has_role(r.oid, 'USAGE') AND pg_catalog.pg_has_role(
           r.oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END),
       r.rolsuper
FROM pg_catalog.pg_roles r
WHERE r.rolname <> 'pg_database_owner' AND r.oid IN (
    SELECT d.refobjid FROM pg_catalog.pg_shdepend d
    WHERE d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.deptype = 'o'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                      WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
    UNION ALL
    SELECT o.owner
    FROM (SELECT 'pg_catalog.pg_class'::regclass, oid, relowner, relnamespace FROM pg_catalog.pg_class
          UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, oid, proowner, pronamespace FROM pg_catalog.pg_proc
          UNION ALL SELECT 'pg_catalog.pg_type'::regclass, oid, typowner, typnamespace FROM pg_catalog.pg_type
          UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, oid, oprowner, oprnamespace FROM pg_catalog.pg_operator
          UNION ALL SELECT 'pg_catalog.pg_collation'::regclass, oid, collowner, collnamespace FROM pg_catalog.pg_collation
          UNION ALL SELECT 'pg_catalog.pg_namespace'::regclass, oid, nspowner, oid FROM pg_catalog.pg_namespace
         ) AS o (class, id, owner, namespace)
    JOIN pg_catalog.pg_namespace n ON n.oid = o.namespace
    WHERE o.owner = 10 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      -- Before PostgreSQL 15 every database's public is the bootstrap superuser's, a shadow's too.
      AND NOT (o.id = 2200 AND o.class = 'pg_catalog.pg_namespace'::regclass AND current_setting('server_version_num')::int < 150000)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                      WHERE e.classid = o.class AND e.objid = o.id AND e.deptype = 'e'))
ORDER BY 1;

-- name: settings
-- Settings of a role, which a session has that logs in as it: those in this database go before those everywhere. Not those
-- that the bot sets itself, or that would make it another role.
SELECT DISTINCT ON (1) split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) setting
WHERE s.setrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(role)s)
  AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
  AND split_part(setting, '=', 1) NOT IN ('role', 'session_authorization', 'lock_timeout', 'statement_timeout',
      'idle_in_transaction_session_timeout', 'transaction_timeout', 'default_transaction_read_only')
ORDER BY 1, s.setdatabase DESC;

-- name: objects
-- What belongs to some roles, as ALTER … OWNER wants it named. Left out: extensions and their members; what goes with a whole,
-- as a row type with its table and a sequence with its column. The schema public is there before anything is loaded, so it is
-- named with any owner of its own.
SELECT o.type, o.identity, r.rolname
FROM (SELECT tableoid AS class, oid AS id, relowner AS owner FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      UNION ALL SELECT tableoid, oid, proowner FROM pg_catalog.pg_proc
      UNION ALL SELECT tableoid, oid, typowner FROM pg_catalog.pg_type
      UNION ALL SELECT tableoid, oid, oprowner FROM pg_catalog.pg_operator
      UNION ALL SELECT tableoid, oid, opcowner FROM pg_catalog.pg_opclass
      UNION ALL SELECT tableoid, oid, opfowner FROM pg_catalog.pg_opfamily
      UNION ALL SELECT tableoid, oid, collowner FROM pg_catalog.pg_collation
      UNION ALL SELECT tableoid, oid, conowner FROM pg_catalog.pg_conversion
      UNION ALL SELECT tableoid, oid, cfgowner FROM pg_catalog.pg_ts_config
      UNION ALL SELECT tableoid, oid, dictowner FROM pg_catalog.pg_ts_dict
      UNION ALL SELECT tableoid, oid, stxowner FROM pg_catalog.pg_statistic_ext
      UNION ALL SELECT tableoid, oid, srvowner FROM pg_catalog.pg_foreign_server
      UNION ALL SELECT tableoid, oid, nspowner FROM pg_catalog.pg_namespace
     ) AS owned
JOIN pg_catalog.pg_roles r ON r.oid = owned.owner
CROSS JOIN LATERAL pg_catalog.pg_identify_object(owned.class, owned.id, 0) o
WHERE (r.rolname = ANY (%(owners)s::text[]) OR owned.id = 2200 AND owned.class = 'pg_catalog.pg_namespace'::regclass
       AND r.rolname <> 'pg_database_owner' AND owned.owner <> 10)
  AND (owned.id >= 16384 OR owned.id = 2200 AND owned.class = 'pg_catalog.pg_namespace'::regclass)
  AND coalesce(o.schema, '') !~ '^pg_' AND NOT (o.type = 'schema' AND o.identity ~ '^"?pg_')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = owned.class AND d.objid = owned.id
                    -- A partitioned table is noted as a part of its own columns.
                    AND (d.deptype = 'e' OR d.deptype = 'i' AND d.refobjid <> d.objid OR d.deptype = 'a' AND o.type = 'sequence'))
ORDER BY o.type = 'schema', 1, 2;

-- name: extensions
-- Extensions with their schema and owner, and their version where the server still has it; each after those that it needs.
WITH RECURSIVE need (extension, depth) AS (
    SELECT oid, 0 FROM pg_catalog.pg_extension
    UNION ALL
    SELECT d.objid, need.depth + 1
    FROM need JOIN pg_catalog.pg_depend d ON d.refobjid = need.extension
    WHERE d.classid = 'pg_catalog.pg_extension'::regclass AND d.refclassid = 'pg_catalog.pg_extension'::regclass
)
SELECT x.extname, n.nspname, r.rolname,
       (SELECT v.version FROM pg_catalog.pg_available_extension_versions v WHERE v.name = x.extname AND v.version = x.extversion)
FROM pg_catalog.pg_extension x
JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace
JOIN pg_catalog.pg_roles r ON r.oid = x.extowner
WHERE x.extname <> 'plpgsql'
ORDER BY (SELECT max(depth) FROM need WHERE need.extension = x.oid), 1;

-- name: rights
-- Rights of some roles on this database itself.
SELECT r.rolname, pg_catalog.has_database_privilege(r.oid, d.oid, 'CREATE'), pg_catalog.has_database_privilege(r.oid, d.oid, 'TEMPORARY')
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
WHERE d.datname = current_database() AND r.rolname = ANY (%(roles)s::text[]) AND r.oid <> d.datdba;

-- name: closed_schemas
-- Schemas in which a role of some may not create.
SELECT n.nspname, r.rolname
FROM pg_catalog.pg_namespace n CROSS JOIN pg_catalog.pg_roles r
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND r.rolname = ANY (%(roles)s::text[])
  AND NOT pg_catalog.has_schema_privilege(r.oid, n.oid, 'CREATE');

-- name: ours
-- Number of objects here that belong to a role.
SELECT count(*) FROM pg_catalog.pg_shdepend
WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND deptype = 'o'
  AND refclassid = 'pg_catalog.pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(role)s);
