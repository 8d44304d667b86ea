CREATE TABLE reevaluation_assessments (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id           bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    therapist_id         integer NOT NULL REFERENCES therapists (id),
    baseline_measure_id  bigint REFERENCES outcome_measures (id),
    assessed_on          date NOT NULL,
    improvement_pct      numeric(5, 1) NOT NULL CHECK (improvement_pct BETWEEN -100 AND 100),
    goals                jsonb NOT NULL DEFAULT '[]',
    recommendation       text NOT NULL CHECK (recommendation IN ('continue', 'adjust', 'discharge', 'refer')),
    comment              text
);
CREATE INDEX reevaluation_assessments_patient_idx ON reevaluation_assessments (patient_id, assessed_on DESC);
CREATE INDEX reevaluation_assessments_goals_idx ON reevaluation_assessments USING gin (goals);

CREATE VIEW v_reevaluation_progress AS
SELECT r.patient_id, p.full_name, r.assessed_on, r.improvement_pct,
       r.improvement_pct - lag(r.improvement_pct) OVER (PARTITION BY r.patient_id ORDER BY r.assessed_on) AS change_pct
FROM reevaluation_assessments r JOIN patients p ON p.id = r.patient_id;
