CREATE TABLE audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    user_id     bigint REFERENCES users (id),
    action      text NOT NULL,
    entity      text NOT NULL,
    entity_id   bigint,
    detail      jsonb NOT NULL DEFAULT '{}',
    happened_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, happened_at)
) PARTITION BY RANGE (happened_at);
COMMENT ON TABLE audit_log IS 'Who looked at or changed what; partitioned by half-year.';

CREATE TABLE audit_log_2025h1 PARTITION OF audit_log FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');
CREATE TABLE audit_log_2025h2 PARTITION OF audit_log FOR VALUES FROM ('2025-07-01') TO ('2026-01-01');
CREATE TABLE audit_log_2026h1 PARTITION OF audit_log FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT;
CREATE INDEX audit_log_entity_idx ON audit_log (entity, entity_id);
