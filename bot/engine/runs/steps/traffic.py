"""Stops traffic and returns it: Services are held by a label, then Deployments are scaled to 0 (decision 7)."""

from collections.abc import Callable, Iterable
from functools import partial

from bot.domain.planned import PlannedService, PlannedWorkload
from bot.domain.plans import Plan
from bot.domain.runs import Progress
from bot.domain.workloads import Pod
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.blocking_sessions import check_blocking_sessions
from bot.engine.runs.steps.start_app import at_zero, short, wait_ready
from bot.engine.runs.steps.step import RETRIED, Action, Outcome, wait_for
from bot.errors import BotError, PermanentError
from bot.planning import checklist
from bot.planning.refusals import and_list


class StopTraffic(Action):
    """Hold the Services, so that nothing new arrives, and stop every pod."""

    key = checklist.STOP_TRAFFIC
    undoes = "the app is started again as it was and traffic returns"

    def act(self, execution: Execution) -> Outcome:
        """Hold every Service, scale every Deployment to 0, wait for the pods to be gone.

        Raises:
            PermanentError: ``pods-stuck`` names pods that do not stop; ``scale-undone`` names who scales them up again;
                before anything is stopped, see `check_blocking_sessions`.
        """
        run, cluster = execution.run, execution.env.cluster
        check_blocking_sessions(execution)
        _take_over_holds(execution)
        # decision 7: Services first, so that nothing new reaches a pod that is about to stop.
        for service in run.plan.services:
            execution.check()
            cluster.hold_service(service.service, run.id)
        for work in run.plan.workloads:
            execution.check()
            cluster.scale(work.deployment, 0, run.id)
        at_first = len(_all_pods(execution))

        def gone() -> Progress:
            left = len(_all_pods(execution))
            return Progress(max(at_first - left, 0), at_first + max(left - at_first, 0), "pods")

        wait_for(execution, self.key, gone, execution.env.environment.timing.pods_stop_s, lambda: _stuck(execution))
        names = and_list(work.deployment for work in run.plan.workloads)
        return Outcome(f"{names} at 0, {len(run.plan.services)} services held")

    def undo(self, execution: Execution) -> str:
        """Scale up as it was and let traffic in at once: Services only send it to pods that are ready.

        Every Deployment and Service is tried, even where others fail.
        """
        # decision 28: what a closed run had left stopped or held stays so. It may be a version that cannot use the
        # schema.
        plan, cluster = execution.run.plan, execution.env.cluster
        back = [work for work in plan.workloads if not plan.left_by("deployment", work.deployment)]
        _try_all(
            execution,
            [
                *(partial(_scale_back, execution, work) for work in plan.workloads),
                *(partial(_return_traffic, execution, service) for service in plan.services),
            ],
        )
        try:
            wait_ready(execution, self.key, {work.deployment: work.replicas for work in back}, {})
        except PermanentError as error:
            return f"{_as_found(execution)}, but {error.message}"
        pods = [(work, pod) for work in back for pod in cluster.pods(work.deployment)]
        changed = sorted({short(pod.image) for work, pod in pods if pod.image != work.image})
        return _as_found(execution) + (f", now with {and_list(changed)}, deployed meanwhile" if changed else "")


def _try_all(execution: Execution, acts: Iterable[Callable[[], None]]) -> None:
    """Do all of them.

    Raises:
        BotError: one failed; of several, one that is worth another try goes first.
    """
    errors: list[BotError] = []
    for act in acts:
        execution.check()
        try:
            act()
        except BotError as error:
            errors.append(error)
    if errors:
        raise next((error for error in errors if isinstance(error, RETRIED)), errors[0])


def _scale_back(execution: Execution, work: PlannedWorkload) -> None:
    run, cluster = execution.run, execution.env.cluster
    if run.plan.left_by("deployment", work.deployment):
        cluster.scale(work.deployment, 0, run.id)  # its note stays: the next plan starts it from there
        return
    cluster.scale(work.deployment, work.replicas, run.id)
    execution.check()
    cluster.clear_annotation(work.deployment)


