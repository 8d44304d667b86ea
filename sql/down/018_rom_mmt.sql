-- migration: 018_rom_mmt
-- adds: Range of Motion and Manual Muscle Testing tables
-- impact: Loses ROM/MMT assessment data.
-- data-loss: mmt_assessments, rom_assessments
-- verify: SELECT to_regclass('mmt_assessments') IS NULL
-- verify: SELECT to_regclass('rom_assessments') IS NULL

DROP TABLE IF EXISTS mmt_assessments CASCADE;
DROP TABLE IF EXISTS rom_assessments CASCADE;
