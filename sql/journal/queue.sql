-- Queries about the task queue's own tables.

-- name: heal
-- Close jobs whose worker has died. The work itself is deferred again by the sweep, from the rows that ask for it.
DELETE FROM procrastinate_jobs
WHERE status = 'doing'
  AND queue_name IN ('requests', 'chores', 'runs')
  AND (worker_id IS NULL OR worker_id IN (
      SELECT id FROM procrastinate_workers
      WHERE last_heartbeat < now() - make_interval(secs => %(dead_after_s)s)
  ))
RETURNING id;
