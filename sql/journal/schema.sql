-- The journal: leases, runs, steps, votes, requests, jobs, freezes, and messages on their way to chat.
-- Idempotent: it is applied again whenever its text has changed (bot/adapters/journal/schema.py). Once released, a
-- column is added below its table by ALTER TABLE … ADD COLUMN IF NOT EXISTS, not in CREATE TABLE.

-- Who owns a run, a drill or a job, and until when: one row once it has had an owner. The fencing token grows with every
-- owner; a write that carries an older one is refused. `lease_until` is NULL while nobody owns it.
CREATE TABLE IF NOT EXISTS backstop.leases (
    work_kind     text NOT NULL CHECK (work_kind IN ('run', 'drill', 'job')),
    work_id       text NOT NULL,
    fencing_token bigint NOT NULL DEFAULT 0,
    owner         text NOT NULL DEFAULT '',
    lease_until   timestamptz,
    PRIMARY KEY (work_kind, work_id)
);

-- Views name columns, so they make way for changes to tables and are created again at the end.
DROP VIEW IF EXISTS backstop.run_records, backstop.drill_records;

-- Older versions kept leases with runs, steps of drills as JSON, and jobs apart. Moved in this transaction: an older
-- replica that still runs finds its columns gone and is refused, so it cannot write past a lease.
DO $$
BEGIN
    IF EXISTS (SELECT FROM information_schema.columns
               WHERE table_schema = 'backstop' AND table_name = 'runs' AND column_name = 'fence') THEN
        -- Before the first row is copied: what an older replica commits between a copy and its DROP would be lost. In
        -- the order in which it locks them itself.
        LOCK TABLE backstop.runs, backstop.steps, backstop.chores, backstop.drills IN ACCESS EXCLUSIVE MODE;
        INSERT INTO backstop.leases (work_kind, work_id, fencing_token, owner, lease_until)
        SELECT 'run', id, fence, owner, lease_until FROM backstop.runs WHERE fence > 0
        UNION ALL SELECT 'drill', id, fence, '', NULL FROM backstop.drills WHERE fence > 0
        UNION ALL SELECT 'job', request_id, attempts, '', NULL FROM backstop.chores;
        ALTER TABLE backstop.runs DROP COLUMN fence, DROP COLUMN owner, DROP COLUMN lease_until;

        ALTER TABLE backstop.steps
            DROP CONSTRAINT steps_run_id_fkey,
            DROP CONSTRAINT steps_pkey,
            DROP CONSTRAINT steps_run_id_position_key;
        ALTER TABLE backstop.steps RENAME COLUMN run_id TO work_id;
        ALTER TABLE backstop.steps ADD COLUMN work_kind text NOT NULL DEFAULT 'run';
        ALTER TABLE backstop.steps ALTER COLUMN work_kind DROP DEFAULT;
        ALTER TABLE backstop.steps
            ADD CHECK (work_kind IN ('run', 'drill', 'job')),
            ADD PRIMARY KEY (work_kind, work_id, key),
            ADD UNIQUE (work_kind, work_id, position);
        INSERT INTO backstop.steps
            (work_kind, work_id, key, position, title, state, detail, data, started_at, ended_at, attempts, progress)
        SELECT 'drill', drills.id, step ->> 'key', place - 1, step ->> 'title', step ->> 'state', step ->> 'detail',
               step -> 'data', (step ->> 'started_at')::timestamptz, (step ->> 'ended_at')::timestamptz,
               (step ->> 'attempts')::int, nullif(step -> 'progress', 'null')
        FROM backstop.drills, jsonb_array_elements(steps) WITH ORDINALITY AS listed (step, place);
        ALTER TABLE backstop.drills DROP COLUMN fence, DROP COLUMN steps;

        ALTER TABLE backstop.chores DROP COLUMN attempts;
        ALTER TABLE backstop.chores RENAME TO jobs;
        ALTER INDEX backstop.chores_pkey RENAME TO jobs_pkey;
    END IF;
END
$$;

-- What people did, persisted before Slack is answered. `json`, not `jsonb`: it keeps every character they typed.
CREATE TABLE IF NOT EXISTS backstop.requests (
    id          text PRIMARY KEY,
    kind        text NOT NULL,
    payload     json NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    problem     text NOT NULL DEFAULT ''
);
-- When the bot took it in, and its signature over the row: who writes to this table has no key.
ALTER TABLE backstop.requests ADD COLUMN IF NOT EXISTS taken_at timestamptz;
ALTER TABLE backstop.requests ADD COLUMN IF NOT EXISTS signature text NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS requests_unfinished ON backstop.requests (accepted_at) WHERE finished_at IS NULL;

