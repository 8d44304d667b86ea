CREATE TABLE outcome_measures (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id   bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    therapist_id integer NOT NULL REFERENCES therapists (id),
    measure      text NOT NULL CHECK (measure IN ('VAS', 'ODI', 'NDI', 'LEFS', 'DASH')),
    score        numeric(5, 1) NOT NULL CHECK (score BETWEEN 0 AND 100),
    measured_on  date NOT NULL
);
CREATE INDEX outcome_measures_patient_idx ON outcome_measures (patient_id, measure, measured_on);
