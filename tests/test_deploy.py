"""The manifests are ones that Argo takes: known keys, variables that are there, flags that exitkit has."""

import base64
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hera.workflows import models

from exitkit.cli import run
from exitkit.text.units import parse_duration

DEPLOY = Path(__file__).parents[1] / "deploy"

# Variables that stand in the body of a template which any workflow may reference. Argo refuses others there, or
# leaves them as they are: https://argo-workflows.readthedocs.io/en/latest/variables/ and issue 12330.
SAFE = re.compile(
    r"inputs\.parameters\.[a-z-]+|node\.name|pod\.name"
    r"|workflow\.(name|namespace|uid|mainEntrypoint|serviceAccountName|status|duration|creationTimestamp(\.\w+)?)"
)
# An expression's result is looked through for tags again, so it is base64; what has no bound of its own is cut.
CODED = re.compile(r"=sprig\.b64enc\((?:sprig\.trunc\((?P<most>[0-9]+), .+\)|toJson\(sprig\.omit\(workflow, .+\)\))\)")
TAG = re.compile(r"\{\{(.*?)\}\}")
# Where Argo wants to make a ConfigMap, for the arguments and for the template with them in it (common.MaxEnvVarLen).
MOST = 131072
MODELS = {"Workflow": models.Workflow, "WorkflowTemplate": models.WorkflowTemplate}


def load(name):
    return list(yaml.safe_load_all((DEPLOY / name).read_text("utf-8")))


def unknown(given, understood, path=""):
    """The keys that were given and not understood: the models pass over what they do not know."""
    if isinstance(given, dict) and isinstance(understood, dict):
        lost = [f"{path}.{key}" for key in given if key not in understood]
        kept = [key for key in given if key in understood]
        return lost + [one for key in kept for one in unknown(given[key], understood[key], f"{path}.{key}")]
    if isinstance(given, list) and isinstance(understood, list):
        pairs = enumerate(zip(given, understood, strict=True))
        return [one for number, pair in pairs for one in unknown(*pair, f"{path}[{number}]")]
    return []


def misread(document):
    model = MODELS[document["kind"]].model_validate(document)
    return unknown(document, model.model_dump(mode="json", by_alias=True, exclude_unset=True))


def body_tags(template):
    """The variables in a template, apart from its own hooks."""
    return TAG.findall(yaml.safe_dump(template, width=10_000))


def flags_of(args):
    return [one for one in args if one.startswith("-")]


@pytest.fixture(scope="module")
def templates():
    (document,) = load("workflow-template.yaml")
    return {one["name"]: one for one in document["spec"]["templates"]}


@pytest.mark.parametrize("name", ["workflow-template.yaml", "sharded-cleanup.yaml", "example-workflow.yaml"])
def test_argo_knows_every_key(name):
    """A misspelt key would be passed over in silence by the cluster."""
    assert [found for document in load(name) for found in misread(document)] == []


def test_the_check_sees_a_misspelt_key():
    """At any depth, and a value of the wrong type too."""
    (document,) = load("example-workflow.yaml")
    document["spec"]["hooks"]["exit"]["templateref"] = {"name": "x"}
    assert misread(document) == [".spec.hooks.exit.templateref"]
    (document,) = load("workflow-template.yaml")
    document["spec"]["templates"][0]["container"]["comand"] = ["x"]
    assert misread(document) == [".spec.templates[0].container.comand"]
    document["spec"]["templates"][0]["container"]["command"] = {"a": 1}
    with pytest.raises(ValueError, match="command"):
        misread(document)


def tag_of(argument):
    """The expression that is all of an argument, as it stands there once the YAML is read; None for anything else."""
    return argument[2:-2] if argument.startswith("{{=") and argument.endswith("}}") else None


