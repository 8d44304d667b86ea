CREATE TABLE clinical_notes (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id   bigint NOT NULL REFERENCES patients (id),
    therapist_id integer NOT NULL REFERENCES therapists (id),
    written_at   timestamptz NOT NULL,
    subjective   text NOT NULL,
    objective    jsonb NOT NULL DEFAULT '{}',
    plan         text,
    signed       boolean NOT NULL DEFAULT false
);
CREATE INDEX clinical_notes_patient_id_idx ON clinical_notes (patient_id, written_at);
CREATE INDEX clinical_notes_objective_idx ON clinical_notes USING gin (objective jsonb_path_ops);
