"""Shows the whole plan as approvers read it."""

from bot.domain.planned import PlannedWorkload
from bot.domain.plans import Plan
from bot.domain.versions import label
from bot.views.kit.blocks import Block, context, listing, section
from bot.views.kit.text import code, count, duration, one_line, paragraph
from bot.views.plans import drill_evidence
from bot.views.plans.kinds import KINDS

_MAX_WORKLOADS = 700
_MAX_WARNINGS = 1500


def blocks(plan: Plan) -> list[Block]:
    """Render every part of a plan: about 9,500 characters at the very most."""
    # Approvers read from the top: what to know first, then what is done, how sure it is and how long it takes.
    body = KINDS[plan.kind].describe(plan, _app(plan))
    parts = [_headline_section(plan), _warnings(plan), *body, drill_evidence.describe(plan), _time(plan)]
    return [*(section(part) for part in parts if part), context(_digest(plan))]


def headline(plan: Plan) -> str:
    """Return ``schema 027 → 026, app v1.3.0 → v1.2.3``, or that the app stays."""
    schema = f"schema {label(plan.from_schema)} → {label(plan.to_schema)}"
    before, after = one_line(plan.from_app, 40), one_line(plan.to_app, 40)
    return f"{schema}, app {before} → {after}" if plan.changes_app else f"{schema}, app stays {before}"


def impact(plan: Plan) -> str:
    """Describe the blast radius in one plain line: for the card and for dialogs."""
    return f"{KINDS[plan.kind].impact(plan)}; the app is down for about {duration(plan.estimate.downtime_s)}"


def noun(plan: Plan) -> str:
    """Return the noun for such a run in a title."""
    return KINDS[plan.kind].noun


def _headline_section(plan: Plan) -> str:
    return f"*{one_line(plan.environment, 40)}: {headline(plan)}*\nAsked for as {code(plan.asked_for, 120)}."


def _app(plan: Plan) -> str:
    held = ", ".join(code(service.service, 80) for service in plan.services[:5])
    more = f" and {len(plan.services) - 5} more" if len(plan.services) > 5 else ""  # noqa: PLR2004 -- the slice's length
    title = "*The app*" + (f" – traffic of {held}{more} is held until the smoke tests pass" if held else "")
    return listing(title, [_workload(work) for work in plan.workloads], _MAX_WORKLOADS + len(title))


def _workload(work: PlannedWorkload) -> str:
    before, after = _image(work.image), _image(work.target_image)
    change = (
        f"{code(before, 80)} → {code(after, 80)}" if work.image != work.target_image else f"stays {code(before, 80)}"
    )
    return f"• {code(work.deployment, 80)} {count(work.replicas, 'replica')}, {change}"


def _image(image: str) -> str:
    return image.split("@", 1)[0].rsplit("/", 1)[-1]


def _warnings(plan: Plan) -> str:
    if not plan.warnings:
        return ""
    return listing("*⚠ Know this first*", [f"• {paragraph(line, 400)}" for line in plan.warnings], _MAX_WARNINGS)


def _time(plan: Plan) -> str:
    whole, down = duration(plan.estimate.total_s), duration(plan.estimate.downtime_s)
    history = drill_evidence.forecast_line(plan)
    return f"*How long* – about {whole} in all; the app is down for about {down} of it.{history}"


def _digest(plan: Plan) -> str:
    return (
        f"{_place(plan)}Plan `{plan.short_digest}`. A vote is for exactly this plan; if anything in it moves, "
        "the votes are void."
    )


def _place(plan: Plan) -> str:
    """Say where it applies; "" in a plan of an old release."""
    if plan.place is None:
        return ""
    database, server = plan.place.database, plan.place.database.server
    on = f" on server {code(server, 30)}" if server else ""
    namespace, bucket = code(plan.place.cluster.namespace, 63), code(plan.place.bucket, 120)
    return f"Applies to database {code(database.name, 63)}{on}, namespace {namespace}, bucket {bucket}. "