-- Attempts at a request that is not finished. `handler` is the process that handles it, '' while none does: one that is
-- still named when another takes the request has died in the middle. A table of its own, because the count must be
-- committed while the request's row stays locked; and no foreign key, whose lock would wait for that one.
CREATE TABLE IF NOT EXISTS backstop.request_attempts (
    request_id  text PRIMARY KEY,
    handler     text NOT NULL,
    interrupted int NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS backstop.runs (
    id                  text PRIMARY KEY,
    environment         text NOT NULL,
    plan                jsonb NOT NULL,
    digest              text NOT NULL,
    state               text NOT NULL CHECK (state IN ('pending', 'approved', 'running', 'parked', 'succeeded',
                                                       'failed', 'cancelled', 'rejected', 'expired', 'void')),
    requester           text NOT NULL,
    reason              text NOT NULL,
    channel             text NOT NULL,
    created_at          timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    started_at          timestamptz,
    ended_at            timestamptz,
    cancel_requested_by text NOT NULL DEFAULT '',
    problem             text NOT NULL DEFAULT ''
);
-- The drill that asked for a run, or "" for people. Such a run needs no votes, and never runs in production.
ALTER TABLE backstop.runs ADD COLUMN IF NOT EXISTS drill text NOT NULL DEFAULT '';
-- The request that opened it, and the bot's signature over what was asked for.
ALTER TABLE backstop.runs ADD COLUMN IF NOT EXISTS request_id text NOT NULL DEFAULT '';
ALTER TABLE backstop.runs ADD COLUMN IF NOT EXISTS signature text NOT NULL DEFAULT '';
-- One open run an environment, whatever any replica believes.
CREATE UNIQUE INDEX IF NOT EXISTS runs_one_open_per_environment ON backstop.runs (environment)
    WHERE state IN ('pending', 'approved', 'running', 'parked');
CREATE INDEX IF NOT EXISTS runs_newest ON backstop.runs (created_at DESC);

-- The checklists of runs, drills and jobs.
CREATE TABLE IF NOT EXISTS backstop.steps (
    work_kind  text NOT NULL CHECK (work_kind IN ('run', 'drill', 'job')),
    work_id    text NOT NULL,
    key        text NOT NULL,
    position   int NOT NULL,
    title      text NOT NULL,
    state      text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'undone', 'skipped', 'open')),
    detail     text NOT NULL DEFAULT '',
    data       jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz,
    ended_at   timestamptz,
    attempts   int NOT NULL DEFAULT 0,
    progress   jsonb,
    PRIMARY KEY (work_kind, work_id, key),
    UNIQUE (work_kind, work_id, position)
);

-- The bot's signature over the state and the data of a run's step.
ALTER TABLE backstop.steps ADD COLUMN IF NOT EXISTS signature text NOT NULL DEFAULT '';

-- An older schema made it beside its like, steps_open.
DROP INDEX IF EXISTS backstop.steps_left_open;

CREATE TABLE IF NOT EXISTS backstop.votes (
    run_id  text NOT NULL REFERENCES backstop.runs,
    user_id text NOT NULL,
    choice  text NOT NULL CHECK (choice IN ('approve', 'reject')),
    digest  text NOT NULL,
    how     text NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (run_id, user_id)
);
-- When Slack saw the vote; 0 where that is not known.
ALTER TABLE backstop.votes ADD COLUMN IF NOT EXISTS event_ts numeric NOT NULL DEFAULT 0;
-- The message and the request it came by, and the bot's signature over the vote.
ALTER TABLE backstop.votes ADD COLUMN IF NOT EXISTS channel text NOT NULL DEFAULT '';
ALTER TABLE backstop.votes ADD COLUMN IF NOT EXISTS ts text NOT NULL DEFAULT '';
ALTER TABLE backstop.votes ADD COLUMN IF NOT EXISTS request_id text NOT NULL DEFAULT '';
ALTER TABLE backstop.votes ADD COLUMN IF NOT EXISTS signature text NOT NULL DEFAULT '';

