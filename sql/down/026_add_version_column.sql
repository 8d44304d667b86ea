-- migration: 026_add_version_column
-- adds: version column to schema_migrations
-- impact: Minimal - only affects migration tracking.
-- data-loss: none
-- verify: SELECT NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('schema_migrations') AND attname = 'version' AND NOT attisdropped)

ALTER TABLE schema_migrations DROP COLUMN IF EXISTS version;
