-- Lists what reaches beyond a database's own tables: a dump may create it only where the live database has it.

-- name: known
-- Kind, name and whatever else must be the same. A function's code is compared by its hash.
SELECT 'extension' AS kind, extname::text AS name, '' AS detail FROM pg_catalog.pg_extension
UNION ALL SELECT 'language', lanname, '' FROM pg_catalog.pg_language
UNION ALL SELECT 'trusted language', lanname, '' FROM pg_catalog.pg_language WHERE lanpltrusted
UNION ALL SELECT 'access method', amname, '' FROM pg_catalog.pg_am
UNION ALL SELECT 'fdw', fdwname, '' FROM pg_catalog.pg_foreign_data_wrapper
UNION ALL SELECT 'foreign_server', srvname, '' FROM pg_catalog.pg_foreign_server
UNION ALL SELECT 'server', s.srvname, concat_ws(E'\n', w.fdwname,
         (SELECT string_agg(o, E'\n' ORDER BY o COLLATE "C") FROM unnest(s.srvoptions) o))
       FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
UNION ALL SELECT 'mapping', srvname, usename FROM pg_catalog.pg_user_mappings
UNION ALL SELECT 'event_trigger', evtname, '' FROM pg_catalog.pg_event_trigger
UNION ALL SELECT 'event trigger', e.evtname, concat(e.evtevent, ' ', n.nspname, '.', p.proname)
       FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
       JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
UNION ALL SELECT 'subscription', subname, '' FROM pg_catalog.pg_subscription
       WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
UNION ALL SELECT 'function', concat(n.nspname, '.', p.proname),
         concat(l.lanname, ' ', encode(sha256(convert_to(concat(p.probin, p.prosrc), 'UTF8')), 'hex'))
       FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
       JOIN pg_catalog.pg_language l ON l.oid = p.prolang
       WHERE NOT l.lanpltrusted AND l.lanname <> 'sql' AND n.nspname <> 'pg_catalog';
