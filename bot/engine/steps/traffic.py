"""Traffic stops in two moves and returns in reverse: Services are held, then Deployments scale."""

from bot.domain.plans import PlannedWorkload
from bot.domain.runs import Progress
from bot.domain.workloads import Pod
from bot.engine.execution import Execution
from bot.engine.steps.action import Action, Outcome
from bot.engine.steps.intruders import refuse_intruders
from bot.engine.waiting import wait_for
from bot.errors import BotError, PermanentError
from bot.planning import checklist
from bot.planning.refusals import and_list


class StopTraffic(Action):
    """Nothing new arrives, and nothing that runs is left."""

    key = checklist.STOP_TRAFFIC
    undoes = "the app is started again as it was and traffic returns"

    def act(self, execution: Execution) -> Outcome:
        """Hold every Service, scale every Deployment to 0, wait for the pods to be gone.

        Raises:
            PermanentError: ``pods-stuck`` names pods that do not stop; ``scale-undone`` names who scales them up again;
                before anything is stopped, see `refuse_intruders`.
        """
        run, cluster = execution.run, execution.site.cluster
        refuse_intruders(execution)
        _take_over_holds(execution)
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

        wait_for(execution, self.key, gone, execution.site.environment.timing.pods_stop_s, lambda: _stuck(execution))
        names = and_list(work.deployment for work in run.plan.workloads)
        return Outcome(f"{names} at 0, {len(run.plan.services)} services held")

    def undo(self, execution: Execution) -> str:
        """Scale up as it was and let traffic in at once: Services only send it to pods that are ready."""
        for work in execution.run.plan.workloads:
            execution.check()
            execution.site.cluster.scale(work.deployment, work.replicas, execution.run.id)
        _release(execution)
        try:
            _wait_ready(execution, self.key, to_target=False)
        except PermanentError as error:
            return f"traffic is back, but {error.message}"
        return "traffic is back as it was"


def _take_over_holds(execution: Execution) -> None:
    """A hold left by a run that was closed over it becomes ours: the plan said so, and no other run is open here."""
    holders = {service.name: service.held_by for service in execution.site.cluster.inspect().services}
    for service in execution.run.plan.services:
        if holders.get(service.service) not in {None, execution.run.id}:
            execution.check()
            execution.site.cluster.release_service(service.service, dict(service.selector))


def _all_pods(execution: Execution) -> list[Pod]:
    cluster = execution.site.cluster
    return [pod for work in execution.run.plan.workloads for pod in cluster.pods(work.deployment)]


def _stuck(execution: Execution) -> BotError:
    for deployment in execution.site.cluster.inspect().deployments:
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


class StartApp(Action):
    """Pods of the chosen version behind the held Services: running, not serving."""

    key = checklist.START_APP

    def act(self, execution: Execution) -> Outcome:
        """Put each Deployment's template back to the planned revision, scale it up, wait until it is ready.

        Raises:
            PermanentError: ``pods-not-ready`` names the pods and their problem.
        """
        run, cluster = execution.run, execution.site.cluster
        for work in run.plan.workloads:
            execution.check()
            if work.target_image != work.image:
                cluster.set_image(work.deployment, work.target_image, work.revision)
                execution.check()
            cluster.scale(work.deployment, work.replicas, run.id)
        _wait_ready(execution, self.key, to_target=True)
        pods = sum(work.replicas for work in run.plan.workloads)
        return Outcome(f"{run.plan.to_app}, {pods} pods ready, not serving yet")


def _wait_ready(execution: Execution, key: str, *, to_target: bool) -> None:
    works = execution.run.plan.workloads

    def ready() -> Progress:
        done = sum(_ready_pods(execution, work, to_target=to_target) for work in works)
        return Progress(done, sum(work.replicas for work in works), "pods")

    stall_s = execution.site.environment.timing.pods_start_s
    wait_for(execution, key, ready, stall_s, lambda: _not_ready(execution))


def _ready_pods(execution: Execution, work: PlannedWorkload, *, to_target: bool) -> int:
    image = work.target_image if to_target else work.image
    pods = execution.site.cluster.pods(work.deployment)
    count = sum(pod.ready and not pod.terminating and pod.image == image for pod in pods)
    return min(count, work.replicas)


def _not_ready(execution: Execution) -> BotError:
    bad = [pod for pod in _all_pods(execution) if not pod.ready]
    words = and_list(f"{pod.name} ({pod.problem or pod.phase})" for pod in bad[:5]) or "no pod has been made"
    return PermanentError(
        "pods-not-ready",
        f"{len(bad)} pods do not become ready: {words}.",
        "Look at them (kubectl describe pod, kubectl logs), mend what is wrong, then Retry.",
    )


class RestoreTraffic(Action):
    """The hold goes; selectors are as they were."""

    key = checklist.RESTORE_TRAFFIC

    def act(self, execution: Execution) -> Outcome:
        """Release every Service, drop our notes, look whether it is so.

        Raises:
            PermanentError: ``traffic-not-restored`` names what is not as it was.
        """
        _release(execution)
        facts = execution.site.cluster.inspect()
        wanted = {service.service: dict(service.selector) for service in execution.run.plan.services}
        wrong = [service.name for service in facts.services if dict(service.selector) != wanted.get(service.name)]
        if wrong:
            raise PermanentError(
                "traffic-not-restored",
                f"The selector of {and_list(wrong)} is not what it was.",
                "Somebody else changes it, perhaps a GitOps controller. Pause that, then Retry.",
            )
        return Outcome(f"{and_list(wanted)} serve {execution.run.plan.to_app}")


def _release(execution: Execution) -> None:
    for service in execution.run.plan.services:
        execution.check()
        execution.site.cluster.release_service(service.service, dict(service.selector))
    for work in execution.run.plan.workloads:
        execution.check()
        execution.site.cluster.clear_notes(work.deployment)
