-- Queries of the outbox. All times are the server's, so that replicas with skewed clocks keep one pace.

-- name: put
-- Request that a message looks like this; no row if that was requested before. Its address never changes.
INSERT INTO backstop.outbox (key, channel, thread_key, run_id, user_id, response_url, text, blocks, replace_original,
                             surface, attachment, attachment_name, attachment_title, attachment_digest,
                             signature, address_signature)
VALUES (%(key)s, %(channel)s, %(thread_key)s, %(run_id)s, %(user_id)s, %(response_url)s, %(text)s, %(blocks)s,
        %(replace_original)s, %(surface)s,
        %(attachment)s, %(attachment_name)s, %(attachment_title)s, %(attachment_digest)s,
        %(signature)s, %(address_signature)s)
ON CONFLICT (key) DO UPDATE
SET text = excluded.text, blocks = excluded.blocks, user_id = excluded.user_id,
    response_url = excluded.response_url, replace_original = excluded.replace_original,
    revision = outbox.revision + 1, wished_at = clock_timestamp(),
    attachment = excluded.attachment, attachment_name = excluded.attachment_name,
    attachment_title = excluded.attachment_title, attachment_digest = excluded.attachment_digest,
    signature = excluded.signature,
    address_signature = CASE
        WHEN (outbox.channel, outbox.thread_key, outbox.run_id, outbox.surface)
             = (excluded.channel, excluded.thread_key, excluded.run_id, excluded.surface)
        THEN excluded.address_signature ELSE outbox.address_signature END,
    problem = '', attempts = 0, barred_since = CASE WHEN outbox.problem = '' THEN outbox.barred_since END,
    not_before = CASE WHEN outbox.problem = '' THEN outbox.not_before ELSE '-infinity' END
WHERE CASE WHEN excluded.attachment_digest <> ''
      THEN outbox.attachment_digest <> excluded.attachment_digest
      ELSE (outbox.text, outbox.blocks::text, outbox.user_id, outbox.response_url)
           IS DISTINCT FROM (excluded.text, excluded.blocks::text, excluded.user_id, excluded.response_url)
           OR outbox.signature = ''
      END
RETURNING key;

-- name: posted
-- Which of our messages has an address.
SELECT key, run_id, channel, ts, posted_signature FROM backstop.outbox
WHERE channel = %(channel)s AND ts = %(ts)s AND ts <> '';

-- name: backlog
-- How many messages wait and how many were given up. Those whose thread has not been requested yet do not count.
WITH unsent AS (
    SELECT whisper OR surface <> '' AS personal, false AS given_up FROM backstop.outbox AS o
    WHERE o.sent_revision < o.revision AND o.problem = ''
      AND (o.thread_key = '' OR EXISTS (SELECT FROM backstop.outbox AS parent WHERE parent.key = o.thread_key))
    UNION ALL
    SELECT whisper OR surface <> '', true FROM backstop.outbox WHERE problem <> ''
)
SELECT receiver, count(*) FILTER (WHERE NOT given_up)::int AS waiting, count(*) FILTER (WHERE given_up)::int AS given_up
FROM (VALUES ('channel', false), ('person', true)) AS kind (receiver, personal)
LEFT JOIN unsent USING (personal)
GROUP BY receiver
ORDER BY receiver;

-- name: try_barred
-- Retry now what Slack barred the bot from, even what was given up for that.
WITH barred AS (
    SELECT key FROM backstop.outbox WHERE barred_since IS NOT NULL AND sent_revision < revision
    FOR UPDATE SKIP LOCKED  -- locked: another writer is trying it, or starting as well
)
UPDATE backstop.outbox AS o SET problem = '', attempts = 0, not_before = '-infinity', barred_since = NULL
FROM barred WHERE o.key = barred.key;

-- name: busy_channels
-- Channels with something to send, the longest waiting first.
SELECT channel FROM backstop.outbox
WHERE sent_revision < revision AND problem = '' AND NOT whisper AND surface = '' AND not_before <= clock_timestamp()
GROUP BY channel
ORDER BY min(position);

-- name: lock_channel
-- One writer per channel, over all replicas, for as long as its connection lives.
SELECT pg_try_advisory_lock(hashtext('backstop.outbox'), hashtext(%(channel)s)) AS locked;

