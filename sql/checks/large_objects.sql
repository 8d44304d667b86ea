-- Reads large objects piece by piece: no row holds a whole one.

-- name: pieces
-- Every large object: OID, owner, grants, number of the piece, the piece (256 KiB at most) as hex; an empty one has one empty piece.
SELECT m.oid::bigint AS oid, pg_catalog.pg_get_userbyid(m.lomowner)::text AS owner, coalesce(m.lomacl::text, '') AS acl, p.piece,
       encode(pg_catalog.lo_get(m.oid, p.piece::bigint * 262144, 262144), 'hex') AS data
FROM pg_catalog.pg_largeobject_metadata m
CROSS JOIN LATERAL (SELECT pg_catalog.lo_open(m.oid, 262144) AS fd OFFSET 0) f
CROSS JOIN LATERAL (SELECT pg_catalog.lo_lseek64(f.fd, 0, 2) AS size OFFSET 0) s
CROSS JOIN LATERAL (SELECT pg_catalog.lo_close(f.fd) + s.size AS size OFFSET 0) c
CROSS JOIN LATERAL generate_series(0, greatest(0, (c.size - 1) / 262144)::int) AS p (piece)
ORDER BY m.oid, p.piece;

-- name: grants
-- Grants of a large object, but its owner's: grantee (NULL for PUBLIC), privilege, with the right to pass it on.
SELECT CASE x.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(x.grantee) END, x.privilege_type, x.is_grantable
FROM pg_catalog.aclexplode(%(acl)s::aclitem[]) x
WHERE CASE x.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(x.grantee) END <> %(owner)s
ORDER BY 1, 2;
