-- Finds what is in the way of a backup, a restore or a swap. No query here waits for anybody's lock.

-- name: subscriptions
-- Subscriptions made in a database: name, owner, enabled, whether the owner is a superuser. Readable from any database.
SELECT quote_ident(s.subname), quote_ident(r.rolname), s.subenabled, r.rolsuper
FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_roles r ON r.oid = s.subowner
WHERE s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = %(database)s)
ORDER BY 1;

-- name: standbys
-- Standbys that follow the server: neither base backups, nor those that only receive WAL, nor logical replication, whose
-- senders work in a database.
SELECT concat_ws(' at ', coalesce(nullif(r.application_name, ''), 'unnamed'), host(r.client_addr))
FROM pg_catalog.pg_stat_replication r LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = r.pid
WHERE a.datname IS NULL AND r.state IS DISTINCT FROM 'backup'
  AND coalesce(r.application_name, '') NOT IN ('pg_receivewal', 'pg_basebackup')
ORDER BY 1;

-- name: hidden
-- Tables of a dump whose rows policies hide from our role: name, owner, whether row security is forced on us as the owner.
SELECT format('%%I.%%I', n.nspname, c.relname), quote_ident(pg_catalog.pg_get_userbyid(c.relowner)),
       c.relforcerowsecurity AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.relrowsecurity AND n.nspname !~ '^pg_'
  AND pg_catalog.row_security_active(c.oid)
ORDER BY 1;

-- name: forced
-- Tables on whose owner row security is forced.
SELECT format('%%I.%%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.relrowsecurity AND c.relforcerowsecurity AND n.nspname !~ '^pg_'
ORDER BY 1;

-- name: unreadable
-- What a dump reads or locks and our role may not: tables, extensions' tables with rows of the database's own, sequences,
-- large objects.
SELECT concat(CASE c.relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END, format('%%I.%%I', n.nspname, c.relname))
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't'
  AND (EXISTS (SELECT FROM pg_catalog.pg_extension x WHERE c.oid = ANY (x.extconfig))
       OR n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                       WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'))
  AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE')
           AND CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                              ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') END)
UNION ALL
SELECT concat('large object ', l.oid)
FROM pg_catalog.pg_largeobject_metadata l
WHERE NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
  AND NOT pg_catalog.pg_has_role(l.lomowner, 'USAGE')
  AND current_setting('lo_compat_privileges') = 'off'
  AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(l.lomacl) x
                  WHERE x.privilege_type = 'SELECT'
                    AND (x.grantee = 0 OR pg_catalog.pg_has_role(x.grantee, 'USAGE')))
  AND NOT (current_setting('server_version_num')::int >= %(reads_large_objects)s
           AND pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
ORDER BY 1;

-- name: superusers
-- What only a superuser can make, extensions' members left out: kind, identity, whether a restore goes on without it. A
-- backup that has one of the others cannot be loaded.
SELECT o.type, o.identity, made.optional
FROM (SELECT tableoid AS class, oid AS id, true AS optional FROM pg_catalog.pg_event_trigger
      UNION ALL
      SELECT p.tableoid, p.oid, true FROM pg_catalog.pg_publication p
      WHERE p.puballtables
         OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')
                      AND d.refclassid = p.tableoid AND d.refobjid = p.oid)
      UNION ALL
      SELECT p.tableoid, p.oid, false
      FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
      LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
      WHERE p.prokind <> 'a' AND NOT l.lanpltrusted OR p.proleakproof OR a.aggtranstype = 'internal'::regtype
      UNION ALL SELECT tableoid, oid, false FROM pg_catalog.pg_language WHERE NOT lanpltrusted
      UNION ALL SELECT tableoid, oid, false FROM pg_catalog.pg_foreign_data_wrapper
      UNION ALL SELECT tableoid, oid, false FROM pg_catalog.pg_am
      UNION ALL SELECT tableoid, oid, false FROM pg_catalog.pg_opfamily
      UNION ALL SELECT tableoid, oid, false FROM pg_catalog.pg_opclass
      UNION ALL SELECT tableoid, oid, false FROM pg_catalog.pg_ts_parser
      UNION ALL SELECT tableoid, oid, false FROM pg_catalog.pg_ts_template
      UNION ALL
      SELECT t.tableoid, t.oid, false FROM pg_catalog.pg_type t
      WHERE t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
      UNION ALL
      SELECT tableoid, oid, false FROM pg_catalog.pg_cast
      WHERE castmethod = 'b' OR castsource < 16384 AND casttarget < 16384
     ) AS made
CROSS JOIN LATERAL pg_catalog.pg_identify_object(made.class, made.id, 0) o
WHERE made.id >= 16384
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = made.class AND e.objid = made.id AND e.deptype IN ('e', 'i'))
ORDER BY made.optional DESC, 1, 2;

