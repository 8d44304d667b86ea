-- migration: 022_reevaluation_assessments
-- adds: Reevaluation tracking tables
-- impact: Loses reevaluation data.
-- data-loss: reevaluation_assessments
-- verify: SELECT to_regclass('reevaluation_assessments') IS NULL

DROP TABLE IF EXISTS reevaluation_assessments CASCADE;
