CREATE TABLE exercises (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug        text NOT NULL UNIQUE,
    name_vi     text NOT NULL,
    body_region text NOT NULL,
    cues        jsonb NOT NULL DEFAULT '[]'
);

CREATE TABLE patient_exercises (
    patient_id    bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    exercise_id   integer NOT NULL REFERENCES exercises (id),
    prescribed_on date NOT NULL,
    sets          smallint NOT NULL DEFAULT 3 CHECK (sets > 0),
    reps          smallint NOT NULL DEFAULT 10 CHECK (reps > 0),
    PRIMARY KEY (patient_id, exercise_id, prescribed_on)
);
