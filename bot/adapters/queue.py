"""Queues requests, jobs and runs in the state database with procrastinate, and runs its workers.

Decision 4: a queued task only names a request or a run; the journal's rows say what is to be done. So a task may be
lost, duplicated or interrupted without harm: the sweep defers it again.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, AppNotOpen, ConnectorException
from procrastinate.jobs import DeleteJobCondition
from procrastinate.worker import Worker as QueueWorker
from psycopg_pool import AsyncConnectionPool

from bot.adapters.journal.connections import CHECKOUT_TIMEOUT_S, CONNECT_TIMEOUT_S, complete_dsn, open_pool
from bot.adapters.named_queries import load
from bot.errors import TemporaryError

REQUESTS, JOBS, RUNS = "requests", "chores", "runs"
HEARTBEAT_S = 5.0
DEAD_AFTER_S = 30.0
POLL_S = 1.0
"""Delay of a task whose notification was lost."""
RESTART_AFTER_S = 1.0
CONNECTIONS = 6

_QUERIES = load("sql.journal", "queue.sql")
_log = logging.getLogger(__name__)


class ProcrastinateQueue:
    """Implements `bot.ports.Queue`. Close it at the end.

    Args:
        dsn: of the state database, made ready by `journal.migrate`.
    """

    def __init__(self, dsn: str) -> None:
        self._pool = open_pool(dsn, max_size=CONNECTIONS)
        connector = SyncPsycopgConnector()
        connector.open(self._pool)
        self._app = App(connector=connector)

    def defer_request(self, request_id: str) -> None:
        """Queue the handling of a persisted request.

        Raises:
            TemporaryError: ``queue-unreachable``.
        """
        self._defer(REQUESTS, f"request:{request_id}", request_id)

    def defer_job(self, request_id: str) -> None:
        """Queue the handling of a persisted request that may take an hour.

        Raises:
            TemporaryError: ``queue-unreachable``.
        """
        self._defer(JOBS, f"request:{request_id}", request_id)

    def defer_run(self, run_id: str) -> None:
        """Queue a run for execution.

        Raises:
            TemporaryError: ``queue-unreachable``.
        """
        self._defer(RUNS, f"run:{run_id}", run_id)

    def heal(self) -> int:
        """Close tasks whose worker has died; returns how many. Workers also do it by themselves.

        Raises:
            TemporaryError: ``queue-unreachable``.
        """
        with _translated():
            return len(self._app.connector.execute_query_all(_QUERIES["heal"], dead_after_s=DEAD_AFTER_S))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _defer(self, queue: str, lock: str, wanted: str) -> None:
        with _translated(), suppress(AlreadyEnqueued):
            self._app.configure_task(queue, queue=queue, queueing_lock=lock).defer(wanted=wanted)


class Worker:
    """Runs queued tasks in this process, in threads of its own.

    Requests, jobs and runs have separate workers, so that a run or a backup of an hour never delays a request.

    Args:
        dsn: of the state database.
        handle_request: called with a request's id. An exception is logged with its traceback.
        execute_run: called with a run's id.
        requests_at_once, runs_at_once, jobs_at_once: limits of concurrent calls.
    """

    def __init__(
        self,
        dsn: str,
        handle_request: Callable[[str], None],
        execute_run: Callable[[str], None],
        requests_at_once: int = 6,
        runs_at_once: int = 4,
        jobs_at_once: int = 4,
    ) -> None:
        self._dsn = dsn
        self._tasks = {
            REQUESTS: (handle_request, requests_at_once),
            JOBS: (handle_request, jobs_at_once),
            RUNS: (execute_run, runs_at_once),
        }
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._grace_s = RESTART_AFTER_S
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)

    def start(self) -> None:
        """Start the workers."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop taking tasks, and let those under way finish within `timeout_s`.

        Calls that take longer continue until the process ends; their threads do not keep it alive.
        """
        self._grace_s = timeout_s
        if not self._thread.is_alive():
            self._loop.close()
            return
        with suppress(RuntimeError):  # the loop has just closed
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout_s + CONNECT_TIMEOUT_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        """Work, and restart after the database was away: procrastinate's workers end with their connections."""
        self._loop.set_default_executor(_DaemonThreads())
        while not self._stopping.is_set():
            try:
                await self._work()
            except Exception as error:  # noqa: BLE001 -- a replica must never be left without workers
                _log.warning("the queue's workers stopped: %s; starting them again", type(error).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), RESTART_AFTER_S)

    async def _work(self) -> None:
        """Run the workers until one of them ends, the database goes away, or `stop` is called."""
        async with _open_pool(self._dsn) as pool:
            app = self._app()
            await app.connector.open_async(pool)
            workers = [_worker(app, queue, at_once) for queue, (_, at_once) in self._tasks.items()]
            running = [asyncio.create_task(_run_worker(worker)) for worker in workers]
            watching = [asyncio.create_task(_watch(app)), asyncio.create_task(self._stopping.wait())]
            await asyncio.wait([*running, *watching], return_when=asyncio.FIRST_COMPLETED)
            for task in watching:
                task.cancel()
            for worker in workers:
                _stop(worker, self._grace_s if self._stopping.is_set() else RESTART_AFTER_S)
            for outcome in await asyncio.gather(*watching, *running, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome

    def _app(self) -> App:
        app = App(connector=PsycopgConnector())
        for queue, (call, _) in self._tasks.items():
            app.task(name=queue, queue=queue)(_in_thread(queue, call))
        return app


def _open_pool(dsn: str) -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(
        complete_dsn(dsn),
        min_size=1,
        max_size=CONNECTIONS,
        timeout=CHECKOUT_TIMEOUT_S,
        check=AsyncConnectionPool.check_connection,
        kwargs={"application_name": "backstop queue", "connect_timeout": CONNECT_TIMEOUT_S},
        open=False,
    )


def _worker(app: App, queue: str, at_once: int) -> QueueWorker:
    return QueueWorker(
        app,
        queues=[queue],
        name=queue,
        concurrency=at_once,
        fetch_job_polling_interval=POLL_S,
        delete_jobs=DeleteJobCondition.ALWAYS,
        install_signal_handlers=False,
        update_heartbeat_interval=HEARTBEAT_S,
        stalled_worker_timeout=DEAD_AFTER_S,
    )


async def _run_worker(worker: QueueWorker) -> None:
    await worker.run()  # type: ignore[no-untyped-call] # procrastinate leaves it unannotated


def _stop(worker: QueueWorker, grace_s: float) -> None:
    worker.shutdown_graceful_timeout = grace_s
    worker.stop()  # type: ignore[no-untyped-call] # procrastinate leaves it unannotated


async def _watch(app: App) -> None:
    """Close dead workers' tasks, and fail if the database is away.

    procrastinate itself notices that only when it fetches work, not while every slot is taken: its listener and its
    heartbeat would then be gone permanently.
    """
    while True:
        closed = await app.connector.execute_query_all_async(_QUERIES["heal"], dead_after_s=DEAD_AFTER_S)
        if closed:
            _log.warning("closed %d jobs of dead workers", len(closed))
        await asyncio.sleep(HEARTBEAT_S)


class _DaemonThreads(ThreadPoolExecutor):
    """Runs each call in a daemon thread; the queue's own limits bound their number."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a thread for the call."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it, so its result is always wanted

        def call() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 -- the future's owner gets it
                future.set_exception(error)

        threading.Thread(target=call, name="job", daemon=True).start()
        return future


def _in_thread(queue: str, call: Callable[[str], None]) -> Callable[..., Any]:
    """Make an asynchronous task: only those can be left behind when the worker must stop."""

    def logged(wanted: str) -> None:
        try:
            call(wanted)
        except Exception:  # noqa: BLE001 -- the sweep defers again what was not done
            _log.exception("%s: %s failed", queue, wanted)

    async def task(wanted: str) -> None:
        await asyncio.get_running_loop().run_in_executor(None, logged, wanted)

    return task


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ConnectorException, AppNotOpen) as error:
        raise TemporaryError(
            "queue-unreachable",
            "The bot's own state database did not answer.",
            "What was asked for is taken up once it is back, if it was accepted at all.",
        ) from error
