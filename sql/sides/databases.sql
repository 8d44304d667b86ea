-- Databases seen from beside them: the live one, ours, and their sessions.

-- name: databases
-- Every database that may be ours, with its comment.
SELECT d.datname, CASE WHEN pg_catalog.pg_has_role(d.datdba, 'USAGE') THEN pg_catalog.pg_database_size(d.oid) ELSE 0 END,
       pg_catalog.shobj_description(d.oid, 'pg_database')
FROM pg_catalog.pg_database d
WHERE strpos(d.datname, '_backstop_') > 0
ORDER BY d.datname;

-- name: lock_name
-- A session that makes or drops a database of a name holds this lock.
SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('backstop side ' || %(database)s, 0));

-- name: unlock_name
-- Release it.
SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('backstop side ' || %(database)s, 0));

-- name: comment
-- A database's comment.
SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = %(database)s;

-- name: existing
-- Those of some databases that exist; true if one accepts connections.
SELECT datname, datallowconn FROM pg_catalog.pg_database WHERE datname = ANY (%(names)s::text[]);

-- name: size
-- Bytes of a database on disk; NULL when it is gone.
SELECT pg_catalog.pg_database_size(oid) FROM pg_catalog.pg_database WHERE datname = %(database)s;

-- name: loading
-- A load's movement: bytes on disk, what its commands have done so far, how many of its sessions are at work
-- (a lock, a sleep and a client that says nothing are no work).
SELECT pg_catalog.pg_database_size(d.oid),
       (SELECT coalesce(sum(bytes_processed), 0) FROM pg_catalog.pg_stat_progress_copy p WHERE p.datid = d.oid)
       + (SELECT coalesce(sum(blocks_done + tuples_done), 0)
          FROM pg_catalog.pg_stat_progress_create_index p WHERE p.datid = d.oid),
       (SELECT count(*) FROM pg_catalog.pg_stat_activity a
        WHERE a.datid = d.oid AND a.state = 'active'
          AND coalesce(a.wait_event_type, '') NOT IN ('Lock', 'Client', 'Timeout'))
FROM pg_catalog.pg_database d WHERE d.datname = %(database)s;

-- name: others
-- Every other session in some databases that a rename waits for; autovacuum it sends away itself.
SELECT a.pid, a.usename, a.application_name, host(a.client_addr), coalesce(a.state, a.backend_type),
       extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.state_change, a.backend_start)), r.rolsuper
FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
WHERE a.datname = ANY (%(databases)s::text[]) AND a.pid <> pg_backend_pid()
  AND a.backend_type NOT IN ('autovacuum worker', 'parallel worker')
ORDER BY a.backend_start;

-- name: count_others
-- Number of those sessions; cheap enough for every 2 ms.
SELECT count(*) FROM pg_catalog.pg_stat_activity a
WHERE a.datname = ANY (%(databases)s::text[]) AND a.pid <> pg_backend_pid()
  AND a.backend_type NOT IN ('autovacuum worker', 'parallel worker');

-- name: terminate_others
-- End them all at once, without waiting. One session of a superuser would make the whole statement fail for others.
SELECT count(pg_catalog.pg_terminate_backend(a.pid))
FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
WHERE a.datname = ANY (%(databases)s::text[]) AND a.pid <> pg_backend_pid()
  AND a.backend_type NOT IN ('autovacuum worker', 'parallel worker')
  AND (r.rolsuper IS NOT TRUE OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user));

-- name: prepared
-- Prepared transactions in some databases, oldest first.
SELECT gid, extract(epoch FROM clock_timestamp() - prepared), owner, database
FROM pg_catalog.pg_prepared_xacts WHERE database = ANY (%(databases)s::text[]) ORDER BY prepared;
