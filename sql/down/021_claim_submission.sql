-- migration: 021_claim_submission
-- adds: BHYT claim submission tracking
-- impact: Loses claim submission history. Export before rollback.
-- data-loss: bhyt_claim_submissions, bhyt_claim_items
-- verify: SELECT to_regclass('bhyt_claim_submissions') IS NULL
-- verify: SELECT to_regclass('bhyt_claim_items') IS NULL

DROP TABLE IF EXISTS bhyt_claim_submissions CASCADE;
DROP TABLE IF EXISTS bhyt_claim_items CASCADE;
