"""The manifests that put exitkit into a cluster, for a plan: its templates, and the rights that it needs and no more."""

import json
import textwrap
from collections.abc import Iterable, Iterator
from importlib import resources

from pydantic import BaseModel, Field, field_validator

from exitkit import settings
from exitkit.action import Right
from exitkit.errors import ConfigError
from exitkit.plan import Plan, registry
from exitkit.plan.template import is_template
from exitkit.run import binding
from exitkit.run.report import FailOn
from exitkit.settings import fields
from exitkit.store.place import open_store
from exitkit.text.units import Bytes, Seconds
from exitkit.version import __version__

# A minute for the image to be pulled, so that the pod's own deadline never comes before the plan's.
_PULL = 60
# What Argo's executor needs in every pod, since Argo 3.4:
# https://argo-workflows.readthedocs.io/en/latest/workflow-rbac/.
EXECUTOR = Right("argoproj.io", "workflowtaskresults", ("create", "patch"))
# The level `record` of deploy/components, and what of `pod-logs` the lines in messages need.
_RECORD = Right("argoproj.io", "workflows", ("get",))
_LINES = Right("", "pods/log", ("get",))
_TEMPLATES = (
    ("notify", "# Tell people: every channel that the Secret or the plan configures, else this pod's log."),
    ("run", "# Run the plan, exitkit.yaml of the ConfigMap `{config_map}`."),
)


class ManifestOptions(BaseModel):
    """How exitkit is put into a cluster."""

    model_config = settings.STRICT

    cluster: bool = Field(False, description="A ClusterWorkflowTemplate, for the workflows of all namespaces.")
    namespace: str = Field("", description="The namespace of what belongs to one; by default kubectl's own.")
    image: str = Field(f"exitkit:{__version__}", description="The image, where your cluster pulls it from.")
    account: str = Field(
        "",
        description="A ServiceAccount of exitkit's own, with its Role. Without, the workflow's account serves, so that "
        "no namespace lacks one.",
    )
    record: bool = Field(
        False, description="Also the right to read the workflow's own record, which every message is better for."
    )
    lines: bool = Field(
        False, description="Also the right to read the logs of pods, so that messages say which lines tell why."
    )
    rights_for: str = Field("default", description="Whose rights are printed, where exitkit has no account of its own.")
    secret: str = Field(
        "exitkit", description="The Secret whose keys are variables such as EXITKIT_NOTIFY_SLACK_TOKEN."
    )
    config_map: str = Field("exitkit", description="The ConfigMap that holds exitkit.yaml.")
    timeout: Seconds = Field(300.0, gt=0, description="Longest time for the plan; the pod gets a minute more.")
    fail_on: FailOn = Field("required", description="Which failed steps make a good workflow fail.")
    argo_url: str = Field("", description="The Argo UI's address, for links.")
    https_proxy: str = Field("", description="The proxy that all requests go through.")
    no_proxy: str = Field("", description="Hosts that are reached without the proxy.")
    ca_config_map: str = Field("", description="A ConfigMap whose ca.crt all servers' certificates are checked with.")
    state: str = Field(
        "",
        description="Where is kept what has been done, such as configmap://{{workflow.namespace}}/exitkit-state; the plan's "
        "own by default. The Role for a ConfigMap is printed along.",
    )
    scratch: str = Field(
        "", description="A claim that is mounted at /scratch, for what is to be read or deleted there."
    )
    dead_letters: Bytes = Field(256 << 20, ge=0, description="The volume for what could not be shipped; 0 for none.")
    uid: int = Field(65532, ge=1, description="The user that the pod runs as.")

    @field_validator("image", "account", "rights_for", "secret", "config_map", "namespace", "scratch", "ca_config_map")
    @classmethod
    def _is_one_word(cls, text: str) -> str:
        if any(character.isspace() or character in "{}@\"'#" for character in text):
            raise ValueError("is one word, as Kubernetes names things")
        return text


def manifests(options: ManifestOptions, plan: Plan | None = None, text: str = "") -> str:
    """All documents as YAML, the account first; `text` is the plan as it was written. Raises ConfigError."""
    rights = needed(plan) if plan is not None else ()
    wanted = ((options.record, _RECORD), (options.lines, _LINES))
    rights = (*rights, *(right for is_wanted, right in wanted if is_wanted and right not in rights))
    documents = [*_account(options, rights), *_state(options, plan)]
    if text:
        documents.append(_config_map(options, text))
    documents.append(workflow_template(options))
    if options.cluster:
        documents.append(_defaults())
    secrets = "".join(f"#   {name}\n" for name in sorted(_variables(plan))) if plan is not None else ""
    hint = f"# Secrets of this plan, as keys of the Secret `{options.secret}`:\n{secrets}" if secrets else ""
    return hint + "---\n".join(documents)


