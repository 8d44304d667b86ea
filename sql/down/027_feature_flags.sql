-- migration: 027_feature_flags
-- adds: feature_flags and feature_flag_audit_log tables
-- impact: Removes feature flag functionality. Application must not depend on feature flags table.
-- data-loss: feature_flags, feature_flag_audit_log
-- verify: SELECT to_regclass('feature_flags') IS NULL
-- verify: SELECT to_regclass('feature_flag_audit_log') IS NULL
-- verify: SELECT to_regprocedure('update_feature_flags_updated_at()') IS NULL

DROP TRIGGER IF EXISTS trigger_update_feature_flags_updated_at ON feature_flags;
DROP FUNCTION IF EXISTS update_feature_flags_updated_at();
DROP TABLE IF EXISTS feature_flag_audit_log;
DROP TABLE IF EXISTS feature_flags;
