ALTER TABLE schema_migrations ADD COLUMN version text;
UPDATE schema_migrations SET version = substring(name FROM '^[0-9]+');
ALTER TABLE schema_migrations ALTER COLUMN version SET NOT NULL;
ALTER TABLE schema_migrations ADD CONSTRAINT schema_migrations_version_key UNIQUE (version);
