-- What stands in the way of replacing a database's content in place: what would go and could not come again.

-- name: strangers_objects
-- Objects our role does not own and could not give back to their owners; kept extensions and what is theirs left out.
SELECT o.type || ' ' || o.identity || ' of ' || pg_catalog.pg_get_userbyid(held.owner)
FROM (
    SELECT 'pg_catalog.pg_class'::regclass AS class, oid, relowner AS owner, relnamespace AS namespace
    FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, oid, proowner, pronamespace FROM pg_catalog.pg_proc
    UNION ALL SELECT 'pg_catalog.pg_type'::regclass, oid, typowner, typnamespace FROM pg_catalog.pg_type
              WHERE typrelid = 0 OR typrelid IN (SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'c')
    UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, oid, oprowner, oprnamespace FROM pg_catalog.pg_operator
    UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, oid, opfowner, opfnamespace FROM pg_catalog.pg_opfamily
    UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, oid, opcowner, opcnamespace FROM pg_catalog.pg_opclass
    UNION ALL SELECT 'pg_catalog.pg_collation'::regclass, oid, collowner, collnamespace FROM pg_catalog.pg_collation
    UNION ALL SELECT 'pg_catalog.pg_conversion'::regclass, oid, conowner, connamespace FROM pg_catalog.pg_conversion
    UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::regclass, oid, stxowner, stxnamespace FROM pg_catalog.pg_statistic_ext
    UNION ALL SELECT 'pg_catalog.pg_ts_config'::regclass, oid, cfgowner, cfgnamespace FROM pg_catalog.pg_ts_config
    UNION ALL SELECT 'pg_catalog.pg_ts_dict'::regclass, oid, dictowner, dictnamespace FROM pg_catalog.pg_ts_dict
    UNION ALL SELECT 'pg_catalog.pg_namespace'::regclass, oid, nspowner, oid FROM pg_catalog.pg_namespace
              WHERE nspname <> 'public'  -- somebody else's stays as it is
    UNION ALL SELECT 'pg_catalog.pg_language'::regclass, oid, lanowner, NULL FROM pg_catalog.pg_language WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_foreign_server'::regclass, oid, srvowner, NULL FROM pg_catalog.pg_foreign_server
    UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid, fdwowner, NULL
              FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_catalog.pg_publication'::regclass, oid, pubowner, NULL
              FROM pg_catalog.pg_publication WHERE NOT puballtables
) AS held
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = held.namespace
CROSS JOIN LATERAL pg_catalog.pg_identify_object(held.class, held.oid, 0) o
WHERE NOT pg_catalog.pg_has_role(held.owner, 'USAGE')
  AND (n.oid IS NULL OR (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = held.class AND d.objid = held.oid AND d.deptype IN ('e', 'i')
                    AND (d.refclassid, d.refobjid) <> (held.class::oid, held.oid))
ORDER BY 1;

-- name: only_superusers
-- Objects that go with their schema and only a superuser could make again, where our role is none.
SELECT o.type || ' ' || o.identity || ', which only a superuser can make'
FROM (
    SELECT 'pg_catalog.pg_event_trigger'::regclass AS class, oid FROM pg_catalog.pg_event_trigger
    UNION ALL SELECT 'pg_catalog.pg_ts_parser'::regclass, oid FROM pg_catalog.pg_ts_parser WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_ts_template'::regclass, oid FROM pg_catalog.pg_ts_template WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, oid FROM pg_catalog.pg_opclass WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_opfamily'::regclass, oid FROM pg_catalog.pg_opfamily WHERE oid >= 16384
    UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, p.oid
              FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
              WHERE p.oid >= 16384 AND p.prokind <> 'a'
                AND (p.proleakproof OR p.prosupport <> 0
                     OR NOT l.lanpltrusted AND NOT pg_catalog.has_language_privilege(l.oid, 'USAGE'))
    UNION ALL SELECT 'pg_catalog.pg_type'::regclass, oid FROM pg_catalog.pg_type
              WHERE oid >= 16384 AND typtype = 'b' AND typcategory <> 'A'
) AS held
CROSS JOIN LATERAL pg_catalog.pg_identify_object(held.class, held.oid, 0) o
WHERE NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = held.class AND d.objid = held.oid AND d.deptype IN ('e', 'i')
                    AND (d.refclassid, d.refobjid) <> (held.class::oid, held.oid))
ORDER BY 1;

-- name: others_extensions_hold
-- Objects that an extension which stays needs and that would go: it would go with them.
SELECT 'extension ' || x.extname || ' stays and needs ' || o.type || ' ' || o.identity
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_extension x ON d.classid = 'pg_catalog.pg_extension'::regclass AND d.objid = x.oid
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.refclassid, d.refobjid, 0) o
WHERE x.oid = ANY (%(kept)s::oid[]) AND d.refclassid = 'pg_catalog.pg_extension'::regclass
  AND NOT d.refobjid = ANY (%(kept)s::oid[])
ORDER BY 1;

-- name: defaults_of_strangers
-- Default privileges of roles that are not ours.
SELECT DISTINCT 'default privileges of ' || pg_catalog.pg_get_userbyid(defaclrole)
FROM pg_catalog.pg_default_acl WHERE NOT pg_catalog.pg_has_role(defaclrole, 'USAGE') ORDER BY 1;

-- name: large_objects_of_strangers
-- How many large objects are not ours.
SELECT count(*) || ' large objects of ' || pg_catalog.pg_get_userbyid(lomowner)
FROM pg_catalog.pg_largeobject_metadata WHERE NOT pg_catalog.pg_has_role(lomowner, 'USAGE') GROUP BY lomowner ORDER BY 1;

-- name: subscriptions
-- Subscriptions: they write by themselves, and no backup has them.
SELECT 'subscription ' || s.subname || ', which goes on writing and is in no backup'
FROM pg_catalog.pg_subscription s
WHERE s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) ORDER BY 1;

-- name: locks
-- How many locks dropping everything and making it again may take, and how many the server has room for.
-- Every object is locked when it goes, what it hangs on when it comes; counted once and found to be on the safe side.
SELECT 300 + (SELECT count(DISTINCT (classid, objid)) * 3 / 2 FROM pg_catalog.pg_depend WHERE objid >= 16384)
     + (SELECT 4 * count(*) FROM pg_catalog.pg_class WHERE oid >= 16384)
     + (SELECT 2 * count(*) FROM pg_catalog.pg_largeobject_metadata),
       current_setting('max_locks_per_transaction')::bigint
     * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint);

-- name: uncounted_sequences
-- Every sequence's value.
SELECT n.nspname, c.relname, pg_catalog.pg_sequence_last_value(c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' ORDER BY 1, 2;

-- name: uncounted_large_objects
-- Every large object: number, owner, its first 8 MB's digest, whether there is more.
SELECT o.oid::bigint, o.lomowner::bigint, encode(sha256(o.head), 'hex'), length(o.head) = 8388608
FROM (SELECT oid, lomowner, pg_catalog.lo_get(oid, 0, 8388608) AS head FROM pg_catalog.pg_largeobject_metadata
      OFFSET 0) o
ORDER BY 1;

-- name: large_object_part
-- Another part of a large object: its digest, whether there is more.
SELECT encode(sha256(p.part), 'hex'), length(p.part) = 8388608
FROM (SELECT pg_catalog.lo_get(%(oid)s::oid, %(offset)s, 8388608) AS part OFFSET 0) p;

-- name: outcome
-- What became of a transaction.
SELECT pg_catalog.pg_xact_status(%(transaction)s::text::xid8);