def needed(plan: Plan) -> tuple[Right, ...]:
    """What the plan's steps need of the Kubernetes API, each once. Raises ConfigError where that cannot be told.

    What every message is better for is not among it, unless a template names it.
    """
    rights: dict[tuple[str, str, str], dict[str, None]] = {}
    for step in plan.each():
        named = ((binding.names_record(step), _RECORD), (binding.names_lines(step), _LINES))
        also = [right for is_named, right in named if is_named]
        for right in (*registry.find(step.uses).rights(step.with_), *also):
            place = (right.namespace, right.group, right.resource)
            rights.setdefault(place, {}).update(dict.fromkeys(right.verbs))
    return tuple(
        Right(group, resource, tuple(verbs), namespace)
        for (namespace, group, resource), verbs in sorted(rights.items())
    )


def workflow_template(options: ManifestOptions) -> str:
    """The WorkflowTemplate or ClusterWorkflowTemplate with the templates `notify` and `run`."""
    head = _filled(
        _read("head.yaml"),
        where="the cluster" if options.cluster else "this namespace",
        scope=", clusterScope: true" if options.cluster else "",
    )
    kind = "ClusterWorkflowTemplate" if options.cluster else "WorkflowTemplate"
    namespace = f"  namespace: {options.namespace}\n" if options.namespace and not options.cluster else ""
    bodies = [
        f"    {comment.format(config_map=options.config_map)}\n" + _body(options, name) for name, comment in _TEMPLATES
    ]
    return (
        f"{head}apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: exitkit\n{namespace}"
        "  labels:\n    app.kubernetes.io/name: exitkit\nspec:\n  templates:\n" + "\n".join(bodies)
    )


def role(name: str, rights: Iterable[Right], namespace: str = "") -> str:
    """A Role with these rights, a rule each."""
    rules = "".join(
        f"  - apiGroups: [{json.dumps(right.group) if not right.group else right.group}]\n"
        f"    resources: [{right.resource}]\n"
        + (f"    resourceNames: [{', '.join(right.names)}]\n" if right.names else "")
        + f"    verbs: [{', '.join(right.verbs)}]\n"
        for right in rights
    )
    return _document("rbac.authorization.k8s.io/v1", "Role", name, namespace) + f"rules:\n{rules}"


def _account(options: ManifestOptions, rights: tuple[Right, ...]) -> Iterator[str]:
    name, namespace = options.account or "exitkit", options.namespace
    if options.account:
        comment = (
            "# The account of the exit pod, apart from the workflow's own: it may tell the controller how it ended"
            + (", and what\n# the plan's steps need.\n" if rights else ", and\n# nothing else.\n")
        )
        yield comment + _document("v1", "ServiceAccount", name, namespace)
        rights = (EXECUTOR, *rights)
    rights = tuple(right._replace(namespace="") if right.namespace == namespace else right for right in rights)
    for place in sorted({right.namespace for right in rights}):
        if place and not namespace:
            raise ConfigError(f"the plan needs rights in {place}: say --namespace, of the account that gets them")
        there = [right for right in rights if right.namespace == place]
        yield role(name, there, place or namespace)
        yield _binding(options, name, place or namespace)


def state_rights(name: str) -> tuple[Right, ...]:
    """What a state in a ConfigMap of that name needs: to make it, and to read and change that one and no other."""
    own = Right("", "configmaps", ("get", "patch"), names=(name,))
    return Right("", "configmaps", ("create",)), own


def _state(options: ManifestOptions, plan: Plan | None) -> Iterator[str]:
    """The Role for a state in a ConfigMap, in that one's namespace; a template stands for the workflow's own.

    Raises ConfigError for what is no place.
    """
    where = options.state or (plan.state if plan is not None else "")
    if where and not is_template(where):
        open_store(where)
    if not where.startswith("configmap://"):
        return
    given, _, config_map = where.removeprefix("configmap://").rpartition("/")
    if is_template(config_map):
        raise ConfigError("state: the ConfigMap's name has to be written out, so that a Role can name it")
    namespace = options.namespace if is_template(given) else given
    name = f"{options.account or 'exitkit'}-state"
    yield (
        "# What has been done is kept in one ConfigMap, and this allows no other to be read or changed.\n"
        + role(name, state_rights(config_map), namespace)
    )
    yield _binding(options, name, namespace)


