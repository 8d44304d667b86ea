-- Queries that make the state database ready, and look at what its roles may do.

-- name: lock_migration
-- One replica at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('backstop.migration'));

-- name: schema_exists
-- Whether our schema was ever applied. From the catalogue, which a role without rights may read as well.
SELECT EXISTS (
    SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'backstop' AND relname = 'applied_queue'
);

-- name: schema_is_current
-- Whether the text of our schema that was applied last is the one we have.
SELECT coalesce(
    (SELECT sha256 = %(sha256)s FROM backstop.applied_schema ORDER BY applied_at DESC LIMIT 1), false
);

-- name: note_schema
-- Remember which text of our schema was applied.
INSERT INTO backstop.applied_schema (sha256) VALUES (%(sha256)s)
ON CONFLICT (sha256) DO UPDATE SET applied_at = excluded.applied_at;

-- name: queue_exists
-- Whether the task queue's schema is there.
SELECT to_regclass('procrastinate_jobs') IS NOT NULL;

-- name: queue_version
-- The version of the queue's package whose schema is there; no row where nobody has noted it.
SELECT version FROM backstop.applied_queue ORDER BY applied_at DESC LIMIT 1;

-- name: note_queue
-- Remember which version of the queue's schema is there.
INSERT INTO backstop.applied_queue (version) VALUES (%(version)s)
ON CONFLICT (version) DO UPDATE SET applied_at = excluded.applied_at;

-- name: may_migrate
-- Whether this role may apply the schema: it owns it, or may create it.
SELECT coalesce(
    (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'backstop'),
    has_database_privilege(current_database(), 'CREATE')
);

-- name: role_exists
-- Whether there is such a role.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s);

-- name: is_superuser
-- Whether this session is a superuser's.
SELECT rolsuper FROM pg_roles WHERE rolname = current_user;

-- name: database_exists
-- Whether there is such a database.
SELECT EXISTS (SELECT FROM pg_database WHERE datname = %(database)s);

-- name: is_member
-- Whether one role is a member of another, itself left out.
SELECT EXISTS (
    SELECT FROM pg_auth_members
    WHERE roleid = (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
      AND member = (SELECT oid FROM pg_roles WHERE rolname = %(member)s)
);

-- name: not_owned
-- ALTER statements that hand the journal and the queue over to their owner: what others own of them, one row each.
WITH ours AS (
    SELECT oid, relkind, relowner, relnamespace, oid::regclass::text AS name FROM pg_class
    WHERE relkind IN ('r', 'v', 'S', 'p')
      AND (relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'backstop') OR relname LIKE 'procrastinate\_%%')
), owner AS (
    SELECT oid FROM pg_roles WHERE rolname = %(owner)s
)
SELECT format('ALTER SCHEMA backstop OWNER TO %%I', %(owner)s::text) AS statement FROM pg_namespace, owner
WHERE nspname = 'backstop' AND nspowner <> owner.oid
UNION ALL
SELECT format('ALTER %%s %%s OWNER TO %%I', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
              name, %(owner)s::text)
FROM ours, owner
WHERE relowner <> owner.oid
  -- A sequence of a column goes with its table.
  AND NOT (relkind = 'S' AND EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = ours.oid
                                     AND deptype IN ('a', 'i')))
UNION ALL
SELECT format('ALTER ROUTINE %%s OWNER TO %%I', pg_proc.oid::regprocedure, %(owner)s::text)
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace, owner
WHERE (nspname = 'backstop' OR proname LIKE 'procrastinate\_%%') AND proowner <> owner.oid
UNION ALL
SELECT format('ALTER TYPE %%s OWNER TO %%I', pg_type.oid::regtype, %(owner)s::text)
FROM pg_type, owner
WHERE typname LIKE 'procrastinate\_%%' AND typtype IN ('e', 'c', 'd') AND typowner <> owner.oid
  AND (typrelid = 0 OR (SELECT relkind = 'c' FROM pg_class WHERE oid = typrelid));

-- name: queue_relations
-- The task queue's tables and sequences.
SELECT relname AS name, relkind = 'S' AS is_sequence FROM pg_class
WHERE relname LIKE 'procrastinate\_%%' AND relkind IN ('r', 'p', 'S') AND pg_table_is_visible(oid)
ORDER BY relname;

-- name: powers
-- What this role could do to the audit log.
SELECT current_user AS role,
       pg_has_role(audit.relowner, 'USAGE') AS owns,
       has_table_privilege(audit.oid, 'UPDATE') OR has_any_column_privilege(audit.oid, 'UPDATE')
           OR has_table_privilege(audit.oid, 'DELETE') OR has_table_privilege(audit.oid, 'TRUNCATE') AS changes,
       has_table_privilege(audit.oid, 'TRIGGER') AS triggers,
       me.rolsuper AS is_superuser,
       me.rolcreaterole AS creates_roles,
       pg_has_role(database.datdba, 'USAGE') AS owns_database,
       owner.rolname AS owner,
       pg_has_role(audit.relowner, 'MEMBER') AS is_member,
       COALESCE((SELECT NOT tgenabled IN ('O', 'A') FROM pg_trigger
                 WHERE tgrelid = audit.oid AND tgname = 'audit_append_only'), true) AS is_unguarded
FROM pg_class AS audit
JOIN pg_namespace ON pg_namespace.oid = audit.relnamespace AND nspname = 'backstop'
JOIN pg_roles AS owner ON owner.oid = audit.relowner
JOIN pg_roles AS me ON me.rolname = current_user
JOIN pg_database AS database ON database.datname = current_database()
WHERE audit.relname = 'audit';
