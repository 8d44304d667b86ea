CREATE TABLE waitlist (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id   bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    clinic_id    bigint NOT NULL REFERENCES clinics (id),
    preferred    tstzrange NOT NULL CHECK (NOT isempty(preferred)),
    priority     smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 9),
    requested_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX waitlist_preferred_idx ON waitlist USING gist (preferred);
