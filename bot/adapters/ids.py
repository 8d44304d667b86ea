"""Run ids that people read to each other and type."""

import secrets
import string

RUN_ID_LENGTH = 5
ALPHABET = (set(string.ascii_lowercase) | set("23456789")) - set("lo")
"""No 0, 1, l or o: they are taken for each other. 32 letters, so five of them make 33 million ids."""


class RandomIds:
    """A `bot.ports.Ids`."""

    def run_id(self) -> str:
        """Make a new run id: ``r`` and five of a–z2–9 (without l and o). The journal refuses a repeated one."""
        return "r" + "".join(secrets.choice(sorted(ALPHABET)) for _ in range(RUN_ID_LENGTH))
