CREATE TABLE report_templates (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clinic_id  bigint REFERENCES clinics (id),
    name       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('discharge', 'progress', 'insurance', 'referral')),
    body       text NOT NULL,
    layout     jsonb NOT NULL DEFAULT '{}',
    created_by bigint REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (clinic_id, name)
);
