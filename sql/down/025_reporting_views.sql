-- migration: 025_reporting_views
-- adds: Materialized views for reporting
-- impact: Removes reporting views. Reports may fail or run slower.
-- data-loss: none
-- verify: SELECT to_regclass('mv_therapist_productivity') IS NULL
-- verify: SELECT to_regclass('mv_diagnosis_statistics') IS NULL
-- verify: SELECT to_regclass('mv_treatment_outcomes') IS NULL
-- verify: SELECT to_regclass('mv_insurance_claims_summary') IS NULL

DROP MATERIALIZED VIEW IF EXISTS mv_therapist_productivity;
DROP MATERIALIZED VIEW IF EXISTS mv_diagnosis_statistics;
DROP MATERIALIZED VIEW IF EXISTS mv_treatment_outcomes;
DROP MATERIALIZED VIEW IF EXISTS mv_insurance_claims_summary;
