-- Every user object, as (kind, identity, part of, owner, definition), and where there are such: its number, what its data is
-- kept as, and the columns of its relation that it goes with by itself; see bot.domain.catalogue.DatabaseObject.
-- Set-based: one pass per catalogue, whatever the number of objects.
-- Kinds and identities are those of pg_identify_object. Definitions name no OID and survive a dump and restore: columns are
-- numbered without the dropped ones, ACLs are spelled out with the owner as «owner» and without what others grant our own role,
-- which owns everything in a copy. A function's text and comments stand under the key "as is": they are no expressions, which
-- are compared in one form (bot.adapters.database.catalogue). Left out: extensions' members, what only a superuser can make (event triggers, publications, untrusted extensions), NOT NULL constraints' names, statistics.

-- name: schemas
-- Schemas, the system's left out.
SELECT 'schema', quote_ident(n.nspname), '', pg_get_userbyid(n.nspowner),
       json_build_array(json_build_object('as is', obj_description(n.oid, 'pg_namespace')), (
           SELECT string_agg(item, ',' ORDER BY item COLLATE "C")
           FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN n.nspowner THEN '«owner»'
                               ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                 FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
                 WHERE x.grantee IN (n.nspowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))::text
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e');

-- name: relations
-- Tables, partitions, views, materialized views, foreign tables, composite types.
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                      WHEN 'c' THEN 'composite type' ELSE 'table' END,
       format('%I.%I', n.nspname, c.relname), '', pg_get_userbyid(c.relowner),
       json_build_array(c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
           (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(c.reloptions) o), -- a dump writes them in another order
           CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
           CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
           CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END,
           (SELECT json_agg(format('%I.%I', pn.nspname, p.relname) ORDER BY i.inhseqno)
            FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
            WHERE i.inhrelid = c.oid),
           CASE WHEN c.relkind IN ('v', 'm', 'c') THEN (
               SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), json_build_object('as is', col_description(c.oid, a.attnum)))
                               ORDER BY a.attnum)
               FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END,
           CASE WHEN c.relkind = 'f' THEN (
               SELECT json_build_array(s.srvname, f.ftoptions)
               FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid) END,
           json_build_object('as is', obj_description(c.oid, 'pg_class')),
           CASE WHEN c.relkind <> 'c' THEN (
               SELECT string_agg(item, ',' ORDER BY item COLLATE "C")
               FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN c.relowner THEN '«owner»'
                                   ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                     FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x
                 WHERE x.grantee IN (c.relowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl) END)::text,
       CASE WHEN c.relkind IN ('r', 'p', 'm') THEN c.oid::text END, CASE WHEN c.relkind = 'r' THEN c.relfilenode::text END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: columns
