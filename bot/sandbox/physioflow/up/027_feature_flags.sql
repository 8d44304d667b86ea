CREATE TABLE feature_flags (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE CHECK (key ~ '^[a-z][a-z0-9_]*$'),
    description text NOT NULL,
    enabled     boolean NOT NULL DEFAULT false,
    rollout_pct smallint NOT NULL DEFAULT 0 CHECK (rollout_pct BETWEEN 0 AND 100),
    rules       jsonb NOT NULL DEFAULT '[]',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE feature_flags IS 'Read by the app on every request (v1.3 and later).';

CREATE TABLE feature_flag_audit_log (
    id         bigserial PRIMARY KEY,
    flag_id    bigint NOT NULL REFERENCES feature_flags (id),
    changed_by bigint REFERENCES users (id),
    old_value  jsonb,
    new_value  jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX feature_flag_audit_log_flag_idx ON feature_flag_audit_log (flag_id, changed_at DESC);

CREATE FUNCTION update_feature_flags_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE TRIGGER trigger_update_feature_flags_updated_at BEFORE UPDATE ON feature_flags
    FOR EACH ROW EXECUTE FUNCTION update_feature_flags_updated_at();
