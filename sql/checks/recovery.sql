-- Describes the reach of point-in-time recovery.

-- name: archiver
-- State of WAL archiving.
SELECT current_setting('archive_mode'), current_setting('wal_level'), a.archived_count, a.last_archived_wal, a.last_archived_time,
       a.failed_count, a.last_failed_wal, a.last_failed_time, coalesce(a.last_failed_time > a.last_archived_time, a.failed_count > 0)
FROM pg_catalog.pg_stat_archiver a;

-- name: position
-- Current position of the WAL.
SELECT pg_catalog.pg_current_wal_lsn()::text;

-- name: slots
-- Replication slots of the server: they keep WAL.
SELECT slot_name, slot_type, active FROM pg_catalog.pg_replication_slots ORDER BY slot_name;
