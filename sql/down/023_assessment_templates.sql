-- migration: 023_assessment_templates
-- adds: Assessment template system
-- impact: Loses assessment template configurations.
-- data-loss: patient_assessment_templates, assessment_templates
-- verify: SELECT to_regclass('patient_assessment_templates') IS NULL
-- verify: SELECT to_regclass('assessment_templates') IS NULL

DROP TABLE IF EXISTS patient_assessment_templates CASCADE;
DROP TABLE IF EXISTS assessment_templates CASCADE;
