"""The facts that Argo can tell of a workflow, declared once: the flags, the variables and the reference come from here."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Fact:
    """One thing that can be told of the workflow.

    `argo` is the template variable that holds it, "" if Argo has none. `repeated` facts are given as `name=value`, as
    often as wanted, or as JSON. `also` are further environment variables in which it is looked for.
    """

    name: str
    argo: str
    help: str
    repeated: bool = False
    variable: str = ""
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.variable:
            object.__setattr__(self, "variable", f"ARGO_WORKFLOW_{self.name.upper()}")

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


FACTS: Final = (
    Fact(
        "status", "workflow.status", "How the workflow, or the step with the hook, ended: Succeeded, Failed or Error."
    ),
    Fact("name", "workflow.name", "The workflow's name. Without it, the name is taken from ARGO_NODE_ID."),
    Fact(
        "namespace",
        "workflow.namespace",
        "The workflow's namespace. Without it, the pod's own.",
        also=("ARGO_NAMESPACE", "POD_NAMESPACE"),
    ),
    Fact("uid", "workflow.uid", "The workflow's uid."),
    Fact(
        "workflow",
        "=sprig.b64enc(toJson(workflow))",
        "Every fact of Argo's `workflow` in one object, in base64 or as JSON; each one's own flag goes before it.",
    ),
    Fact("failures", "workflow.failures", "The failed nodes, as Argo quotes them; give it as an argument of its own."),
    Fact("duration", "workflow.duration", "Seconds that the workflow has run, as Argo counted when it made this pod."),
    Fact("message", "", "What else to say of how it ended, such as a message of your own."),
    Fact("parameters", "workflow.parameters.json", "The workflow's parameters, as JSON or name=value.", repeated=True),
    Fact("labels", "workflow.labels.json", "The workflow's labels, as JSON or name=value.", repeated=True),
    Fact(
        "annotations", "workflow.annotations.json", "The workflow's annotations, as JSON or name=value.", repeated=True
    ),
    Fact(
        "outputs",
        "workflow.outputs.parameters.<name>",
        "The workflow's global output parameters, as JSON or name=value.",
        repeated=True,
    ),
    Fact("creation_timestamp", "workflow.creationTimestamp", "When the workflow was created, in RFC 3339."),
    Fact("scheduled_time", "workflow.scheduledTime", "When its CronWorkflow was due, in RFC 3339."),
    Fact("priority", "workflow.priority", "The workflow's priority."),
    Fact("main_entrypoint", "workflow.mainEntrypoint", "The template that the workflow began with."),
    Fact("service_account_name", "workflow.serviceAccountName", "The workflow's service account."),
    Fact(
        "node_name",
        "node.name",
        "The name of the node that runs this, from which its subject is told.",
        also=("ARGO_NODE_NAME",),
    ),
    Fact("pod_name", "pod.name", "The name of the pod that runs this.", also=("ARGO_POD_NAME", "POD_NAME")),
    Fact("retries", "retries", "How often this node was retried before, counted from 0."),
    Fact("last_retry_exit_code", "lastRetry.exitCode", "The exit code of the attempt before."),
    Fact("last_retry_status", "lastRetry.status", "How the attempt before ended."),
    Fact("last_retry_duration", "lastRetry.duration", "Seconds that the attempt before took."),
    Fact("last_retry_message", "lastRetry.message", "The message of the attempt before."),
    Fact(
        "argo_url",
        "",
        "The address of the Argo UI, for links, such as https://argo.example.com.",
        variable="ARGO_UI_URL",
    ),
)
"""Every fact, in the order in which they are shown."""
