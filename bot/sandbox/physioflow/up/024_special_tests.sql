CREATE TABLE special_test_templates (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    name_vi     text NOT NULL,
    body_region text NOT NULL,
    sensitivity numeric(4, 3) CHECK (sensitivity BETWEEN 0 AND 1),
    specificity numeric(4, 3) CHECK (specificity BETWEEN 0 AND 1),
    procedure   text NOT NULL
);
COMMENT ON TABLE special_test_templates IS 'Orthopaedic special tests, such as Lachman or Spurling.';

CREATE TABLE special_test_results (
    id           bigserial PRIMARY KEY,
    patient_id   bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    template_id  integer NOT NULL REFERENCES special_test_templates (id),
    therapist_id integer NOT NULL REFERENCES therapists (id),
    side         text NOT NULL CHECK (side IN ('left', 'right', 'midline')),
    result       text NOT NULL CHECK (result IN ('positive', 'negative', 'inconclusive')),
    detail       jsonb NOT NULL DEFAULT '{}',
    tested_on    date NOT NULL
);
CREATE INDEX special_test_results_patient_idx ON special_test_results (patient_id, tested_on);
CREATE INDEX special_test_results_template_idx ON special_test_results (template_id) WHERE result = 'positive';

CREATE VIEW v_patient_special_test_summary AS
SELECT p.id AS patient_id, p.clinic_id, p.full_name, t.body_region,
       count(*) FILTER (WHERE r.result = 'positive') AS positive, count(*) AS tests, max(r.tested_on) AS last_tested_on
FROM patients p
JOIN special_test_results r ON r.patient_id = p.id
JOIN special_test_templates t ON t.id = r.template_id
GROUP BY p.id, t.body_region;

CREATE VIEW v_clinic_special_test_rate AS
SELECT clinic_id, body_region, round(sum(positive) / sum(tests), 3) AS positive_rate
FROM v_patient_special_test_summary
GROUP BY clinic_id, body_region;

-- A body is no dependency: this function outlives a rollback of this migration, hence OR REPLACE.
CREATE OR REPLACE FUNCTION count_positive_special_tests(for_patient bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT count(*) FROM special_test_results WHERE patient_id = for_patient AND result = 'positive');
END
$$;
