-- Describes the role that loads bundles, as the server's catalogue has it.

-- name: loader
-- Its name, a proposal where none is given; the name of our own role; whether it can log in and our role can act as it.
SELECT quote_ident(coalesce(nullif(wanted.name, ''), current_user || '_loader')), quote_ident(current_user),
       coalesce(r.rolcanlogin AND pg_catalog.pg_has_role(r.oid, 'USAGE')
                AND CASE WHEN current_setting('server_version_num')::int >= 160000 THEN pg_catalog.pg_has_role(r.oid, 'SET')
                         ELSE pg_catalog.pg_has_role(r.oid, 'MEMBER') END, false)
FROM (SELECT %(loader)s::text) AS wanted (name)
LEFT JOIN pg_catalog.pg_roles r ON r.rolname = wanted.name;

-- name: powers
-- What it may do besides loading, and the statement that takes it away.
WITH loader AS (SELECT * FROM pg_catalog.pg_roles WHERE rolname = %(loader)s)
SELECT 'is the bot''s own role', format('CREATE ROLE %%I LOGIN PASSWORD ''…''; GRANT %%1$I TO %%2$I; and name that one.',
                                        l.rolname || '_loader', l.rolname)
FROM loader l WHERE l.rolname = current_user
UNION ALL
SELECT format('has the attribute %%s', given.attribute), format('ALTER ROLE %%I NO%%s;', l.rolname, given.attribute)
FROM loader l
CROSS JOIN LATERAL (VALUES ('SUPERUSER', l.rolsuper), ('CREATEROLE', l.rolcreaterole), ('CREATEDB', l.rolcreatedb),
                           ('REPLICATION', l.rolreplication), ('BYPASSRLS', l.rolbypassrls)) AS given (attribute, has)
WHERE given.has
UNION ALL
SELECT format('is a member of %%I', r.rolname), format('REVOKE %%I FROM %%I;', r.rolname, l.rolname)
FROM loader l
JOIN pg_catalog.pg_auth_members m ON m.member = l.oid
JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
UNION ALL
SELECT format('owns the database %%I', d.datname), format('ALTER DATABASE %%I OWNER TO …;', d.datname)
FROM loader l JOIN pg_catalog.pg_database d ON d.datdba = l.oid
UNION ALL
SELECT format('owns the tablespace %%I', t.spcname), format('ALTER TABLESPACE %%I OWNER TO …;', t.spcname)
FROM loader l JOIN pg_catalog.pg_tablespace t ON t.spcowner = l.oid
UNION ALL
SELECT format('may create in the tablespace %%I', t.spcname), format('REVOKE ALL ON TABLESPACE %%I FROM %%I;', t.spcname, l.rolname)
FROM loader l
JOIN pg_catalog.pg_shdepend s ON s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = l.oid
    AND s.classid = 'pg_catalog.pg_tablespace'::regclass AND s.deptype = 'a'
JOIN pg_catalog.pg_tablespace t ON t.oid = s.objid
UNION ALL
SELECT format('may connect to the database %%I', d.datname),
       CASE WHEN EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
                         WHERE x.grantee = 0 AND x.privilege_type = 'CONNECT')
            THEN format('REVOKE CONNECT ON DATABASE %%I FROM PUBLIC; after GRANT CONNECT ON DATABASE %%1$I TO each role that uses it.', d.datname)
            ELSE format('REVOKE ALL ON DATABASE %%I FROM %%I;', d.datname, l.rolname) END
FROM loader l JOIN pg_catalog.pg_database d ON d.datname = %(live)s
WHERE NOT l.rolsuper AND pg_catalog.has_database_privilege(l.oid, d.oid, 'CONNECT')
UNION ALL
SELECT format('owns %%s objects in the database %%I', count(*), d.datname),
       format('(in %%I) REASSIGN OWNED BY %%I TO %%I;', d.datname, l.rolname, pg_catalog.pg_get_userbyid(d.datdba))
FROM loader l
JOIN pg_catalog.pg_database d ON d.datname = %(live)s
JOIN pg_catalog.pg_shdepend s ON s.dbid = d.oid AND s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = l.oid
    AND s.deptype = 'o'
WHERE l.rolname <> current_user
GROUP BY l.rolname, d.datname, d.datdba;

-- name: reachable
-- Other databases that it may connect to, and that are none of its own work.
SELECT d.datname
FROM pg_catalog.pg_database d
WHERE d.datallowconn AND d.datname <> %(live)s AND strpos(d.datname, '_backstop_') = 0
  AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = %(loader)s
              AND pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT'))
ORDER BY d.datname;
