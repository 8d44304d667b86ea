"""Starts the chosen app version behind held Services: its pods run and do not serve yet."""

from collections.abc import Iterable, Mapping, Sequence

from bot.domain.planned import PlannedWorkload
from bot.domain.runs import Progress
from bot.domain.workloads import Pod
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.step import Action, Outcome, wait_for
from bot.errors import BotError, PermanentError
from bot.planning import checklist
from bot.planning.refusals import and_list

MAX_NAMED = 5
"""Pods named in a message; the others are of the same kind."""


class StartApp(Action):
    """Start pods of the chosen version behind the held Services."""

    key = checklist.START_APP

    def act(self, execution: Execution) -> Outcome:
        """Put each Deployment's template back to the planned revision, scale it up, wait until it is ready.

        Raises:
            PermanentError: ``pods-not-ready`` names the pods and their problem.
        """
        # Looked up, not remembered: somebody may have deployed in the meantime.
        run, cluster = execution.run, execution.env.cluster
        live = {deployment.name: deployment.image for deployment in cluster.inspect().deployments}
        for work in run.plan.workloads:
            execution.check()
            if work.target_image != live.get(work.deployment):
                cluster.set_image(work.deployment, work.target_image, work.revision)
                execution.check()
            cluster.scale(work.deployment, work.replicas, run.id)
        wanted = {work.deployment: work.replicas for work in run.plan.workloads}
        images = {work.deployment: work.target_image for work in run.plan.workloads}
        wait_ready(execution, self.key, wanted, images)
        return Outcome(_started(run.plan.to_app, run.plan.workloads))


def _started(app: str, works: Sequence[PlannedWorkload]) -> str:
    pods = sum(work.replicas for work in works)
    started = f"{app}, {pods} pods ready, not serving yet" if pods else f"{app}, no pod is to run"
    idle = at_zero(works)
    return f"{started}; {idle}" if idle else started


def at_zero(works: Iterable[PlannedWorkload]) -> str:
    """Name the Deployments that are to have no pods, as a phrase; "" for none."""
    idle = [work.deployment for work in works if work.replicas == 0]
    return f"{and_list(idle)} {'is' if len(idle) == 1 else 'are'} at 0, as planned" if idle else ""


def wait_ready(execution: Execution, key: str, wanted: Mapping[str, int], images: Mapping[str, str]) -> None:
    """Wait until as many pods of each Deployment are ready.

    Args:
        execution: of the run.
        key: of the step that waits.
        wanted: pods by Deployment.
        images: which pods count, by Deployment; those of a Deployment that is left out count with any image.

    Raises:
        PermanentError: ``pods-not-ready``.
    """

    def ready() -> Progress:
        done = sum(min(len(_ready(_pods(execution, name), images.get(name))), count) for name, count in wanted.items())
        return Progress(done, sum(wanted.values()), "pods")

    stall_s = execution.env.environment.timing.pods_start_s
    wait_for(execution, key, ready, stall_s, lambda: _not_ready(execution, wanted, images))


def _pods(execution: Execution, deployment: str) -> Sequence[Pod]:
    return execution.env.cluster.pods(deployment)


def _ready(pods: Iterable[Pod], image: str | None) -> list[Pod]:
    return [pod for pod in pods if pod.ready and not pod.terminating and image in {None, pod.image}]


def _not_ready(execution: Execution, wanted: Mapping[str, int], images: Mapping[str, str]) -> BotError:
    pods = {name: _pods(execution, name) for name in wanted}
    bad = [pod for found in pods.values() for pod in found if not pod.ready and not pod.terminating]
    others = [
        pod for name, found in pods.items() for pod in _ready(found, None) if pod.image != images.get(name, pod.image)
    ]
    if bad:
        names = and_list(f"{pod.name} ({pod.problem or pod.phase})" for pod in bad[:MAX_NAMED])
        return _refusal(f"{len(bad)} pods do not become ready: {names}.")
    if others:
        names = and_list(f"{pod.name} ({short(pod.image)})" for pod in others[:MAX_NAMED])
        planned = and_list(sorted({short(image) for image in images.values()}))
        return _refusal(
            f"{len(others)} pods are ready with an image that is not the planned one, {planned}: {names}.",
            "Pause the tool that deploys, then press Retry: it puts the planned image back.",
        )
    facts = execution.env.cluster.inspect().deployments
    if failing := [item for item in facts if item.problem and item.name in wanted]:
        names = " ".join(f"{item.name}: {item.problem}" for item in failing)
        return _refusal(f"No more pods are made. {names}", "Change what stands in the way, then press Retry.")
    ready = sum(len(_ready(found, images.get(name))) for name, found in pods.items())
    return _refusal(f"{ready} of {sum(wanted.values())} pods are ready, and no more are made.")


def _refusal(
    what: str, way: str = "Look at them (kubectl describe pod, kubectl logs), fix what is wrong, then press Retry."
) -> BotError:
    return PermanentError("pods-not-ready", what, way)


def short(image: str) -> str:
    """Return an image's last part: ``api:v1.3.0``."""
    return image.rsplit("/", 1)[-1]