@pytest.mark.parametrize("name", ["notify", "run"])
def test_a_template_uses_only_variables_that_are_always_there(templates, name):
    """`{{workflow.failures}}` in a body makes Argo refuse every workflow that references it."""
    template = templates[name]
    coded = [tag for one in template["container"]["args"] if (tag := tag_of(one))]
    assert len(coded) == 6
    assert [tag for tag in coded if not CODED.fullmatch(tag)] == []
    plain = {**template, "container": {**template["container"], "args": []}}
    tags = body_tags(plain) + [
        tag for one in template["container"]["args"] if not tag_of(one) for tag in TAG.findall(one)
    ]
    assert tags
    assert [tag for tag in tags if not SAFE.fullmatch(tag)] == []
    declared = {one["name"] for one in template["inputs"]["parameters"]}
    assert {tag.rpartition(".")[2] for tag in tags if tag.startswith("inputs.")} == declared
    assert all("default" in one for one in template["inputs"]["parameters"])


def test_the_check_sees_an_unsafe_variable():
    """Failures, single labels, and expressions whose result is no base64, or has no bound, are not safe."""
    for tag in ("workflow.failures", "workflow.labels.team", "workflow.labels.json", "workflow.outputs.parameters.x"):
        assert not SAFE.fullmatch(tag)
    for tag in ("=workflow.failures", "=sprig.b64enc(workflow.failures)", "=sprig.b64enc(toJson(workflow))"):
        assert not CODED.fullmatch(tag)
    assert CODED.fullmatch("=sprig.b64enc(sprig.trunc(9, workflow.failures))")


