CREATE TYPE mood AS ENUM ('happy', 'it''s "odd"');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE zoo (
    id int PRIMARY KEY, doc jsonb, raw json, list text[], bytes bytea, n numeric, f float8, at timestamptz, span interval,
    feeling mood, both_ pair, words text, flag bool, day date, address inet, u uuid, r int4range,
    twice int GENERATED ALWAYS AS (id * 2) STORED
);
CREATE TABLE patients (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE appointments (
    id serial PRIMARY KEY, patient int NOT NULL REFERENCES patients, note text, CONSTRAINT one UNIQUE (patient, note)
);
CREATE TABLE "an Audit ""log""" (
    clinic text COLLATE "C", "No." numeric, appointment int REFERENCES appointments, PRIMARY KEY (clinic, "No.")
);
CREATE TABLE staff (id int PRIMARY KEY, boss int REFERENCES staff, name text);
CREATE TABLE words (word varchar(40) PRIMARY KEY);
CREATE TABLE keyless (a int);
CREATE TABLE visits (id int, month int, note text, PRIMARY KEY (id, month)) PARTITION BY LIST (month);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES IN (1);
CREATE TABLE visits_2 PARTITION OF visits FOR VALUES IN (2);
CREATE TABLE applied (version text PRIMARY KEY);
CREATE TABLE quiet (id int PRIMARY KEY);

INSERT INTO zoo (id, words) VALUES (1, 'stays'), (2, 'old');
INSERT INTO patients (name) VALUES ('Ana'), ('Béla');
INSERT INTO appointments (patient, note) VALUES (1, 'first'), (2, 'first');
INSERT INTO "an Audit ""log""" VALUES ('north', 1.0, 1), ('north', 2, NULL);
INSERT INTO staff VALUES (5, NULL, 'chief');
INSERT INTO words VALUES ('aa'), ('Ab'), ('zz'), ('é'), ('_'), ('😀');
INSERT INTO visits VALUES (1, 1, 'x'), (1, 2, 'y');
INSERT INTO quiet SELECT generate_series(1, 50);
