"""What drills and verifications have shown of what a plan does, and how long it should take by the history."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Forecast:
    """How long the next one takes, by those before it.

    Attributes:
        expected_s: half of them would have been faster.
        low_s, high_s: the next one lies between with probability `coverage`; None where there are too few to say.
        coverage: 0…1; 0 without an interval.
        samples: how many it is made from.
        places: the environments in which those ran, sorted.
    """

    expected_s: float
    low_s: float | None
    high_s: float | None
    coverage: float
    samples: int
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """When something was last proven, UTC; `drill` "" for a verification at level 3; `place`: in which environment."""

    at: datetime
    drill: str = ""
    place: str = ""


@dataclass(frozen=True)
class ProvenScript:
    """A script of a chain and its newest proof.

    Attributes:
        version, name: of the script.
        proof: of its very bytes; None when no drill has ever run them.
        reversible: whether its up script led back to the same schema then; None where there is none.
    """

    version: int
    name: str
    proof: Proof | None
    reversible: bool | None = None


@dataclass(frozen=True)
class PlannedProof:
    """What was known when the plan was made.

    Attributes:
        at: when it was looked up, UTC.
        scripts: of the chain, newest first; empty for a restore.
        bundle: of the very bundle that is restored.
        backups: of any backup of this environment, by a drill.
        practice: of the whole way, swap and undo included, by a drill in any environment.
        total, downtime: by the history; None where there is none.
    """

    at: datetime
    scripts: tuple[ProvenScript, ...] = ()
    bundle: Proof | None = None
    backups: Proof | None = None
    practice: Proof | None = None
    total: Forecast | None = None
    downtime: Forecast | None = None

    @property
    def unproven(self) -> tuple[ProvenScript, ...]:
        """Scripts that no drill has ever run as they are."""
        return tuple(script for script in self.scripts if script.proof is None)

    @property
    def oldest(self) -> Proof | None:
        """The proof that is oldest among the scripts': a chain is as proven as its least proven script."""
        found = [script.proof for script in self.scripts if script.proof is not None]
        return min(found, key=lambda proof: proof.at, default=None)