@pytest.mark.parametrize("name", ["notify", "run"])
def test_all_facts_together_are_less_than_argo_wants_a_configmap_for(templates, name):
    """It has no right to make one as it is installed, and the exit pod would never be made."""
    args = templates[name]["container"]["args"]
    cuts = [int(most) for one in args if (tag := tag_of(one)) and (most := CODED.fullmatch(tag)["most"])]
    assert len(cuts) == 5
    # Each name in the object has at most 253 characters, and there are six of them beside times and words.
    coded = sum(-(-most // 3) * 4 for most in (*cuts, 8 * 253))
    assert coded + len(json.dumps(templates[name])) < MOST


@pytest.mark.parametrize("name", ["notify", "run"])
def test_the_command_and_its_flags_are_exitkits(templates, name):
    """The executor finds `exitkit` in PATH, no shell reads a message, and every flag is one that there is."""
    container = templates[name]["container"]
    assert container["command"] == ["exitkit"]
    command, *rest = container["args"]
    assert command == name
    # Flag and value by turns: a long value is replaced as a whole by the executor, and must not take its flag along.
    assert [one for one in rest if one.startswith("--")] == rest[::2]
    assert [one for one in rest[::2] if "=" in one] == []
    help_text = subprocess.run(
        [sys.executable, "-m", "exitkit", command, "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    known = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", help_text))
    assert [flag for flag in flags_of(rest) if flag not in known] == []


@pytest.mark.parametrize("name", ["notify", "run"])
def test_the_command_line_is_accepted(templates, name, tmp_path, monkeypatch):
    """With the values that Argo puts in, or with none of them filled in, the command runs and succeeds."""
    (tmp_path / "exitkit.yaml").write_text("steps:\n  - uses: notify.console\n")
    monkeypatch.setenv("EXITKIT_PLAN", str(tmp_path / "exitkit.yaml"))
    facts = {"--workflow": '{"name":"train-x","status":"Failed"}', "--failures": '"null"', "--labels": '{"a":"b"}'}
    for filled_in in (True, False):
        args = list(templates[name]["container"]["args"])
        for flag, text in facts.items() if filled_in else ():
            args[args.index(flag) + 1] = base64.b64encode(text.encode()).decode()
        done = subprocess.run(
            [sys.executable, "-m", "exitkit", *args],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, f"{shlex.join(args)}\n{done.stderr}"


def test_the_templates_differ_in_their_command_alone(templates):
    """What holds for one handler holds for the other."""
    notify, run = templates["notify"], templates["run"]
    args = notify["container"]["args"][1:]
    assert args == run["container"]["args"][1:]
    assert {**notify, "name": "", "container": {}} == {**run, "name": "", "container": {}}
    assert {**notify["container"], "args": []} == {**run["container"], "args": []}


@pytest.mark.parametrize("name", ["notify", "run"])
def test_the_pod_is_restricted(templates, name):
    """The PodSecurity standard `restricted`, and a read-only root with room in /tmp."""
    template, container = templates[name], templates[name]["container"]
    assert template["securityContext"]["runAsNonRoot"] is True
    assert template["securityContext"]["runAsUser"] > 0
    assert template["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = container["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    volumes = {one["name"]: one for one in template["volumes"]}
    mounts = {one["mountPath"]: volumes[one["name"]] for one in container["volumeMounts"]}
    assert "sizeLimit" in mounts["/tmp"]["emptyDir"]
    assert set(mounts) == {"/tmp", "/etc/exitkit", "/tmp/exitkit-dead-letter"}
    assert "sizeLimit" in mounts["/tmp/exitkit-dead-letter"]["emptyDir"]
    for output in template["outputs"]["parameters"]:
        assert output["valueFrom"]["path"].startswith("/tmp/")
        assert "default" in output["valueFrom"]


@pytest.mark.parametrize("name", ["notify", "run"])
def test_the_pod_ends_and_waits_for_nothing_that_is_missing(templates, name):
    """It has a deadline above exitkit's own, is never retried by Argo, and starts without Secret and plan."""
    template = templates[name]
    args = template["container"]["args"]
    assert template["activeDeadlineSeconds"] > parse_duration(args[args.index("--timeout") + 1])
    assert args[args.index("--fail-on") + 1] == "required"
    assert "retryStrategy" not in template
    assert all(one["secretRef"]["optional"] for one in template["container"]["envFrom"])
    assert all(one["configMap"]["optional"] for one in template["volumes"] if "configMap" in one)


def test_the_example_uses_what_is_there(templates):
    """Every hook names one of our templates and passes nothing: what is passed Argo looks through for tags."""
    (document,) = load("example-workflow.yaml")
    hooks = [document["spec"]["hooks"]["exit"]]
    for template in document["spec"]["templates"]:
        for group in template.get("steps", []):
            hooks += [step["hooks"]["exit"] for step in group if "hooks" in step]
    assert len(hooks) == 2
    (name,) = (one["metadata"]["name"] for one in load("workflow-template.yaml"))
    for hook in hooks:
        assert hook["templateRef"]["name"] == name
        assert hook["templateRef"]["template"] in templates
        assert "arguments" not in hook


def test_without_an_account_of_its_own_the_workflows_serves(templates):
    """A namespace that lacks an account would end each of its workflows in Error."""
    assert [one for one in templates.values() if "serviceAccountName" in one] == []


def test_the_account_may_do_the_executors_minimum(templates):
    """https://argo-workflows.readthedocs.io/en/latest/workflow-rbac/"""
    account, role, binding = load("components/account/account.yaml")
    assert role["rules"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [one["name"] for one in binding["subjects"]] == [account["metadata"]["name"]]


def test_the_manifests_are_what_exitkit_manifest_prints():
    """One text, in three forms; `make docs` writes them anew."""
    ran = subprocess.run(
        [sys.executable, str(DEPLOY / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def folders():
    return sorted(path.parent for path in DEPLOY.rglob("kustomization.yaml"))


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: str(folder.relative_to(DEPLOY)))
def test_kustomize_lists_files_that_exist(folder):
    """Each part names what is there, and says at its top what it is for."""
    text = (folder / "kustomization.yaml").read_text("utf-8")
    document = yaml.safe_load(text)
    patches = [one["path"] for one in document.get("patches", ()) if "path" in one]
    for name in (*document.get("resources", ()), *document.get("configurations", ()), *patches):
        assert (folder / name).exists()
    assert text.startswith("# ") or document["resources"] == ["role.yaml"]


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: str(folder.relative_to(DEPLOY)))
def test_a_patch_fits_the_template(folder, templates):
    """What it adds to is there, in both templates alike."""
    document = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    for patch in document.get("patches", ()):
        if "path" not in patch:
            continue
        operations = yaml.safe_load((folder / patch["path"]).read_text("utf-8"))
        for number, name in enumerate(templates):
            mine = [one for one in operations if one["path"].startswith(f"/spec/templates/{number}/")]
            assert len(mine) == len(operations) / len(templates)
            for operation in mine:
                *way, last = operation["path"].removeprefix(f"/spec/templates/{number}/").split("/")
                target = templates[name]
                for part in way:
                    target = target[part]
                assert operation["op"] == "add"
                assert isinstance(target, list) if last == "-" else last not in target


def test_the_image_is_the_packages_version():
    """Wherever a manifest names it."""
    version = re.search(r'^version = "(.*)"', (DEPLOY.parent / "pyproject.toml").read_text("utf-8"), re.MULTILINE)[1]
    for folder in (DEPLOY, DEPLOY / "cluster"):
        (image,) = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["images"]
        assert (image["name"], image["newTag"]) == ("exitkit", version)
    each = [
        *load("workflow-template.yaml"),
        *load("cluster/cluster-workflow-template.yaml"),
        *load("sharded-cleanup.yaml"),
    ]
    templates = [one for document in each for one in document["spec"]["templates"]]
    assert {one["container"]["image"] for one in templates if "container" in one} == {f"exitkit:{version}"}
    assert yaml.safe_load((DEPLOY / "chart/Chart.yaml").read_text("utf-8"))["appVersion"] == version


def test_the_charts_templates_read_values_that_there_are():
    """And each value is read somewhere."""
    values = yaml.safe_load((DEPLOY / "chart/values.yaml").read_text("utf-8"))
    named = set()
    for path in (DEPLOY / "chart/templates").glob("*.yaml"):
        named |= {one.split(".")[0] for one in re.findall(r"\.Values\.([A-Za-z.]+)", path.read_text("utf-8"))}
    assert named == set(values)


def test_the_chart_keeps_argos_braces_from_helm():
    """What is Argo's is printed by Helm, and not run by it."""
    text = (DEPLOY / "chart/templates/workflow-template.yaml").read_text("utf-8")
    kept = text.replace('{{ "{{" }}', "").replace('{{ "}}" }}', "")
    assert [tag for tag in TAG.findall(kept) if "sprig" in tag or "workflow." in tag or tag.startswith("=")] == []


@pytest.fixture(scope="module")
def sharded():
    (document,) = load("sharded-cleanup.yaml")
    return {one["name"]: one for one in document["spec"]["templates"]}


def filled(text, values):
    return TAG.sub(lambda tag: values[tag[1]], text)


def test_the_ranges_that_one_pod_prints_are_what_the_others_take(sharded, aws, capsys):
    """The steps are played as Argo would: each pod's arguments filled in, `result` what the first one printed."""
    client = aws("s3")
    client.create_bucket(Bucket="ml-scratch")
    for number in range(40):
        client.put_object(Bucket="ml-scratch", Key=f"runs/train-x7k2p/{number % 7}/a b%{number}", Body=b"x")
    values = {"workflow.name": "train-x7k2p", "workflow.uid": "u", "workflow.status": "Failed"}
    given = {"inputs.parameters.bucket": "ml-scratch", "inputs.parameters.prefix": "runs/train-x7k2p/"}
    (divide,), (delete,) = sharded["cleanup-s3"]["steps"]

    def play(step, **more):
        known = {**values, **given, "inputs.parameters.shards": "3", **more}
        asked = {one["name"]: filled(one["value"], known) for one in step["arguments"]["parameters"]}
        here = {**values, **{f"inputs.parameters.{name}": value for name, value in asked.items()}}
        args = [filled(one, here) for one in sharded[step["template"]]["container"]["args"]]
        assert run(args, environ=dict(os.environ)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    assert delete["withParam"] == "{{steps.divide.outputs.result}}"
    ranges = json.loads(play(divide))
    for item in ranges:
        play(delete, item=item)
    assert "Contents" not in client.list_objects_v2(Bucket="ml-scratch")


def test_the_pods_of_a_sharded_cleanup_are_like_the_others(sharded, templates):
    """Restricted in the same way, with room in /tmp, and a deadline above exitkit's own."""
    one, other = sharded["range"], templates["run"]
    assert one["securityContext"] == other["securityContext"]
    assert one["container"]["securityContext"] == other["container"]["securityContext"]
    assert one["container"]["command"] == other["container"]["command"]
    assert [tag for tag in body_tags(one) if not SAFE.fullmatch(tag)] == []
    args = one["container"]["args"]
    assert one["activeDeadlineSeconds"] > int(args[args.index("--timeout") + 1].removesuffix("m")) * 60
    assert one["container"]["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
