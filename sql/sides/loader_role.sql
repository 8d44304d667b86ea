-- Describes what a loader may have changed of itself.

-- name: settings
-- Its own settings, by database; "" for those that hold everywhere.
SELECT coalesce(d.datname, ''), s.setconfig::text
FROM pg_catalog.pg_db_role_setting s
JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
WHERE r.rolname = %(loader)s ORDER BY 1;
