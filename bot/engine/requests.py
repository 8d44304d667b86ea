"""What people ask for, by kind: the payloads that commands persist and `operations` deals with.

Payload keys, all strings unless said otherwise. Every kind has `user_id`, `channel`, `response_url` ("" if none).

| kind         | further keys                                                                               |
|--------------|--------------------------------------------------------------------------------------------|
| `rollback`   | `environment`, `migration` (``027``), `app` ("" or ``v1.2.3``), `reason`, `asked_for`       |
| `vote`       | `ts` of the message, `choice` (``approve``/``reject``), `how` (``reaction``/``button``),    |
|              | `withdraw` (bool), `digest` ("" for a reaction; the button's first 12 characters)          |
| `cancel`     | `run_id`                                                                                   |
| `resume`     | `run_id`                                                                                   |
| `escalate`   | `run_id`                                                                                   |
| `close`      | `run_id`, `link`: closes the run's open follow-up                                          |
| `status`     | `environment` ("" for all)                                                                 |
| `migrations` | `environment`                                                                              |
| `freeze`     | `environment`, `reason`                                                                    |
| `unfreeze`   | `environment`                                                                              |
"""

from enum import StrEnum


class Kind(StrEnum):
    """The kinds of requests."""

    ROLLBACK = "rollback"
    VOTE = "vote"
    CANCEL = "cancel"
    RESUME = "resume"
    ESCALATE = "escalate"
    CLOSE = "close"
    STATUS = "status"
    MIGRATIONS = "migrations"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