-- Reactions that people have taken off, the newest of a kind: adding and removing one are dealt with in any order, and
-- a vote that is older than its removal must not be cast. By plan, not by message: a run's card and its request ask
-- for the same consent.
CREATE TABLE IF NOT EXISTS backstop.retractions (
    run_id       text NOT NULL REFERENCES backstop.runs,
    user_id      text NOT NULL,
    choice       text NOT NULL CHECK (choice IN ('approve', 'reject')),
    short_digest text NOT NULL,
    event_ts     numeric NOT NULL,
    PRIMARY KEY (run_id, user_id, choice, short_digest)
);

CREATE TABLE IF NOT EXISTS backstop.freezes (
    environment text PRIMARY KEY,
    user_id     text NOT NULL,
    reason      text NOT NULL,
    since       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who does what to an environment's backups. It holds for as long as the request is unfinished, so no row is ever stale.
-- No foreign key: its lock on the request's row would wait for the very holder of the request.
CREATE TABLE IF NOT EXISTS backstop.jobs (
    environment text NOT NULL,
    kind        text NOT NULL,
    request_id  text NOT NULL,
    user_id     text NOT NULL,
    since       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (environment, kind)
);

-- Messages as wanted (`revision`) and as sent (`sent_revision`). `sending_since` marks a post whose outcome is not
-- known: set before Slack is called, cleared when it has answered.
CREATE TABLE IF NOT EXISTS backstop.outbox (
    key              text PRIMARY KEY,
    position         bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    channel          text NOT NULL,
    thread_key       text NOT NULL,
    run_id           text NOT NULL,
    user_id          text NOT NULL,
    response_url     text NOT NULL,
    text             text NOT NULL,
    blocks           json NOT NULL,
    whisper          boolean NOT NULL GENERATED ALWAYS AS (user_id <> '' OR response_url <> '') STORED,
    revision         int NOT NULL DEFAULT 1,
    sent_revision    int NOT NULL DEFAULT 0,
    ts               text NOT NULL DEFAULT '',
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    wished_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    posted_at        timestamptz,
    edited_at        timestamptz,
    not_before       timestamptz NOT NULL DEFAULT '-infinity',
    sending_since    timestamptz,
    sending_revision int NOT NULL DEFAULT 0,
    attempts         int NOT NULL DEFAULT 0,
    problem          text NOT NULL DEFAULT ''
);
ALTER TABLE backstop.outbox ADD COLUMN IF NOT EXISTS replace_original boolean NOT NULL DEFAULT false;
-- 'home': the blocks of a person's Home tab, whose user id `channel` then is; '' for messages.
ALTER TABLE backstop.outbox ADD COLUMN IF NOT EXISTS surface text NOT NULL DEFAULT '';
-- A file: its bytes until it is sent, and their hash permanently, so that the same content is not sent twice.
ALTER TABLE backstop.outbox ADD COLUMN IF NOT EXISTS attachment bytea;
ALTER TABLE backstop.outbox ADD COLUMN IF NOT EXISTS attachment_name text NOT NULL DEFAULT '';
ALTER TABLE backstop.outbox ADD COLUMN IF NOT EXISTS attachment_title text NOT NULL DEFAULT '';
ALTER TABLE backstop.outbox ADD COLUMN IF NOT EXISTS attachment_digest text NOT NULL DEFAULT '';
-- Since when Slack has not let the bot in to send it; NULL: it has, or has not been asked.
ALTER TABLE backstop.outbox ADD COLUMN IF NOT EXISTS barred_since timestamptz;
-- The bot's signatures: over what the message says, where it goes, and where in Slack it is.
ALTER TABLE backstop.outbox ADD COLUMN IF NOT EXISTS signature text NOT NULL DEFAULT '';
ALTER TABLE backstop.outbox ADD COLUMN IF NOT EXISTS address_signature text NOT NULL DEFAULT '';
ALTER TABLE backstop.outbox ADD COLUMN IF NOT EXISTS posted_signature text NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS outbox_given_up ON backstop.outbox (position) WHERE problem <> '';
CREATE INDEX IF NOT EXISTS outbox_unsent ON backstop.outbox (position)
    WHERE sent_revision < revision AND problem = '';
CREATE INDEX IF NOT EXISTS outbox_by_address ON backstop.outbox (channel, ts) WHERE ts <> '';
CREATE INDEX IF NOT EXISTS outbox_by_post ON backstop.outbox (channel, posted_at) WHERE posted_at IS NOT NULL;

-- Drills are kept for ever: they are what is known about how long a restore takes.
-- Schedules as replicas have them in force; of one name the newest `known_since` counts. The name "" is the
-- scheduler itself: its `seen_at` is when everything due had last been dealt with.
CREATE TABLE IF NOT EXISTS backstop.drill_schedules (
    name        text NOT NULL,
    fingerprint text NOT NULL,
    known_since timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    planned_to  timestamptz NOT NULL,
    PRIMARY KEY (name, fingerprint)
);

CREATE TABLE IF NOT EXISTS backstop.drills (
    id          text PRIMARY KEY,
    schedule    text NOT NULL,
    environment text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('restore', 'migration', 'bundle')),
    bundle_of   text NOT NULL,
    due_at      timestamptz NOT NULL,
    start_at    timestamptz NOT NULL,
    state       text NOT NULL CHECK (state IN ('planned', 'running', 'passed', 'failed', 'skipped', 'missed')),
    user_id     text NOT NULL DEFAULT '',
    started_at  timestamptz,
    ended_at    timestamptz,
    announced_at timestamptz,
    told_at     timestamptz,
    problem     text NOT NULL DEFAULT '',
    measured    jsonb
);
-- A due drill exists once, however many replicas see that it is due.
CREATE UNIQUE INDEX IF NOT EXISTS drills_once ON backstop.drills (schedule, due_at) WHERE schedule <> '';
CREATE INDEX IF NOT EXISTS drills_newest ON backstop.drills (due_at DESC);
CREATE INDEX IF NOT EXISTS drills_open ON backstop.drills (start_at) WHERE state IN ('planned', 'running');

