CREATE TYPE appointment_status AS ENUM ('booked', 'arrived', 'done', 'no_show', 'cancelled');

CREATE TABLE appointments (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clinic_id    bigint NOT NULL REFERENCES clinics (id),
    patient_id   bigint NOT NULL REFERENCES patients (id),
    therapist_id integer NOT NULL REFERENCES therapists (id),
    starts_at    timestamptz NOT NULL,
    duration_min smallint NOT NULL DEFAULT 45 CHECK (duration_min BETWEEN 15 AND 180),
    status       appointment_status NOT NULL DEFAULT 'booked',
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX appointments_therapist_starts_idx ON appointments (therapist_id, starts_at);
CREATE INDEX appointments_patient_id_idx ON appointments (patient_id);
