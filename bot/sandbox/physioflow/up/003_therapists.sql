CREATE TABLE therapists (
    id             serial PRIMARY KEY,
    user_id        bigint NOT NULL UNIQUE REFERENCES users (id),
    clinic_id      bigint NOT NULL REFERENCES clinics (id),
    licence_number text NOT NULL UNIQUE,
    specialities   text[] NOT NULL DEFAULT '{}',
    hired_on       date NOT NULL,
    weekly_hours   numeric(4, 1) NOT NULL DEFAULT 40 CHECK (weekly_hours BETWEEN 0 AND 60)
);
COMMENT ON COLUMN therapists.licence_number IS 'Practising certificate (chứng chỉ hành nghề).';
CREATE INDEX therapists_clinic_id_idx ON therapists (clinic_id);
