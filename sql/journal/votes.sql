-- Queries about votes. A run's row is held while one is cast or taken back, so that they come one after the other.
-- Requests expire by the server's clock, so that replicas with skewed clocks agree.

-- name: lock_run
-- Hold a run's row while a vote is cast or taken back.
SELECT state, digest, expires_at <= clock_timestamp() AS expired FROM backstop.runs
WHERE id = %(run_id)s FOR NO KEY UPDATE;

-- name: lock_lease
-- Hold the lease, after the run's row: its owner records no step meanwhile.
SELECT fencing_token FROM backstop.leases WHERE work_kind = 'run' AND work_id = %(run_id)s FOR NO KEY UPDATE;

-- name: progress
-- Whether the re-check of the plan, which counts votes again, is still ahead or under way; and whether nothing has begun.
SELECT coalesce(bool_or(key = %(until)s AND state IN ('waiting', 'running')), false) AS is_recheck_ahead,
       coalesce(bool_and(state = 'waiting'), false) AS is_untouched
FROM backstop.steps WHERE work_kind = 'run' AND work_id = %(run_id)s;

-- name: newer_than_vote
-- What a person did after they voted like this: took it back, or voted again. A rejection is only ever taken back.
SELECT 1 AS newer FROM backstop.retractions
WHERE run_id = %(run_id)s AND user_id = %(user_id)s AND choice = %(choice)s AND %(how)s = 'reaction'
  AND short_digest = left(%(digest)s, 12) AND event_ts >= %(event_ts)s
UNION ALL
SELECT 1 FROM backstop.votes
WHERE run_id = %(run_id)s AND user_id = %(user_id)s AND digest = %(digest)s
  AND event_ts > %(event_ts)s AND %(choice)s <> 'reject';

-- name: cast_vote
-- Record a vote in the place of the same person's earlier one; no row when this very vote is there already.
INSERT INTO backstop.votes AS old
    (run_id, user_id, choice, digest, how, at, event_ts, channel, ts, request_id, signature)
VALUES (%(run_id)s, %(user_id)s, %(choice)s, %(digest)s, %(how)s, %(at)s, %(event_ts)s, %(channel)s, %(ts)s,
        %(request_id)s, %(signature)s)
ON CONFLICT (run_id, user_id) DO UPDATE
SET choice = excluded.choice, digest = excluded.digest, how = excluded.how, at = excluded.at,
    event_ts = excluded.event_ts, channel = excluded.channel, ts = excluded.ts, request_id = excluded.request_id,
    signature = excluded.signature
WHERE (old.choice, old.digest, old.how, old.event_ts, old.request_id)
      IS DISTINCT FROM (excluded.choice, excluded.digest, excluded.how, excluded.event_ts, excluded.request_id)
RETURNING user_id;

-- name: note_retraction
-- Remember that a reaction was taken off.
INSERT INTO backstop.retractions AS known (run_id, user_id, choice, short_digest, event_ts)
VALUES (%(run_id)s, %(user_id)s, %(choice)s, %(short_digest)s, %(event_ts)s)
ON CONFLICT (run_id, user_id, choice, short_digest) DO UPDATE
SET event_ts = greatest(known.event_ts, excluded.event_ts);

-- name: retracted_vote
-- The vote that a retraction is about, and whether the re-check of the plan, which counts votes again, is still ahead.
SELECT coalesce((SELECT state = 'waiting' FROM backstop.steps
                 WHERE work_kind = 'run' AND work_id = %(run_id)s AND key = %(until)s), false)
       AS counted_again
FROM backstop.votes
WHERE run_id = %(run_id)s AND user_id = %(user_id)s AND choice = %(choice)s AND how = 'reaction'
  AND left(digest, 12) = %(short_digest)s AND event_ts <= %(event_ts)s;

-- name: clear_vote
-- Take a person's vote out.
DELETE FROM backstop.votes WHERE run_id = %(run_id)s AND user_id = %(user_id)s;

-- name: votes
-- Votes now, oldest first.
SELECT user_id, choice, digest, how, at, event_ts, channel, ts, request_id, signature FROM backstop.votes WHERE run_id = %(run_id)s ORDER BY at, user_id;

-- name: clear_stale_votes
-- Take back every vote for another plan, so that none of them counts should that plan ever return.
DELETE FROM backstop.votes WHERE run_id = %(run_id)s AND digest <> %(digest)s;