-- name: unlock_channel
-- Let the next writer have the channel.
SELECT pg_advisory_unlock(hashtext('backstop.outbox'), hashtext(%(channel)s));

-- name: next_in_channel
-- The next message of a channel that may go out now. First sends keep the order of creation: one that is ready and
-- waits (for the pace, or after an error) holds up those behind it. Edits hold up nothing, and a file that has failed
-- steps aside: Slack's files can be out of order while its messages are not, and a request for consent must not wait.
WITH ready AS (
    SELECT o.*, coalesce(parent.ts, '') AS thread_ts, o.attachment_digest <> '' AND o.attempts > 0 AS aside
    FROM backstop.outbox AS o
    LEFT JOIN backstop.outbox AS parent ON parent.key = o.thread_key
    WHERE o.channel = %(channel)s AND o.sent_revision < o.revision AND o.problem = '' AND NOT o.whisper
      AND (o.thread_key = '' OR parent.ts <> '' OR parent.problem <> '')
)
SELECT key, channel, thread_key, run_id, user_id, response_url, text, blocks, replace_original, revision, ts,
       thread_ts, attempts, sending_revision, sending_since IS NOT NULL AS sending,
       coalesce(extract(epoch FROM clock_timestamp() - barred_since), 0)::float8 AS barred_s,
       attachment, attachment_name, attachment_title, surface, signature, address_signature, posted_signature
FROM ready
WHERE not_before <= clock_timestamp()
  AND CASE WHEN ts <> ''
      THEN %(may_edit)s AND coalesce(edited_at, '-infinity') <= clock_timestamp() - make_interval(secs => %(edit_every_s)s)
      ELSE (aside OR position = (SELECT min(position) FROM ready WHERE ts = '' AND NOT aside))
           AND coalesce(sending_since, '-infinity') <= clock_timestamp() - make_interval(secs => %(stale_after_s)s)
           AND (SELECT count(*) FROM backstop.outbox AS sent
                WHERE sent.channel = %(channel)s
                  AND sent.posted_at > clock_timestamp() - make_interval(secs => %(window_s)s)) < %(burst)s
      END
ORDER BY position
LIMIT 1;

-- name: mark_sending
-- Note, before Slack is called, that a post's outcome is not known. A file is looked for by its revision; of a message
-- that is found it is not known which attempt it comes from, so that the oldest counts: the worst of that is an edit.
UPDATE backstop.outbox
SET sending_since = clock_timestamp(),
    sending_revision = CASE WHEN sending_since IS NULL OR attachment_digest <> '' THEN %(revision)s
                       ELSE least(sending_revision, %(revision)s) END
WHERE key = %(key)s;

-- name: mark_posted
-- A message has its address. What was requested since is still to be sent.
UPDATE backstop.outbox
SET ts = %(ts)s, posted_signature = %(posted_signature)s, sent_revision = %(revision)s, posted_at = clock_timestamp(), edited_at = NULL,
    sending_since = NULL, attempts = 0, not_before = '-infinity', barred_since = NULL
WHERE key = %(key)s;

-- name: mark_shared
-- A file has been shared; its bytes are of no use any more, unless another content has been requested since.
UPDATE backstop.outbox
SET sent_revision = %(revision)s, posted_at = clock_timestamp(), sending_since = NULL, attempts = 0,
    not_before = '-infinity', barred_since = NULL, attachment = CASE WHEN revision > %(revision)s THEN attachment END
WHERE key = %(key)s;

-- name: mark_edited
-- A message has been edited.
UPDATE backstop.outbox
SET sent_revision = %(revision)s, edited_at = clock_timestamp(), attempts = 0, not_before = '-infinity',
    barred_since = NULL
WHERE key = %(key)s;

-- name: mark_gone
-- Somebody deleted the message: it is posted again, as it should look now.
UPDATE backstop.outbox SET ts = '', sent_revision = 0, posted_at = NULL, not_before = '-infinity' WHERE key = %(key)s;