CREATE INDEX IF NOT EXISTS drills_untold ON backstop.drills (due_at)
    WHERE told_at IS NULL AND state NOT IN ('planned', 'running');

-- Alerts that have been raised and still hold.
CREATE TABLE IF NOT EXISTS backstop.drill_alerts (
    subject     text PRIMARY KEY,
    environment text NOT NULL,
    since       timestamptz NOT NULL,
    passed      boolean NOT NULL
);

CREATE TABLE IF NOT EXISTS backstop.script_proofs (
    sha256     text NOT NULL,
    drill_id   text NOT NULL REFERENCES backstop.drills,
    version    int NOT NULL,
    at         timestamptz NOT NULL,
    reversible boolean,
    PRIMARY KEY (sha256, drill_id)
);
-- Versions may be times to the second.
ALTER TABLE backstop.script_proofs ALTER COLUMN version TYPE bigint;
-- What the Home tab asks every few seconds.
CREATE INDEX IF NOT EXISTS steps_open ON backstop.steps (work_id) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS drills_ended ON backstop.drills (ended_at);
CREATE INDEX IF NOT EXISTS requests_home ON backstop.requests (accepted_at) WHERE kind = 'home';

CREATE VIEW backstop.run_records AS
SELECT runs.*, coalesce(leases.fencing_token, 0) AS fencing_token, checklist.steps,
       coalesce(log.head, '') AS log_head
FROM backstop.runs
LEFT JOIN backstop.leases ON leases.work_kind = 'run' AND leases.work_id = runs.id
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(to_jsonb(steps) ORDER BY steps.position), '[]') AS steps
    FROM backstop.steps WHERE steps.work_kind = 'run' AND steps.work_id = runs.id
) AS checklist
-- As `short_head` in bot/domain/audit.py writes it.
LEFT JOIN LATERAL (
    SELECT sequence || '·' || left(regexp_replace(digest, '^.*:', ''), 8) AS head FROM backstop.audit
    WHERE audit.run_id = runs.id
    ORDER BY sequence DESC
    LIMIT 1
) AS log ON true;

CREATE VIEW backstop.drill_records AS
SELECT drills.*, coalesce(leases.fencing_token, 0) AS fencing_token, checklist.steps
FROM backstop.drills
LEFT JOIN backstop.leases ON leases.work_kind = 'drill' AND leases.work_id = drills.id
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(to_jsonb(steps) ORDER BY steps.position), '[]') AS steps
    FROM backstop.steps WHERE steps.work_kind = 'drill' AND steps.work_id = drills.id
) AS checklist;
