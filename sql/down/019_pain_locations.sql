-- migration: 019_pain_locations
-- adds: Pain location tracking
-- impact: Loses pain location data.
-- data-loss: pain_locations
-- verify: SELECT to_regclass('pain_locations') IS NULL

DROP TABLE IF EXISTS pain_locations CASCADE;
