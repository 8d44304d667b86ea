"""What people ask for, by kind: the payloads that commands persist and `operations` deals with.

Payload keys, all strings unless said otherwise. Every kind has `user_id`, `channel`, `response_url` ("" if none).

| kind         | further keys                                                                               |
|--------------|--------------------------------------------------------------------------------------------|
| `rollback`   | `environment`, `migration` (``027``), `app` ("" or ``v1.2.3``), `reason`, `asked_for`;      |
|              | `named`: the whole name, where one was typed                                               |
| `restore`    | `environment`, `backup` (a name or ``latest``), `app`, `reason`, `asked_for`               |
| `undo`       | `run_id`, `reason`, `asked_for`                                                            |
| `vote`       | `ts` of the message, `choice` (``approve``/``reject``), `how` (``reaction``/``button``),    |
|              | `withdraw` (bool), `digest` ("" for a reaction; the button's first 12 characters),         |
|              | `event_ts`: when Slack saw it ("" or missing where that is not known)                      |
| `cancel`     | `run_id`                                                                                   |
| `resume`     | `run_id`                                                                                   |
| `escalate`   | `run_id`                                                                                   |
| `salvage`    | `run_id`                                                                                   |
| `close`      | `run_id`, `link`: closes the run's open follow-up                                          |
| `document`   | `run_id`, `wrong`: what went wrong, `change`: what will be changed ("" for nothing)        |
| `status`     | `environment` ("" for all)                                                                 |
| `migrations` | `environment`                                                                              |
| `freeze`     | `environment`, `reason`                                                                    |
| `unfreeze`   | `environment`                                                                              |
| `backups`    | `environment` ("" for all), `text` to look for, `offset` (int), `replace` (bool)           |
| `show`       | `environment`, `name` of a backup or ``latest``                                            |
| `take`       | `environment`, `label`                                                                     |
| `verify`     | `environment`, `name` of a backup or ``latest``, `level` (int)                             |
| `home`       | none: the user has opened the Home tab                                                     |
| `drill-list` | `environment` ("" for all)                                                                 |
| `drill-show`, `drill-skip` | `drill_id`                                                                   |
| `drill-postpone` | `drill_id`, `start_at` (ISO 8601) or "" and `by_s` (int) after its due time            |
| `drill-now`  | `environment`, `drill` (``restore``/``migration``/``bundle``)                              |
| `drill-report` | `environment` ("" for all)                                                               |

One kind is the scheduler's own and has no person: `drill` with `drill_id` and `start_at` (ISO 8601).
"""

from enum import StrEnum

from bot.ports import Queue, Request


class Kind(StrEnum):
    """The kinds of requests."""

    ROLLBACK = "rollback"
    RESTORE = "restore"
    UNDO = "undo"
    VOTE = "vote"
    CANCEL = "cancel"
    RESUME = "resume"
    ESCALATE = "escalate"
    CLOSE = "close"
    DOCUMENT = "document"
    STATUS = "status"
    MIGRATIONS = "migrations"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    BACKUPS = "backups"
    SHOW = "show"
    TAKE = "take"
    VERIFY = "verify"
    SALVAGE = "salvage"
    HOME = "home"
    DRILL = "drill"
    DRILL_LIST = "drill-list"
    DRILL_SHOW = "drill-show"
    DRILL_SKIP = "drill-skip"
    DRILL_POSTPONE = "drill-postpone"
    DRILL_NOW = "drill-now"
    DRILL_REPORT = "drill-report"


QUESTIONS = frozenset(
    {Kind.STATUS, Kind.MIGRATIONS, Kind.BACKUPS, Kind.SHOW, Kind.DRILL_LIST, Kind.DRILL_SHOW, Kind.DRILL_REPORT}
)
"""Kinds that only read, and that every full member may ask; all others look closer at who asks."""

JOBS = frozenset({Kind.TAKE, Kind.VERIFY, Kind.SALVAGE, Kind.DRILL})
"""Kinds that may take an hour and must not keep a vote waiting."""


def defer(queue: Queue, request: Request) -> None:
    """Queue a persisted request with its like.

    Raises:
        TemporaryError: ``queue-unreachable``.
    """
    if request.kind in JOBS:
        queue.defer_job(request.id)
    else:
        queue.defer_request(request.id)
