-- What a load must know of the server's roles and extensions.

-- name: roles
-- Every role: whether we may become it, and whether it is ours.
SELECT rolname, pg_catalog.pg_has_role(oid, 'MEMBER'), rolname = current_user FROM pg_catalog.pg_roles;

-- name: refused_extensions
-- Which of some extensions are not here and only a superuser can make, or are not on the server at all.
SELECT wanted.name
FROM unnest(%(names)s::text[]) AS wanted (name)
LEFT JOIN pg_catalog.pg_available_extensions x ON x.name = wanted.name
LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = x.name AND v.version = x.default_version
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = wanted.name)
  AND (x.name IS NULL
       OR v.superuser AND NOT v.trusted AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user))
ORDER BY 1;

-- name: schemas
-- Schemas a role of some does not own, with that role.
SELECT n.nspname, r.rolname
FROM pg_catalog.pg_namespace n CROSS JOIN pg_catalog.pg_roles r
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND r.rolname = ANY (%(roles)s::text[]) AND r.oid <> n.nspowner;
