INSERT INTO zoo VALUES
    (3, '{"a": [1, "it''s \\ \n"], "b": null}', '{"a":  1,"a":2}', ARRAY['x', NULL, 'a"b,{}\', ''], '\x00ff5c27', 'NaN', 'NaN',
     '2026-11-22 12:00:00.123456+02', '-1 year 2 days -03:04:05.6', 'it''s "odd"', ROW(1, 'x,"y'), E'it''s\\ "so"\r\n-- ; DROP TABLE zoo;\n\\q',
     false, 'infinity', '10.1.2.3/24', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[3,9)'),
    (4, NULL, NULL, '{}', '', '1e-20', '-Infinity', '0044-03-15 BC', '0', NULL, ROW(NULL, ''), '', true, '2026-02-28', '::1', NULL, 'empty'),
    (5, 'null', 'null', '{{1,2},{3,4}}', NULL, 'Infinity', 0.1, 'infinity', NULL, 'happy', NULL, E'\t\f ''; --', NULL, NULL, NULL, NULL, NULL);
UPDATE zoo SET words = E'new\nline', raw = '[1]' WHERE id = 2;
INSERT INTO patients (name) VALUES ('O''Brien'), ('Ünal');
INSERT INTO appointments (patient, note) VALUES (4, 'second'), (3, E'\\'), (1, NULL);
INSERT INTO "an Audit ""log""" VALUES ('north', 1.5, 5), ('South', 1, 3), ('', 0, 4);
INSERT INTO staff VALUES (1, 3, 'intern'), (3, 5, 'lead');
INSERT INTO words SELECT chr(n) || n FROM generate_series(65, 400) n;
INSERT INTO keyless VALUES (1);
INSERT INTO visits VALUES (2, 2, 'z');
