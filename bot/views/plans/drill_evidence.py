"""Shows what drills have proven of a plan, and how long such runs took."""

from datetime import datetime

from bot.domain.planned import Forecast, PlannedProof, Proof, ProvenScript
from bot.domain.plans import Plan
from bot.views.kit.blocks import listing
from bot.views.kit.text import ago, code, count, duration, one_line
from bot.views.plans.kinds import KINDS

_MAX_SCRIPTS = 700
_MAX_PLACES = 3


def describe(plan: Plan) -> str:
    """Return the paragraph of the request; "" where nobody looked, and for an undo, which is never put off."""
    proven = plan.proven
    if proven is None:
        return ""
    if KINDS[plan.kind].proven_by_script:
        lines = [_script(script, proven.at) for script in proven.scripts]
        return listing("*Last proven by a drill*", lines, _MAX_SCRIPTS)
    name = one_line(plan.environment, 40)
    lines = [
        f"• this backup: {_when(proven.bundle, proven.at)}",
        f"• any backup of {name}, by a drill: {_when(proven.backups, proven.at)}",
        f"• the whole way, swap and undo included: {_when(proven.practice, proven.at)}",
    ]
    return listing("*Last restored and compared*", lines, _MAX_SCRIPTS)


def headline(plan: Plan) -> str:
    """Return the same in one line, for the card."""
    proven = plan.proven
    if proven is None:
        return ""
    if not KINDS[plan.kind].proven_by_script:
        return f"This backup was last proven: {_when(proven.bundle, proven.at)}."
    if proven.unproven:
        return f"⚠ No drill has run {len(proven.unproven)} of {count(len(proven.scripts), 'script')} as they are."
    return f"Every script was proven by a drill, the oldest proof: {_when(proven.oldest, proven.at)}."


def forecast_line(plan: Plan) -> str:
    """Return how long such runs took, on a line of its own; "" where nobody looked."""
    proven = plan.proven
    if proven is None:
        return ""
    what = KINDS[plan.kind].history
    if proven.total is None:
        return f"\nThere is no history of {what} yet to check this estimate against."
    return "\nBy the history: " + forecast(proven.total, what) + _downtime(proven)


def forecast(made: Forecast, what: str) -> str:
    """Return ``12 min to 19 min in 90 % of cases, from 14 restores in staging``, or that there are too few."""
    places = [one_line(place, 40) for place in made.places[:_MAX_PLACES]]
    where = f" in {', '.join(places)}" if places else ""
    if made.low_s is None or made.high_s is None:
        return f"too few {what} to give a range ({made.samples}{where}; 3 are needed)."
    span = f"{duration(made.low_s)} to {duration(made.high_s)}"
    return f"{span} in {share(made.coverage)} of cases, from {made.samples} {what}{where}."


def back_up(reversible: bool | None) -> str:  # noqa: FBT001 -- a fact, not a switch
    """Describe the way back up; "" where there is no up script."""
    if reversible is None:
        return ""
    return "; its way back up, too" if reversible else "; ⚠ its way back up led to another schema"


def share(coverage: float) -> str:
    """Return ``86 %``, rounded down: never more than was measured."""
    return f"{int(coverage * 100 + 1e-6)} %"


def _downtime(proven: PlannedProof) -> str:
    down = proven.downtime
    if down is None or down.low_s is None or down.high_s is None:
        return ""
    return f" The app is down for {duration(down.low_s)} to {duration(down.high_s)} of it ({share(down.coverage)})."


def _script(script: ProvenScript, now: datetime) -> str:
    if script.proof is None:
        return f"• {code(script.name, 80)} ⚠ never: no drill has run this very script"
    back = back_up(script.reversible)
    return f"• {code(script.name, 80)} {_when(script.proof, now)}{back}"


def _when(proof: Proof | None, now: datetime) -> str:
    if proof is None:
        return "never"
    if not proof.drill:
        return f"{ago(proof.at, now)}, by a verification"
    where = f" in {one_line(proof.place, 40)}" if proof.place else ""
    return f"{ago(proof.at, now)}, by drill {code(proof.drill, 20)}{where}"
