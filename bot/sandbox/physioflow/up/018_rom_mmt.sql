CREATE TABLE rom_assessments (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id   bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    therapist_id integer NOT NULL REFERENCES therapists (id),
    joint        text NOT NULL,
    movement     text NOT NULL,
    side         text NOT NULL CHECK (side IN ('left', 'right', 'midline')),
    active_deg   smallint NOT NULL CHECK (active_deg BETWEEN -30 AND 200),
    passive_deg  smallint NOT NULL CHECK (passive_deg BETWEEN -30 AND 200),
    assessed_on  date NOT NULL
);
COMMENT ON TABLE rom_assessments IS 'Range of motion, in degrees.';
CREATE INDEX rom_assessments_patient_idx ON rom_assessments (patient_id, joint, assessed_on);

CREATE TABLE mmt_assessments (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id        bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    rom_assessment_id bigint REFERENCES rom_assessments (id),
    therapist_id      integer NOT NULL REFERENCES therapists (id),
    muscle_group      text NOT NULL,
    side              text NOT NULL CHECK (side IN ('left', 'right', 'midline')),
    grade             text NOT NULL CHECK (grade ~ '^[0-5][+-]?$'),
    assessed_on       date NOT NULL
);
COMMENT ON COLUMN mmt_assessments.grade IS 'Manual muscle testing, Oxford scale 0 to 5 with + and -.';
CREATE INDEX mmt_assessments_patient_idx ON mmt_assessments (patient_id, muscle_group);
