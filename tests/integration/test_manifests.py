"""The manifests as kustomize and Helm themselves render them."""

import subprocess
from pathlib import Path

import pytest
import yaml
from hera.workflows import models

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPONENTS = sorted(path.parent.name for path in DEPLOY.glob("components/*/kustomization.yaml"))


def rendered(words):
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return [one for one in yaml.safe_load_all(ran.stdout) if one]


def template_of(documents):
    (template,) = (one for one in documents if one["kind"].endswith("WorkflowTemplate"))
    model = models.WorkflowTemplate if template["kind"] == "WorkflowTemplate" else models.ClusterWorkflowTemplate
    model.model_validate(template)
    return template


@pytest.fixture
def kustomize(program, tmp_path):
    """Renders a base with some components."""
    found = program("kustomize")

    def build(base, *components):
        (tmp_path / "deploy").symlink_to(DEPLOY) if not (tmp_path / "deploy").exists() else None
        parts = [f"deploy/components/{name}" for name in components]
        overlay = {"resources": [f"deploy/{base}".rstrip("/.")], "components": parts}
        overlay |= {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay), "utf-8")
        return rendered([found, "build", "--load-restrictor", "LoadRestrictionsNone", str(tmp_path)])

    return build


@pytest.fixture
def helm(program):
    """Renders the chart with some values."""
    found = program("helm")

    def build(*values):
        return rendered(
            [
                found,
                "template",
                "exitkit",
                "--kube-version",
                "1.30",
                str(DEPLOY / "chart"),
                *(word for one in values for word in one),
            ]
        )

    return build


@pytest.mark.parametrize("base", [".", "cluster"])
def test_kustomize_renders_the_bases_and_every_component_on_them(kustomize, base):
    """Each alone, and all together; the image's name is replaced in both kinds of template."""
    alone = template_of(kustomize(base))
    assert {one["container"]["image"] for one in alone["spec"]["templates"]} == {"exitkit:0.1.0"}
    for name in COMPONENTS:
        if name in ("irsa", "gke-workload-identity"):
            continue  # these annotate the account, which another component brings
        kustomize(base, name)
    documents = kustomize(
        base, "account", *(name for name in COMPONENTS if name not in ("account", "gke-workload-identity"))
    )
    both = template_of(documents)["spec"]["templates"]
    for one in both:
        assert one["serviceAccountName"] == "exitkit"
        names = [each["name"] for each in one["container"]["env"]]
        assert {"HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"} <= set(names)
    (account,) = (one for one in documents if one["kind"] == "ServiceAccount")
    assert "eks.amazonaws.com/role-arn" in account["metadata"]["annotations"]
    roles = {one["metadata"]["name"] for one in documents if one["kind"] == "Role"}
    assert roles == {"exitkit", "exitkit-record", "exitkit-pod-logs", "exitkit-cleanup", "exitkit-store"}


def test_helm_renders_what_kustomize_does(helm, kustomize):
    """The two forms say the same, with and without an account and its rights."""
    assert template_of(helm()) == template_of(kustomize("."))
    assert template_of(helm(("--set", "cluster=true"))) == template_of(kustomize("cluster"))
    given = [
        ("--set", "account.name=exitkit"),
        *(("--set", f"rights.{name}=true") for name in ("record", "pod-logs", "cleanup")),
    ]
    ours = kustomize(".", "account", "record", "pod-logs", "cleanup")

    def by_name(documents):
        return {(one["kind"], one["metadata"]["name"]): one for one in documents}

    assert by_name(helm(*given)) == by_name(ours)


def test_every_value_of_the_chart_changes_what_is_rendered(helm):
    """None is there for nothing."""
    plain = helm()
    for value in (
        "image.repository=r/x", "image.tag=9", "cluster=true", "account.name=a", "rights.record=true", "secret=s",
        "configMap=c", "timeoutSeconds=99", "failOn=any", "uid=1000", "deadLetters=1Gi", "argoUrl=https://a",
        "httpsProxy=http://p:1", "noProxy=b", "caConfigMap=ca", "scratchClaim=d", "rights.store=true", "state=s3://b/x",
    ):  # fmt: skip
        assert helm(("--set", value)) != plain, value
