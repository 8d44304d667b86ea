-- Finds and ends sessions. No query here reads anybody's query text: it may hold a patient's data.

-- name: others
-- Others' client sessions in a database.
SELECT a.pid, a.usename, a.application_name, host(a.client_addr), a.state,
       extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.state_change, a.backend_start)), r.rolsuper
FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
WHERE a.datname = %(database)s AND a.backend_type = 'client backend'
  AND a.pid <> ALL (%(ours)s::int[]) AND a.pid <> pg_backend_pid()
ORDER BY a.backend_start;

-- name: count_others
-- Number of those sessions; cheap enough for every 2 ms.
SELECT count(*) FROM pg_catalog.pg_stat_activity
WHERE datname = %(database)s AND backend_type = 'client backend' AND pid <> ALL (%(ours)s::int[]);

-- name: terminate_others
-- End them all at once, without waiting. One session of a superuser would make the whole statement fail for others.
SELECT pg_terminate_backend(a.pid)
FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
WHERE a.datname = %(database)s AND a.backend_type = 'client backend' AND a.pid <> ALL (%(ours)s::int[])
  AND (r.rolsuper IS NOT TRUE OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user));

-- name: blocking_sessions
-- Sessions that hold the lock for which a session, or every session of a name, waits.
SELECT DISTINCT b.pid, b.usename, b.application_name, host(b.client_addr), b.state,
       extract(epoch FROM clock_timestamp() - coalesce(b.xact_start, b.state_change, b.backend_start)), r.rolsuper
FROM pg_catalog.pg_stat_activity w
CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS blocking (pid)
JOIN pg_catalog.pg_stat_activity b ON b.pid = blocking.pid
LEFT JOIN pg_catalog.pg_roles r ON r.oid = b.usesysid
WHERE w.datname = %(database)s AND (w.pid = %(pid)s OR w.application_name = nullif(%(application)s, ''));

-- name: blocking_prepared
-- Prepared transactions that hold it: `pg_blocking_pids` reports them as 0.
SELECT p.gid, extract(epoch FROM clock_timestamp() - p.prepared)
FROM pg_catalog.pg_prepared_xacts p
WHERE p.database = %(database)s AND EXISTS (
    SELECT FROM pg_catalog.pg_stat_activity w
    WHERE w.datname = %(database)s AND (w.pid = %(pid)s OR w.application_name = nullif(%(application)s, ''))
      AND 0 = ANY (pg_blocking_pids(w.pid)));

-- name: prepared
-- Prepared transactions in a database, oldest first.
SELECT gid, extract(epoch FROM clock_timestamp() - prepared), owner
FROM pg_catalog.pg_prepared_xacts WHERE database = %(database)s ORDER BY prepared;

-- name: database
-- A database as seen from beside it, also while it is closed or gone; the rights of our role on it. Its connection limit
-- is NULL where there is none of that name, and -2 where it accepts no connections at all.
SELECT CASE WHEN d.datallowconn THEN d.datconnlimit WHEN NOT d.datallowconn THEN -2 END,
       coalesce(pg_database_size(d.oid), 0), current_setting('server_version_num')::int,
       r.rolsuper OR (coalesce(pg_has_role(d.datdba, 'USAGE'), true) AND pg_has_role('pg_signal_backend', 'USAGE')),
       r.rolsuper OR r.rolcreatedb, r.rolsuper, quote_ident(r.rolname)
FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_database d ON d.datname = %(database)s
WHERE r.rolname = current_user;

-- name: slots
-- Logical replication slots made in a database; they stay with it whatever it is called.
SELECT slot_name || CASE WHEN active THEN ' (in use)' ELSE '' END
FROM pg_catalog.pg_replication_slots WHERE database = %(database)s ORDER BY slot_name;

-- name: identity
-- Start time of the server, in microseconds, and the database's oid: together they are unique.
SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, oid::bigint
FROM pg_catalog.pg_database
WHERE datname = %(database)s;

-- name: oid
-- OID of a database, 0 where there is none of that name.
SELECT coalesce((SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = %(database)s), 0);

-- name: timeline
-- The server's timeline, 0 on a standby.
SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0
       ELSE ('x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int END;

-- name: server_identifier
-- The server's own identifier, made when its files were; copies of them share it.
SELECT system_identifier::text FROM pg_catalog.pg_control_system();