-- name: extensions
-- Extensions that our role cannot create, or that the server no longer has.
SELECT e.extname
FROM pg_catalog.pg_extension e
LEFT JOIN pg_catalog.pg_available_extensions x ON x.name = e.extname
LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = x.name AND v.version = x.default_version
WHERE e.extname <> 'plpgsql' AND (x.name IS NULL OR v.superuser AND NOT v.trusted)
ORDER BY 1;

-- name: present
-- Extensions that a database has.
SELECT extname FROM pg_catalog.pg_extension;

-- name: grantees
-- Roles but the owners to which rights were granted on tables, columns, sequences, functions, schemas or types.
SELECT DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END
FROM (SELECT oid, relowner AS owner, relacl AS acl FROM pg_catalog.pg_class
      UNION ALL
      SELECT c.oid, c.relowner, a.attacl
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL
      UNION ALL SELECT oid, proowner, proacl FROM pg_catalog.pg_proc
      UNION ALL SELECT oid, nspowner, nspacl FROM pg_catalog.pg_namespace
      UNION ALL SELECT oid, typowner, typacl FROM pg_catalog.pg_type
     ) AS held
CROSS JOIN LATERAL pg_catalog.aclexplode(held.acl) x
WHERE held.oid >= 16384 AND x.grantee <> held.owner AND x.grantee <> 0
ORDER BY 1;

-- name: belongings
-- Roles whose rights ours has not, with what they own here: owner, number of objects, the first of them, whether a superuser.
-- Left out: what goes with a whole, what extensions made, and what a restore loses anyway.
SELECT quote_ident(r.rolname), count(*), min(concat(o.type, ' ', o.identity) COLLATE "C"), r.rolsuper
FROM (SELECT tableoid AS class, oid AS id, relowner AS owner FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      UNION ALL SELECT tableoid, oid, proowner FROM pg_catalog.pg_proc
      UNION ALL SELECT tableoid, oid, typowner FROM pg_catalog.pg_type
      UNION ALL SELECT tableoid, oid, oprowner FROM pg_catalog.pg_operator
      UNION ALL SELECT tableoid, oid, collowner FROM pg_catalog.pg_collation
      UNION ALL SELECT tableoid, oid, conowner FROM pg_catalog.pg_conversion
      UNION ALL SELECT tableoid, oid, cfgowner FROM pg_catalog.pg_ts_config
      UNION ALL SELECT tableoid, oid, dictowner FROM pg_catalog.pg_ts_dict
      UNION ALL SELECT tableoid, oid, stxowner FROM pg_catalog.pg_statistic_ext
      UNION ALL SELECT tableoid, oid, srvowner FROM pg_catalog.pg_foreign_server
      UNION ALL SELECT tableoid, oid, nspowner FROM pg_catalog.pg_namespace
      UNION ALL SELECT tableoid, oid, lomowner FROM pg_catalog.pg_largeobject_metadata
      UNION ALL SELECT tableoid, oid, pubowner FROM pg_catalog.pg_publication WHERE NOT puballtables
     ) AS owned
JOIN pg_catalog.pg_roles r ON r.oid = owned.owner
CROSS JOIN LATERAL pg_catalog.pg_identify_object(
    CASE owned.class WHEN 'pg_catalog.pg_largeobject_metadata'::regclass THEN 'pg_catalog.pg_largeobject'::regclass
                     ELSE owned.class END, owned.id, 0) o
WHERE owned.id >= 16384 AND r.rolname <> 'pg_database_owner'
  AND NOT (pg_catalog.pg_has_role(r.oid, 'USAGE') AND pg_catalog.pg_has_role(
      r.oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END))
  AND coalesce(o.schema, '') !~ '^pg_' AND NOT (o.type = 'schema' AND o.identity ~ '^"?pg_')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = owned.class AND d.objid = owned.id
                    -- A partitioned table is noted as a part of its own columns.
                    AND (d.deptype = 'e' OR d.deptype = 'i' AND d.refobjid <> d.objid OR d.deptype = 'a' AND o.type = 'sequence'))
GROUP BY r.rolname, r.rolsuper
ORDER BY 1;

-- name: locks
-- Tables, each of which a dump locks until its end; objects that the server has promised to have room for, over all sessions
-- and prepared transactions, and how many those are; a number for which it has no room, whoever else has how little.
SELECT (SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
       s.each * s.sessions, s.sessions, (s.each * (s.sessions + s.workers) * 1.2)::bigint + 300
FROM (SELECT current_setting('max_locks_per_transaction')::bigint AS each,
             current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint AS sessions,
             current_setting('max_worker_processes')::bigint + current_setting('max_wal_senders')::bigint + 1
             + coalesce(current_setting('autovacuum_worker_slots', true), current_setting('autovacuum_max_workers'))::bigint
             AS workers) s;
