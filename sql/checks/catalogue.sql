-- Every user object, as (kind, identity, part of, owner, properties, number, what its data is kept as, columns of its relation that it
-- goes with by itself, OID, own name, row version); see bot.domain.catalogue.DatabaseObject.
-- Set-based: one pass per catalogue, whatever the number of objects.
-- Kinds and identities are those of pg_identify_object. Properties are a JSON object under words that people read. They name no OID and
-- survive a dump and restore: columns are numbered without the dropped ones, ACLs are spelled out with the owner as «owner» and without
-- what others grant our own role, which owns everything in a copy. Texts are expressions, which are compared in one form
-- (bot.adapters.database.catalogue), but for comments, bodies and what stands in an object of its own.
-- The own name has its schema's OID in front: it stays when the schema, or the table it is a part of, gets another name.
-- The row version is that of the row which holds the expressions: it stays when only a name in them has changed.
-- Left out: extensions' members, NOT NULL constraints' names, planner's statistics, values of sequences.

-- name: schemas
-- Schemas, the system's left out.
SELECT 'schema', quote_ident(n.nspname), '', pg_get_userbyid(n.nspowner),
       json_build_object('comment', obj_description(n.oid, 'pg_namespace'), 'grants',
           (SELECT json_agg(item ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN n.nspowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
                  WHERE x.grantee IN (n.nspowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))::text,
       NULL, NULL, NULL, concat('schema ', n.oid), n.nspname, n.xmin::text
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e');

-- name: relations
-- Tables, partitions, views, materialized views, foreign tables, composite types.
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                      WHEN 'c' THEN 'composite type' ELSE 'table' END,
       format('%I.%I', n.nspname, c.relname), '', pg_get_userbyid(c.relowner),
       json_build_object('relation kind', c.relkind, 'persistence', c.relpersistence,
           'row security', c.relrowsecurity, 'forced row security', c.relforcerowsecurity, 'replica identity', c.relreplident,
           'access method', (SELECT amname FROM pg_am WHERE pg_am.oid = c.relam),
           'of type', CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
           'options', (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(c.reloptions) o), -- a dump writes them in another order
           'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
           'partition key', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
           'partition bound', CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END,
           'parents', (SELECT json_agg(format('%I.%I', pn.nspname, p.relname) ORDER BY i.inhseqno)
            FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
            WHERE i.inhrelid = c.oid),
           'columns', CASE WHEN c.relkind IN ('v', 'm', 'c') THEN (
               SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod),
                                   CASE WHEN a.atthasdef THEN (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = c.oid AND d.adnum = a.attnum) END,
                                   CASE WHEN a.attcollation <> t.typcollation THEN (SELECT collname FROM pg_collation WHERE oid = a.attcollation) END,
                                   json_build_object('comment', col_description(c.oid, a.attnum)), (SELECT json_agg(item ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN c.relowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(a.attacl) x
                  WHERE x.grantee IN (c.relowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))
                               ORDER BY a.attnum)
               FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END,
           'foreign table', CASE WHEN c.relkind = 'f' THEN (
               SELECT json_build_array(s.srvname, f.ftoptions)
               FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid) END,
           'comment', obj_description(c.oid, 'pg_class'),
           'grants', CASE WHEN c.relkind <> 'c' THEN (SELECT json_agg(item ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN c.relowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x
                  WHERE x.grantee IN (c.relowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl) END)::text,
       CASE WHEN c.relkind IN ('r', 'p', 'm') THEN c.oid::text END, CASE WHEN c.relkind = 'r' THEN c.relfilenode::text END, NULL,
       c.oid::text, concat(c.relnamespace, '.', c.relname),
       CASE WHEN c.relkind IN ('v', 'm', 'c') THEN concat((SELECT r.xmin FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename = '_RETURN'), ' ',
           (SELECT string_agg(a.xmin::text, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)) ELSE c.xmin::text END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: columns
-- Columns of tables, numbered as they are seen.
SELECT CASE c.relkind WHEN 'f' THEN 'foreign table column' ELSE 'table column' END,
       format('%I.%I.%I', n.nspname, c.relname, a.attname), format('%I.%I', n.nspname, c.relname), '',
       json_build_object('position', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), 'type', format_type(a.atttypid, a.atttypmod),
           'not null', a.attnotnull, 'identity', a.attidentity, 'generated', a.attgenerated, 'default', pg_get_expr(d.adbin, d.adrelid),
           'collation', CASE WHEN a.attcollation <> t.typcollation THEN (SELECT collname FROM pg_collation WHERE oid = a.attcollation) END,
           'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END, 'compression', a.attcompression,
           'statistics target', nullif(a.attstattarget, -1), 'options', a.attoptions, 'foreign options', a.attfdwoptions,
           'comment', col_description(c.oid, a.attnum),
           'grants', CASE WHEN a.attacl IS NOT NULL THEN (SELECT json_agg(item ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN c.relowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(a.attacl) x
                  WHERE x.grantee IN (c.relowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl) END)::text,
       CASE WHEN c.relkind <> 'f' THEN concat(c.oid, '.', a.attnum) END, format_type(a.atttypid, a.atttypmod), NULL,
       concat(c.oid, '.', a.attnum), a.attname, concat(a.xmin, ' ', d.xmin)
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
       json_build_object('definition', pg_get_constraintdef(k.oid), 'comment', obj_description(k.oid, 'pg_constraint'))::text, NULL, NULL,
       (SELECT array_agg(quote_ident(a.attname))
        FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
          AND d.deptype IN ('a', 'i')),
       concat('constraint ', k.oid), k.conname, k.xmin::text
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: indexes
-- Indexes. An invalid one is in no dump, hence not here either.
SELECT 'index', format('%I.%I', n.nspname, i.relname), format('%I.%I', n.nspname, c.relname), '',
       json_build_object('definition', pg_get_indexdef(i.oid), 'clustered', x.indisclustered, 'replica identity', x.indisreplident,
           'statistics targets', (SELECT json_object_agg(a.attnum, a.attstattarget) FROM pg_attribute a WHERE a.attrelid = i.oid AND a.attstattarget <> -1),
           'comment', obj_description(i.oid, 'pg_class'))::text, NULL, NULL,
       (SELECT array_agg(quote_ident(a.attname)) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND (a.attnum = ANY (x.indkey) OR EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.oid
              AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'a'))),
       i.oid::text, concat(i.relnamespace, '.', i.relname), x.xmin::text
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND (x.indisvalid OR i.relkind = 'I')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: sequences
-- Sequences, without their values; those of a column go with its table. One that is set back gets another file.
SELECT 'sequence', format('%I.%I', n.nspname, c.relname), CASE WHEN t.oid IS NULL THEN '' ELSE format('%I.%I', tn.nspname, t.relname) END,
       pg_get_userbyid(c.relowner),
       json_build_object('type', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement, 'maximum', s.seqmax,
           'minimum', s.seqmin, 'cache', s.seqcache, 'cycle', s.seqcycle,
           'persistence', c.relpersistence, 'dependency', d.deptype, 'owned by', a.attname, 'comment', obj_description(c.oid, 'pg_class'),
           'grants', (SELECT json_agg(item ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN c.relowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(coalesce(c.relacl, acldefault('s', c.relowner))) x
                  WHERE x.grantee IN (c.relowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))::text,
       c.oid::text, c.relfilenode::text, CASE WHEN a.attname IS NOT NULL THEN ARRAY[quote_ident(a.attname)] END,
       c.oid::text, concat(c.relnamespace, '.', c.relname), s.xmin::text
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
       json_build_object(
           'body', CASE WHEN p.prokind <> 'a' AND p.prosrc <> '' THEN pg_get_functiondef(p.oid) END,
           'definition', CASE WHEN p.prokind <> 'a' AND p.prosrc = '' THEN pg_get_functiondef(p.oid) END,
           'security definer', p.prosecdef, 'language', l.lanname, 'trusted', l.lanpltrusted, 'returns', pg_get_function_result(p.oid),
           'returns trigger', p.prorettype = 'trigger'::regtype,
           'aggregate', (SELECT json_build_array(g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggkind, format_type(g.aggtranstype, NULL),
                                    g.agginitval, g.aggserialfn, g.aggdeserialfn, g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn,
                                    g.aggfinalextra, g.aggmfinalextra, g.aggfinalmodify, g.aggmfinalmodify, g.aggsortop::regoperator,
                                    g.aggtransspace, g.aggmtransspace, g.aggminitval, p.proparallel)
            FROM pg_aggregate g WHERE g.aggfnoid = p.oid),
           'comment', obj_description(p.oid, 'pg_proc'),
           'grants', (SELECT json_agg(item ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN p.proowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
                  WHERE x.grantee IN (p.proowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))::text,
       NULL, CASE p.provolatile WHEN 'v' THEN 'volatile' END, NULL,
       concat('function ', p.oid), concat(p.pronamespace, '.', p.proname), p.xmin::text
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
CROSS JOIN LATERAL pg_identify_object('pg_proc'::regclass, p.oid, 0) o
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e');

-- name: triggers
-- Triggers, the constraints' own left out.
SELECT 'trigger', format('%I on %I.%I', t.tgname, n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), '',
       json_build_object('definition', pg_get_triggerdef(t.oid), 'fires', t.tgenabled, 'comment', obj_description(t.oid, 'pg_trigger'))::text,
       NULL, CASE WHEN t.tgtype & 1 = 1 AND t.tgenabled <> 'D' THEN 'row' END, NULL,
       concat('trigger ', t.oid), t.tgname, t.xmin::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- name: rules
-- Rules, the views' own left out.
SELECT 'rule', format('%I on %I.%I', r.rulename, n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), '',
       json_build_object('definition', pg_get_ruledef(r.oid), 'fires', r.ev_enabled, 'comment', obj_description(r.oid, 'pg_rewrite'))::text,
       NULL, NULL, NULL, concat('rule ', r.oid), r.rulename, r.xmin::text
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- name: policies
-- Row-level security policies.
SELECT 'policy', format('%I on %I.%I', p.polname, n.nspname, c.relname), format('%I.%I', n.nspname, c.relname), '',
       json_build_object('command', p.polcmd, 'permissive', p.polpermissive,
           'roles', (SELECT json_agg(name ORDER BY name COLLATE "C")
            FROM (SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(role)::text END AS name
                  FROM unnest(p.polroles) role) roles),
           'using', pg_get_expr(p.polqual, p.polrelid), 'with check', pg_get_expr(p.polwithcheck, p.polrelid),
           'comment', obj_description(p.oid, 'pg_policy'))::text,
       NULL, NULL, NULL, concat('policy ', p.oid), p.polname, p.xmin::text
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace;

-- name: types
-- Enums, domains, ranges and base types; a table's row type is the table's.
SELECT o.type, o.identity, '', pg_get_userbyid(t.typowner),
       json_build_object('type kind', t.typtype, 'base type', format_type(nullif(t.typbasetype, 0), t.typtypmod), 'not null', t.typnotnull,
           'default', t.typdefault,
           'collation', CASE WHEN t.typtype = 'd' THEN (SELECT k.collname FROM pg_collation k, pg_type b WHERE b.oid = t.typbasetype AND k.oid = t.typcollation AND t.typcollation <> b.typcollation) END,
           'values', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
           'range of', (SELECT json_build_array(format_type(r.rngsubtype, NULL), r.rngcanonical, r.rngsubdiff,
                           (SELECT collname FROM pg_collation WHERE oid = r.rngcollation), (SELECT opcname FROM pg_opclass WHERE oid = r.rngsubopc))
                        FROM pg_range r WHERE r.rngtypid = t.oid),
           'constraints', (SELECT json_agg(json_build_array(k.conname, pg_get_constraintdef(k.oid)) ORDER BY k.conname COLLATE "C")
            FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'),
           'base', CASE WHEN t.typtype = 'b' THEN json_build_array(t.typlen, t.typbyval, t.typcategory, t.typispreferred, t.typdelim, t.typalign, t.typstorage,
               t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze, format_type(nullif(t.typelem, 0), NULL)) END,
           'comment', obj_description(t.oid, 'pg_type'),
           'grants', (SELECT json_agg(item ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN t.typowner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) x
                  WHERE x.grantee IN (t.typowner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))::text,
       NULL, NULL, NULL, concat('type ', t.oid), concat(t.typnamespace, '.', t.typname), t.xmin::text
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
CROSS JOIN LATERAL pg_identify_object('pg_type'::regclass, t.oid, 0) o
WHERE t.typtype IN ('e', 'd', 'r', 'b') AND NOT EXISTS (SELECT FROM pg_type s WHERE s.typarray = t.oid) AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e');

-- name: statistics_objects
-- Extended statistics.
SELECT 'statistics object', format('%I.%I', n.nspname, s.stxname), format('%I.%I', cn.nspname, c.relname),
       pg_get_userbyid(s.stxowner),
       json_build_object('definition', pg_get_statisticsobjdef(s.oid), 'target', nullif(s.stxstattarget, -1),
           'comment', obj_description(s.oid, 'pg_statistic_ext'))::text, NULL, NULL,
       (SELECT array_agg(quote_ident(a.attname))
        FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.stxrelid
          AND d.deptype IN ('a', 'i')),
       concat('statistics ', s.oid), concat(s.stxnamespace, '.', s.stxname), s.xmin::text
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
JOIN pg_class c ON c.oid = s.stxrelid
JOIN pg_namespace cn ON cn.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

-- name: extensions
-- Extensions our role can make. The others no chain of ours can drop, and no shadow of ours can have.
SELECT 'extension', quote_ident(x.extname), '', '', json_build_object('version', x.extversion, 'schema', quote_ident(n.nspname))::text,
       NULL, NULL, NULL, concat('extension ', x.oid), x.extname, x.xmin::text
FROM pg_extension x
JOIN pg_namespace n ON n.oid = x.extnamespace
JOIN pg_available_extension_versions v ON v.name = x.extname AND v.version = x.extversion
WHERE v.trusted OR NOT v.superuser OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);

-- name: default_acls
-- Default privileges of roles that are ours.
SELECT o.type, o.identity, '', '',
       json_build_object('grants', (SELECT json_agg(item ORDER BY item COLLATE "C")
        FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, '=',
                            x.privilege_type, x.is_grantable) AS item FROM aclexplode(d.defaclacl) x) acl))::text,
       NULL, NULL, NULL, concat('default acl ', d.oid), '', d.xmin::text
FROM pg_default_acl d CROSS JOIN LATERAL pg_identify_object('pg_default_acl'::regclass, d.oid, 0) o
WHERE pg_has_role(d.defaclrole, 'USAGE');

-- name: others
-- Rare objects, all in one way: every column of their rows, in which the server's own list of references between catalogues turns
-- OIDs into names. Names, schemas and owners are the identity's; a collation's version is the operating system's.
WITH rare AS (
    SELECT tableoid AS class, oid, xmin, to_jsonb(x) AS row, NULL::oid AS owner, NULL::aclitem[] AS acl, NULL::jsonb AS more, concat(oprnamespace, '.', oprname) AS own FROM pg_operator x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, concat(opcnamespace, '.', opcname) FROM pg_opclass x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, concat(opfnamespace, '.', opfname) FROM pg_opfamily x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, '' FROM pg_amop x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, '' FROM pg_amproc x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, '' FROM pg_cast x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, '' FROM pg_transform x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, concat(collnamespace, '.', collname) FROM pg_collation x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, concat(connamespace, '.', conname) FROM pg_conversion x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, concat(prsnamespace, '.', prsname) FROM pg_ts_parser x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, concat(tmplnamespace, '.', tmplname) FROM pg_ts_template x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, concat(dictnamespace, '.', dictname) FROM pg_ts_dict x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, (
            SELECT jsonb_agg(concat((SELECT alias FROM ts_token_type(x.cfgparser) WHERE tokid = m.maptokentype), ' ', m.mapseqno, ' ', m.mapdict::regdictionary)
                             ORDER BY m.maptokentype, m.mapseqno)
            FROM pg_ts_config_map m WHERE m.mapcfg = x.oid), concat(cfgnamespace, '.', cfgname) FROM pg_ts_config x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), srvowner, coalesce(srvacl, acldefault('S', srvowner)), NULL, srvname FROM pg_foreign_server x
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), fdwowner, coalesce(fdwacl, acldefault('F', fdwowner)), NULL, fdwname FROM pg_foreign_data_wrapper x
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), lanowner, coalesce(lanacl, acldefault('l', lanowner)), NULL, lanname FROM pg_language x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, amname FROM pg_am x WHERE oid >= 16384
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, evtname FROM pg_event_trigger x
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x), NULL, NULL, NULL, pubname FROM pg_publication x
    UNION ALL SELECT tableoid, oid, xmin, to_jsonb(x) - 'prqual', NULL, NULL, NULL, '' FROM pg_publication_rel x
    UNION ALL SELECT 'pg_subscription'::regclass, oid, '0', jsonb_build_object('subowner', subowner, 'subenabled', subenabled, 'subslotname', subslotname, 'subpublications', subpublications), NULL, NULL, NULL, subname
              FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
), mine AS (
    SELECT r.* FROM rare r
    WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = r.class AND e.objid = r.oid AND e.deptype = 'e')
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_opfamily'::regclass AND e.deptype = 'e'
                      AND e.objid = coalesce(r.row ->> 'amopfamily', r.row ->> 'amprocfamily')::oid)
      AND NOT (r.class = 'pg_cast'::regclass -- a range's cast to its multirange
               AND EXISTS (SELECT FROM pg_depend e WHERE e.classid = r.class AND e.objid = r.oid AND e.deptype = 'i'))
      AND NOT (r.class = 'pg_publication'::regclass AND starts_with(r.own, 'backstop_rehearsal_'))
), refs AS (
    SELECT fktable AS class, fkcols[1] AS column, pktable, is_array FROM pg_get_catalog_foreign_keys() WHERE cardinality(fkcols) = 1
), named AS (
    SELECT r.class, r.oid, e.key, CASE
        WHEN f.pktable IS NULL OR jsonb_typeof(e.value) = 'null' THEN e.value
        WHEN f.is_array THEN (SELECT jsonb_agg(CASE WHEN i = '0' THEN i ELSE (pg_identify_object(f.pktable, i::oid, 0)).identity END ORDER BY n)
                              FROM regexp_split_to_table(btrim(e.value #>> '{}', '[] {}'), '[, ]+') WITH ORDINALITY a (i, n) WHERE i <> '')
        WHEN e.value #>> '{}' ~ '^[1-9][0-9]*$' THEN to_jsonb((pg_identify_object(f.pktable, (e.value #>> '{}')::oid, 0)).identity)
        ELSE e.value END AS value
    FROM mine r CROSS JOIN LATERAL jsonb_each(r.row) e (key, value)
    LEFT JOIN refs f ON f.class = r.class AND f.column = e.key
    WHERE e.key <> 'oid' AND e.key <> 'collversion' AND e.key !~ '(owner|acl|namespace|^(opr|opc|opf|coll|con|prs|tmpl|dict|cfg|srv|fdw|lan|am|evt|pub)name)$'
), properties AS (
    SELECT class, oid, jsonb_object_agg(key, value) AS all FROM named GROUP BY class, oid
)
SELECT o.type, o.identity,
       coalesce(CASE WHEN r.class IN ('pg_amop'::regclass, 'pg_amproc'::regclass) THEN split_part(o.identity, ' of ', 2)
                     WHEN r.class = 'pg_publication_rel'::regclass THEN (pg_identify_object('pg_class'::regclass, (r.row ->> 'prrelid')::oid, 0)).identity END, ''),
       coalesce((SELECT pg_get_userbyid(e.value::oid) FROM jsonb_each_text(r.row) e WHERE e.key ~ 'owner$'), ''),
       (coalesce(p.all, '{}') || jsonb_strip_nulls(jsonb_build_object('mappings', r.more, 'comment', obj_description(r.oid, r.class::regclass::name),
           'grants', (SELECT jsonb_agg(item ORDER BY item COLLATE "C")
            FROM (SELECT concat(CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN r.owner THEN '«owner»'
                                ELSE pg_get_userbyid(x.grantee) END, '=', x.privilege_type, x.is_grantable) AS item
                  FROM aclexplode(r.acl) x
                  WHERE x.grantee IN (r.owner, 0) OR pg_get_userbyid(x.grantee) <> current_user) acl))))::text,
       NULL, NULL, NULL, concat(r.class::regclass, ' ', r.oid), r.own, r.xmin::text
FROM mine r LEFT JOIN properties p ON p.class = r.class AND p.oid = r.oid
CROSS JOIN LATERAL pg_identify_object(r.class, r.oid, 0) o;

-- name: published_since_15
-- Rows that a publication filters, and schemas it has as a whole.
SELECT 'publication filter', o.identity, o.identity, '',
       json_build_object('filter', pg_get_expr(x.prqual, x.prrelid))::text, NULL, NULL, NULL, concat('publication filter ', x.oid), '', x.xmin::text
FROM pg_publication_rel x CROSS JOIN LATERAL pg_identify_object('pg_publication_rel'::regclass, x.oid, 0) o
WHERE x.prqual IS NOT NULL
UNION ALL
SELECT o.type, o.identity, '', '', '{}', NULL, NULL, NULL, concat('publication schema ', x.oid), '', x.xmin::text
FROM pg_publication_namespace x CROSS JOIN LATERAL pg_identify_object('pg_publication_namespace'::regclass, x.oid, 0) o;

-- name: user_mappings
-- User mappings, with the names of their options alone: a value may be a password.
SELECT 'user mapping', format('%I on server %I', u.usename, u.srvname), '', '',
       json_build_object('options', (SELECT json_agg(split_part(o, '=', 1) ORDER BY o COLLATE "C") FROM unnest(u.umoptions) o))::text,
       NULL, NULL, NULL, concat('user mapping ', u.umid), '', ''
FROM pg_user_mappings u;

-- name: security_labels
-- Labels of any kind of object.
SELECT 'security label', concat(l.objtype, ' ', l.objname, ' for ', l.provider), '', '', json_build_object('label', l.label)::text,
       NULL, NULL, NULL, concat('label ', l.provider, ' ', l.classoid, ' ', l.objoid, ' ', l.objsubid), '', ''
FROM pg_seclabels l WHERE l.objnamespace IS NULL OR (l.objnamespace::regnamespace::text !~ '^pg_' AND l.objnamespace::regnamespace::text <> 'information_schema');