def _binding(options: ManifestOptions, role_name: str, namespace: str) -> str:
    """What gives the Role of the namespace to the account, which may be of another one."""
    return _document("rbac.authorization.k8s.io/v1", "RoleBinding", role_name, namespace) + (
        f"roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: {role_name}\n"
        f"subjects:\n  - kind: ServiceAccount\n    name: {options.account or options.rights_for}\n"
        + (f"    namespace: {options.namespace}\n" if options.namespace else "")
    )


def _document(version: str, kind: str, name: str, namespace: str) -> str:
    placed = f"  namespace: {namespace}\n" if namespace else ""
    return (
        f"apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n{placed}"
        "  labels:\n    app.kubernetes.io/name: exitkit\n"
    )


def _config_map(options: ManifestOptions, text: str) -> str:
    if "\t" in text:
        raise ConfigError("the plan holds tabs, which YAML cannot hold in a text: put spaces there")
    indented = textwrap.indent(text.rstrip("\n"), "    ")
    return (
        _document("v1", "ConfigMap", options.config_map, options.namespace) + f"data:\n  exitkit.yaml: |\n{indented}\n"
    )


def _defaults() -> str:
    """What the controller is told so that every workflow has the handler; its ConfigMap is the cluster's own."""
    return (
        "# For every workflow that has no handler of its own: put this into the data of the controller's ConfigMap,\n"
        "# workflow-controller-configmap. `run` in place of `notify` runs the plan.\n"
        "#\n"
        "#   workflowDefaults: |\n"
        "#     spec:\n"
        "#       hooks:\n"
        "#         exit:\n"
        "#           templateRef: {name: exitkit, template: notify, clusterScope: true}\n"
    )


def _body(options: ManifestOptions, template: str) -> str:
    environment, volumes, mounts = [], [], []
    if options.argo_url:
        environment.append(("ARGO_UI_URL", options.argo_url))
    if options.state:
        environment.append(("EXITKIT_STATE", options.state))
    if options.https_proxy:
        environment += [("HTTPS_PROXY", options.https_proxy), ("HTTP_PROXY", options.https_proxy)]
    if options.no_proxy:
        environment.append(("NO_PROXY", options.no_proxy))
    if options.ca_config_map:
        environment.append(("SSL_CERT_FILE", "/etc/exitkit-ca/ca.crt"))
        volumes.append(f"        - name: ca\n          configMap: {{name: {options.ca_config_map}}}\n")
        mounts.append("          - {name: ca, mountPath: /etc/exitkit-ca, readOnly: true}\n")
    if options.dead_letters:
        volumes.append(
            "        # What could not be shipped, apart from all else, so that neither fills the other.\n"
            f"        - name: dead-letters\n          emptyDir: {{sizeLimit: {options.dead_letters >> 20}Mi}}\n"
        )
        mounts.append("          - {name: dead-letters, mountPath: /tmp/exitkit-dead-letter}\n")
    if options.scratch:
        volumes.append(f"        - name: scratch\n          persistentVolumeClaim: {{claimName: {options.scratch}}}\n")
        mounts.append("          - {name: scratch, mountPath: /scratch}\n")
    given = "".join(
        f"          - name: {name}\n            value: {json.dumps(value)}\n" for name, value in environment
    )
    return _filled(
        _read("body.yaml"),
        template=template,
        command=template,
        account=f"      serviceAccountName: {options.account}" if options.account else "",
        deadline=int(options.timeout) + _PULL,
        timeout=f"{options.timeout:g}s",
        fail_on=options.fail_on,
        uid=options.uid,
        image=options.image,
        config_map=options.config_map,
        secret=options.secret,
        environment=given.rstrip("\n"),
        volumes="".join(volumes).rstrip("\n"),
        mounts="".join(mounts).rstrip("\n"),
    )


def _variables(plan: Plan) -> set[str]:
    """The variables of secrets that the plan leaves to the environment."""
    found = set()
    for step in plan.each():
        action = registry.find(step.uses)
        for name in fields.secrets_of(action):
            field = action.model_fields.get(name)
            required = field is not None and field.is_required()
            if required and name not in step.with_ and f"{name}_file" not in step.with_:
                found.add(registry.prefix(step.uses) + name.upper())
    return found


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _filled(text: str, **values: object) -> str:
    """The text with `@name@` filled in; a line that holds nothing else goes where there is nothing."""
    for name, value in values.items():
        mark = f"@{name}@"
        text = text.replace(f"{mark}\n", f"{value}\n" if value != "" else "") if f"\n{mark}\n" in text else text
        text = text.replace(mark, str(value))
    return text