-- Columns of tables, numbered as they are seen.
SELECT CASE c.relkind WHEN 'f' THEN 'foreign table column' ELSE 'table column' END,
       format('%I.%I.%I', n.nspname, c.relname, a.attname), format('%I.%I', n.nspname, c.relname), '',
       json_build_array(row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod),
           a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid),
           CASE WHEN a.attcollation <> t.typcollation THEN (SELECT collname FROM pg_collation WHERE oid = a.attcollation) END,
           CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END, a.attcompression,
           nullif(a.attstattarget, -1), a.attoptions, a.attfdwoptions, json_build_object('as is', col_description(c.oid, a.attnum)),
           (SELECT string_agg(item, ',' ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN c.relowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(a.attacl) x
                 WHERE x.grantee IN (c.relowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))::text,
       CASE WHEN c.relkind <> 'f' THEN format('%s.%s', c.oid, a.attnum) END, format_type(a.atttypid, a.atttypmod)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: table_constraints
-- Keys, checks, foreign keys and exclusions. NOT NULL is the column's, whatever its constraint is called.
SELECT 'table constraint', format('%I on %I.%I', k.conname, n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), '',
       json_build_array(pg_get_constraintdef(k.oid), json_build_object('as is', obj_description(k.oid, 'pg_constraint')))::text, NULL, NULL,
       (SELECT array_agg(quote_ident(a.attname))
        FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
          AND d.deptype IN ('a', 'i'))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: indexes
-- Indexes. An invalid one is in no dump, hence not here either.
SELECT 'index', format('%I.%I', n.nspname, i.relname), format('%I.%I', n.nspname, c.relname), '',
       json_build_array(pg_get_indexdef(i.oid), x.indisclustered, x.indisreplident, json_build_object('as is', obj_description(i.oid, 'pg_class')))::text, NULL, NULL,
       (SELECT array_agg(quote_ident(a.attname)) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND (a.attnum = ANY (x.indkey) OR EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.oid
              AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'a')))
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND (x.indisvalid OR i.relkind = 'I')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: sequences
-- Sequences, without their values; those of a column go with its table.
SELECT 'sequence', format('%I.%I', n.nspname, c.relname), CASE WHEN t.oid IS NULL THEN '' ELSE format('%I.%I', tn.nspname, t.relname) END,
       pg_get_userbyid(c.relowner),
       json_build_array(format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle,
           c.relpersistence, d.deptype, a.attname, json_build_object('as is', obj_description(c.oid, 'pg_class')),
           (SELECT string_agg(item, ',' ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN c.relowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(coalesce(c.relacl, acldefault('s', c.relowner))) x
                 WHERE x.grantee IN (c.relowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))::text,
       c.oid::text, NULL, CASE WHEN a.attname IS NOT NULL THEN ARRAY[quote_ident(a.attname)] END
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (pg_depend d JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
           JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid)
    ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
   AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: functions
-- Functions, procedures and aggregates.
SELECT o.type, o.identity, '', pg_get_userbyid(p.proowner),
       json_build_array(CASE WHEN p.prokind = 'a' THEN NULL WHEN p.prosrc = '' THEN to_json(pg_get_functiondef(p.oid))
                ELSE json_build_object('as is', pg_get_functiondef(p.oid)) END,
           (SELECT json_build_array(g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggkind, format_type(g.aggtranstype, NULL),
                                    g.agginitval) FROM pg_aggregate g WHERE g.aggfnoid = p.oid),
           json_build_object('as is', obj_description(p.oid, 'pg_proc')),
           (SELECT string_agg(item, ',' ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN p.proowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
                 WHERE x.grantee IN (p.proowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))::text,
       NULL, CASE p.provolatile WHEN 'v' THEN 'volatile' END
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL pg_identify_object('pg_proc'::regclass, p.oid, 0) o
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e');

-- name: triggers
-- Triggers, the constraints' own left out.
SELECT 'trigger', format('%I on %I.%I', t.tgname, n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), '',
       json_build_array(pg_get_triggerdef(t.oid), t.tgenabled, json_build_object('as is', obj_description(t.oid, 'pg_trigger')))::text,
       NULL, CASE WHEN t.tgtype & 1 = 1 AND t.tgenabled <> 'D' THEN 'row' END
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- name: rules
-- Rules, the views' own left out.
SELECT 'rule', format('%I on %I.%I', r.rulename, n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), '',
       json_build_array(pg_get_ruledef(r.oid), r.ev_enabled, json_build_object('as is', obj_description(r.oid, 'pg_rewrite')))::text
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: policies
-- Row-level security policies.
SELECT 'policy', format('%I on %I.%I', p.polname, n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), '',
       json_build_array(p.polcmd, p.polpermissive,
           (SELECT json_agg(name ORDER BY name COLLATE "C")
            FROM (SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(role)::text END AS name
                  FROM unnest(p.polroles) role) roles),
           pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), json_build_object('as is', obj_description(p.oid, 'pg_policy')))::text
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace;

-- name: types
-- Enums, domains and ranges; a table's row type is the table's.
SELECT o.type, o.identity, '', pg_get_userbyid(t.typowner),
       json_build_array(t.typtype, format_type(nullif(t.typbasetype, 0), t.typtypmod), t.typnotnull, t.typdefault,
           (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
           (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid),
           (SELECT json_agg(json_build_array(k.conname, pg_get_constraintdef(k.oid)) ORDER BY k.conname COLLATE "C")
            FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'),
           json_build_object('as is', obj_description(t.oid, 'pg_type')),
           (SELECT string_agg(item, ',' ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN t.typowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) x
                 WHERE x.grantee IN (t.typowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))::text
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
CROSS JOIN LATERAL pg_identify_object('pg_type'::regclass, t.oid, 0) o
WHERE t.typtype IN ('e', 'd', 'r', 'b') AND t.typelem = 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e');

-- name: statistics_objects
-- Extended statistics.
SELECT 'statistics object', format('%I.%I', n.nspname, s.stxname), format('%I.%I', cn.nspname, c.relname),
       pg_get_userbyid(s.stxowner),
       json_build_array(pg_get_statisticsobjdef(s.oid), json_build_object('as is', obj_description(s.oid, 'pg_statistic_ext')))::text, NULL, NULL,
       (SELECT array_agg(quote_ident(a.attname))
        FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.stxrelid
          AND d.deptype IN ('a', 'i'))
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
JOIN pg_class c ON c.oid = s.stxrelid
JOIN pg_namespace cn ON cn.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- name: extensions
-- Extensions our role can make. The others no chain of ours can drop, and no shadow of ours can have.
SELECT 'extension', quote_ident(x.extname), '', '', json_build_array(x.extversion, quote_ident(n.nspname))::text
FROM pg_extension x
JOIN pg_namespace n ON n.oid = x.extnamespace
JOIN pg_available_extension_versions v ON v.name = x.extname AND v.version = x.extversion
WHERE v.trusted OR NOT v.superuser OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);

-- name: default_acls
-- Default privileges of roles that are ours.
SELECT o.type, o.identity, '', '',
       (SELECT string_agg(item, ',' ORDER BY item COLLATE "C")
        FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, '=',
                            x.privilege_type, x.is_grantable) AS item FROM aclexplode(d.defaclacl) x) acl)
FROM pg_default_acl d CROSS JOIN LATERAL pg_identify_object('pg_default_acl'::regclass, d.oid, 0) o
WHERE pg_has_role(d.defaclrole, 'USAGE');

-- name: others
-- Rare objects, by identity alone: operators, casts, collations, text search, foreign servers.
SELECT o.type, o.identity, '', '', o.identity
FROM (SELECT tableoid, oid FROM pg_operator UNION ALL SELECT tableoid, oid FROM pg_opclass
      UNION ALL SELECT tableoid, oid FROM pg_opfamily UNION ALL SELECT tableoid, oid FROM pg_cast
      UNION ALL SELECT tableoid, oid FROM pg_collation UNION ALL SELECT tableoid, oid FROM pg_conversion
      UNION ALL SELECT tableoid, oid FROM pg_ts_config UNION ALL SELECT tableoid, oid FROM pg_ts_dict
      UNION ALL SELECT tableoid, oid FROM pg_foreign_server UNION ALL SELECT tableoid, oid FROM pg_foreign_data_wrapper
      UNION ALL SELECT tableoid, oid FROM pg_language) x
CROSS JOIN LATERAL pg_identify_object(x.tableoid, x.oid, 0) o
WHERE x.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = x.tableoid AND e.objid = x.oid AND e.deptype = 'e');
