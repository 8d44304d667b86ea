CREATE TABLE pain_locations (
    id          bigserial PRIMARY KEY,
    note_id     bigint NOT NULL REFERENCES clinical_notes (id) ON DELETE CASCADE,
    patient_id  bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    region      text NOT NULL,
    body_map    point NOT NULL,
    intensity   smallint NOT NULL CHECK (intensity BETWEEN 0 AND 10),
    quality     text[] NOT NULL DEFAULT '{}',
    recorded_at timestamptz NOT NULL
);
CREATE INDEX pain_locations_patient_idx ON pain_locations (patient_id, recorded_at);
CREATE INDEX pain_locations_body_map_idx ON pain_locations USING gist (body_map);

CREATE VIEW v_patient_pain_profile AS
SELECT patient_id, region, max(intensity) AS worst, count(*) AS reports
FROM pain_locations
GROUP BY patient_id, region;