-- name: delay
-- Try again later. An uncertain post is looked for in the channel before it is sent again.
UPDATE backstop.outbox
SET attempts = attempts + 1, not_before = clock_timestamp() + make_interval(secs => %(delay_s)s),
    sending_since = CASE WHEN %(uncertain)s THEN '-infinity'::timestamptz END,
    barred_since = CASE WHEN %(barred)s THEN coalesce(barred_since, clock_timestamp()) END
WHERE key = %(key)s;

-- name: give_up
-- A message cannot be sent; putting it again is another chance.
UPDATE backstop.outbox SET problem = %(problem)s, sending_since = NULL WHERE key = %(key)s AND revision = %(revision)s;

-- name: claim_ephemeral
-- Take an ephemeral message that is due, for as long as a sender may take; it goes to one writer.
UPDATE backstop.outbox AS o
SET sending_since = clock_timestamp(), sending_revision = o.revision
FROM (
    SELECT due.key, coalesce(parent.ts, '') AS thread_ts
    FROM backstop.outbox AS due
    LEFT JOIN backstop.outbox AS parent ON parent.key = due.thread_key
    WHERE due.sent_revision < due.revision AND due.problem = '' AND due.whisper
      AND due.not_before <= clock_timestamp()
      AND coalesce(due.sending_since, '-infinity') <= clock_timestamp() - make_interval(secs => %(claim_s)s)
    ORDER BY due.position
    LIMIT 1
    FOR UPDATE OF due SKIP LOCKED
) AS claimed
WHERE o.key = claimed.key
RETURNING o.key, o.channel, o.thread_key, o.run_id, o.user_id, o.response_url, o.text, o.blocks, o.replace_original, o.revision,
    o.surface, o.signature, o.address_signature, o.attempts, claimed.thread_ts, coalesce(extract(epoch FROM clock_timestamp() - o.barred_since), 0)::float8 AS barred_s,
    extract(epoch FROM clock_timestamp() - o.wished_at)::float8 AS age_s;

-- name: mark_ephemeral_shown
-- An ephemeral message has been shown; it has no address.
UPDATE backstop.outbox
SET sent_revision = %(revision)s, sending_since = NULL, attempts = 0, not_before = '-infinity', barred_since = NULL
WHERE key = %(key)s;

-- name: forget_response_url
-- The response_url no longer works: an ephemeral message in the channel takes its place.
UPDATE backstop.outbox SET response_url = '', signature = %(signature)s, sending_since = NULL
WHERE key = %(key)s AND revision = %(revision)s;

-- name: forget_ephemerals
-- Delete a batch of what one person was shown, or could not be shown, so long ago. Nothing hangs in a thread of it.
WITH old AS (
    SELECT key FROM backstop.outbox
    WHERE whisper AND (sent_revision >= revision OR problem <> '')
      AND wished_at < clock_timestamp() - make_interval(secs => %(older_than_s)s)
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM backstop.outbox USING old WHERE outbox.key = old.key RETURNING outbox.key
)
SELECT count(*)::int AS gone FROM gone;

-- name: claim_home
-- Take a Home tab that is due, for as long as a sender may take; one sender has it at a time, so that none overtakes.
UPDATE backstop.outbox AS o
SET sending_since = clock_timestamp()
FROM (
    SELECT key FROM backstop.outbox
    WHERE sent_revision < revision AND problem = '' AND surface = 'home' AND not_before <= clock_timestamp()
      AND coalesce(sending_since, '-infinity') <= clock_timestamp() - make_interval(secs => %(claim_s)s)
    ORDER BY wished_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
) AS due
WHERE o.key = due.key
RETURNING o.key, o.channel, o.thread_key, o.run_id, o.user_id, o.response_url, o.text, o.blocks, o.replace_original,
    o.surface, o.signature, o.address_signature, o.revision, o.attempts,
    coalesce(extract(epoch FROM clock_timestamp() - o.barred_since), 0)::float8 AS barred_s;

-- name: mark_published
-- A Home tab shows what was requested; the next edit of it waits.
UPDATE backstop.outbox
SET sent_revision = %(revision)s, sending_since = NULL, attempts = 0, barred_since = NULL,
    not_before = clock_timestamp() + make_interval(secs => %(edit_every_s)s)
WHERE key = %(key)s;
