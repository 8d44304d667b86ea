-- Database-level state: what a dump does not carry.

-- name: properties
-- Owner, encoding, locale, connection limit, comment, tablespace, whether it is a template. Names of the locale's own
-- columns differ over versions.
SELECT pg_catalog.pg_get_userbyid(d.datdba) AS owner, pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
       d.datcollate AS collate, d.datctype AS ctype, coalesce(to_jsonb(d) ->> 'datlocprovider', '') AS provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', '') AS locale,
       coalesce(to_jsonb(d) ->> 'daticurules', '') AS rules, d.datconnlimit AS connection_limit,
       coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '') AS comment, t.spcname AS tablespace,
       d.datistemplate AS template
FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
WHERE d.datname = %(database)s;

-- name: acl
-- Privileges on a database, the defaults spelled out: grantor, grantee ("" is PUBLIC), privilege, with grant option.
-- The owner's own come first, then what holders of a grant option gave on.
SELECT pg_catalog.pg_get_userbyid(x.grantor), CASE x.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(x.grantee) END,
       x.privilege_type, x.is_grantable
FROM pg_catalog.pg_database d
CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba)))
    WITH ORDINALITY AS x (grantor, grantee, privilege_type, is_grantable, position)
WHERE d.datname = %(database)s
ORDER BY x.grantor <> d.datdba, x.position;

-- name: settings
-- Settings of a database ("" as role) and of roles in it.
SELECT coalesce(r.rolname, ''), split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
FROM pg_catalog.pg_db_role_setting s
JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
CROSS JOIN LATERAL unnest(s.setconfig) WITH ORDINALITY AS given (setting, position)
WHERE d.datname = %(database)s
ORDER BY 1, position;

-- name: slots
-- Logical replication slots: they follow the database they were made in, not its name.
SELECT slot_name, active FROM pg_catalog.pg_replication_slots WHERE database = %(database)s ORDER BY 1;