def _return_traffic(execution: Execution, service: PlannedService) -> None:
    run, cluster = execution.run, execution.env.cluster
    if not run.plan.left_by("service", service.service):
        cluster.release_service(service.service, dict(service.selector))
        return
    try:
        cluster.hold_service(service.service, run.id)
    except PermanentError as error:
        if error.reference != "held-by-another-run":  # by the run that left it, which is as it was found
            raise


def _as_found(execution: Execution) -> str:
    """Describe what `undo` has put back."""
    # No semicolon: the end of a run tells steps apart by them.
    plan = execution.run.plan
    stopped = [work.deployment for work in plan.workloads if plan.left_by("deployment", work.deployment)]
    held = [service.service for service in plan.services if plan.left_by("service", service.service)]
    words = [f"{and_list(stopped)} {'stays' if len(stopped) == 1 else 'stay'} at 0"] if stopped else []
    words += [f"traffic of {and_list(held)} stays held"] if held else []
    left = f"{' and '.join(words)}, as found" if words else ""
    if len(held) == len(plan.services) or len(stopped) == len(plan.workloads):
        return left
    return f"traffic is back as it was, but {left}" if left else "traffic is back as it was"


def _take_over_holds(execution: Execution) -> None:
    """Take over the holds that closed runs have left: the plan says so, and no other run is open here."""
    holders = {service.name: service.held_by for service in execution.env.cluster.inspect().services}
    for service in execution.run.plan.services:
        if holders.get(service.service) not in {None, execution.run.id}:
            execution.check()
            execution.env.cluster.release_service(service.service, dict(service.selector))


def _all_pods(execution: Execution) -> list[Pod]:
    cluster = execution.env.cluster
    return [pod for work in execution.run.plan.workloads for pod in cluster.pods(work.deployment)]


def _stuck(execution: Execution) -> BotError:
    for deployment in execution.env.cluster.inspect().deployments:
        if deployment.replicas > 0:
            return PermanentError(
                "scale-undone",
                f"{deployment.name} was scaled to 0 and is at {deployment.replicas} again"
                f"{f', by {deployment.autoscaler}' if deployment.autoscaler else ''}.",
                "Pause the autoscaler or GitOps controller, then start the rollback again.",
            )
    names = [pod.name for pod in _all_pods(execution)]
    return PermanentError(
        "pods-stuck",
        f"{len(names)} pods do not stop: {and_list(names[:5])}.",
        "Look at them (kubectl describe pod), delete them by force if nothing is written any more, then start again.",
    )


class RestoreTraffic(Action):
    """Release the holds; selectors are then as they were."""

    key = checklist.RESTORE_TRAFFIC

    def act(self, execution: Execution) -> Outcome:
        """Release every Service, drop our notes, and look if that has worked.

        Raises:
            PermanentError: ``traffic-not-restored`` names what is not as it was.
        """
        _release(execution)
        # Looked up again: a GitOps controller may have put back what it knows.
        facts = execution.env.cluster.inspect()
        wanted = {service.service: dict(service.selector) for service in execution.run.plan.services}
        wrong = [service.name for service in facts.services if dict(service.selector) != wanted.get(service.name)]
        if wrong:
            raise PermanentError(
                "traffic-not-restored",
                f"The selector of {and_list(wrong)} is not what it was.",
                "Somebody else changes it, perhaps a GitOps controller. Pause that, then Retry.",
            )
        return Outcome(_served(execution.run.plan))


def _served(plan: Plan) -> str:
    names, idle = and_list(service.service for service in plan.services), at_zero(plan.workloads)
    if not any(work.replicas for work in plan.workloads):
        return f"traffic of {names} is let through, and nothing serves: {idle}"
    return f"{names} serve {plan.to_app}" + (f"; {idle}" if idle else "")


def _release(execution: Execution) -> None:
    for service in execution.run.plan.services:
        execution.check()
        execution.env.cluster.release_service(service.service, dict(service.selector))
    for work in execution.run.plan.workloads:
        execution.check()
        execution.env.cluster.clear_annotation(work.deployment)
