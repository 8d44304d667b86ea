-- migration: 024_special_tests
-- adds: Special test templates and results tables
-- impact: Loses special test data. Export data before rollback if needed.
-- data-loss: special_test_results, special_test_templates
-- verify: SELECT to_regclass('special_test_results') IS NULL
-- verify: SELECT to_regclass('special_test_templates') IS NULL

DROP TABLE IF EXISTS special_test_results CASCADE;
DROP TABLE IF EXISTS special_test_templates CASCADE;
