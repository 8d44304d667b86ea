-- The schema, what was applied of it, and the audit log. Applied before schema.sql, in the same way.

CREATE SCHEMA IF NOT EXISTS backstop;

CREATE TABLE IF NOT EXISTS backstop.applied_schema (
    sha256     text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Versions of the task queue's package whose schema is there; the newest counts.
CREATE TABLE IF NOT EXISTS backstop.applied_queue (
    version    text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- `details` is `json`, not `jsonb`: the digest needs its numbers and characters back as they were written.
CREATE TABLE IF NOT EXISTS backstop.audit (
    sequence bigint PRIMARY KEY,
    at       timestamptz NOT NULL,
    run_id   text NOT NULL,
    actor    text NOT NULL,
    event    text NOT NULL,
    details  json NOT NULL,
    previous text NOT NULL,
    digest   text NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_by_run ON backstop.audit (run_id, sequence);
CREATE INDEX IF NOT EXISTS audit_by_request ON backstop.audit ((details ->> 'request'))
    WHERE event = 'request-handled';

CREATE OR REPLACE FUNCTION backstop.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE OR REPLACE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON backstop.audit
    FOR EACH STATEMENT EXECUTE FUNCTION backstop.refuse_audit_change();
