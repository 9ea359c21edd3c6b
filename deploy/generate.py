"""Write the manifests that `exitkit manifest` prints, and the templates of the Helm chart, which are the same texts.

`python deploy/generate.py` writes them; with `--check` it writes nothing, and exits 1 if any is not what it would write.
"""

import json
import re
import sys
from pathlib import Path

from exitkit.action import Right
from exitkit.cli.manifest import ManifestOptions, role, state_rights, workflow_template
from exitkit.cli.manifest import manifests as documents

DEPLOY = Path(__file__).resolve().parent
_WRITTEN = "# Written by deploy/generate.py; do not edit.\n"

# What a chart's value stands for in the text, and what Helm is told in its place.
_VALUES = {
    "helm-image": "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}",
    "helm-secret": "{{ .Values.secret }}",
    "helm-plan": "{{ .Values.configMap }}",
    "4711": "{{ .Values.uid }}",
    "--fail-on\n          - never": "--fail-on\n          - {{ .Values.failOn }}",
    "--timeout\n          - 997s": "--timeout\n          - {{ .Values.timeoutSeconds }}s",
    "activeDeadlineSeconds: 1057": "activeDeadlineSeconds: {{ add .Values.timeoutSeconds 60 }}",
    "sizeLimit: 97Mi": "sizeLimit: {{ .Values.deadLetters }}",
}
STATE = "configmap://{{workflow.namespace}}/exitkit-state"
"""Where the level with a store keeps what has been done; Argo fills in the namespace."""

_BRACES = r"\{\{|\}\}"


def _kept(braces: re.Match[str]) -> str:
    """Argo's braces as Helm prints them."""
    return '{{ "' + braces[0] + '" }}'


_BLOCKS = {
    "      serviceAccountName: helm-account\n": (
        "      {{- with .Values.account.name }}\n      serviceAccountName: {{ . }}\n      {{- end }}\n"
    ),
    "            fieldRef: {fieldPath: metadata.name}\n": (
        "            fieldRef: {fieldPath: metadata.name}\n"
        "          {{- with .Values.argoUrl }}\n          - {name: ARGO_UI_URL, value: {{ quote . }}}\n          {{- end }}\n"
        "          {{- with .Values.httpsProxy }}\n          - {name: HTTPS_PROXY, value: {{ quote . }}}\n"
        "          - {name: HTTP_PROXY, value: {{ quote . }}}\n          {{- end }}\n"
        "          {{- with .Values.noProxy }}\n          - {name: NO_PROXY, value: {{ quote . }}}\n          {{- end }}\n"
        "          {{- if .Values.caConfigMap }}\n          - {name: SSL_CERT_FILE, value: /etc/exitkit-ca/ca.crt}\n          {{- end }}\n"
        "          {{- if .Values.state }}\n          - {name: EXITKIT_STATE, value: {{ quote .Values.state }}}\n"
        '          {{- else if (index .Values.rights "store") }}\n'
        f"          - {{name: EXITKIT_STATE, value: {json.dumps(re.sub(_BRACES, _kept, STATE))}}}\n          {{{{- end }}}}\n".replace(
            '\\"', '"'
        )
    ),
    "        - name: dead-letters\n": (
        "        {{- with .Values.caConfigMap }}\n        - name: ca\n          configMap: {name: {{ . }}}\n        {{- end }}\n"
        "        {{- with .Values.scratchClaim }}\n        - name: scratch\n"
        "          persistentVolumeClaim: {claimName: {{ . }}}\n        {{- end }}\n        - name: dead-letters\n"
    ),
    "          - {name: dead-letters, mountPath: /tmp/exitkit-dead-letter}\n": (
        "          - {name: dead-letters, mountPath: /tmp/exitkit-dead-letter}\n"
        "          {{- if .Values.caConfigMap }}\n"
        "          - {name: ca, mountPath: /etc/exitkit-ca, readOnly: true}\n          {{- end }}\n"
        "          {{- if .Values.scratchClaim }}\n          - {name: scratch, mountPath: /scratch}\n          {{- end }}\n"
    ),
}
# The levels of rights, each a component of kustomize and a switch of the chart.
LEVELS = {
    "record": (
        "read the workflow itself: what failed beyond what an argument holds",
        [Right("argoproj.io", "workflows", ("get",))],
    ),
    "pod-logs": (
        "read the logs of the namespace's pods",
        [Right("", "pods", ("list",)), Right("", "pods/log", ("get",))],
    ),
    "cleanup": (
        "list and delete pods, claims and jobs; add the kinds that your plan names",
        [
            Right("", "pods", ("list", "delete")),
            Right("", "persistentvolumeclaims", ("list", "delete")),
            Right("batch", "jobs", ("list", "delete")),
        ],
    ),
    "store": (
        "keep what has been done in one ConfigMap, and to read or change no other",
        list(state_rights("exitkit-state")),
    ),
}


def files() -> dict[str, str]:
    """What is written: the path below deploy/, and the text."""
    own = documents(ManifestOptions(account="exitkit")).rpartition("---\n")[0]
    made = {
        "workflow-template.yaml": _WRITTEN + workflow_template(ManifestOptions()),
        "cluster/cluster-workflow-template.yaml": _WRITTEN + workflow_template(ManifestOptions(cluster=True)),
        "components/account/account.yaml": _WRITTEN + own,
        "chart/templates/workflow-template.yaml": _chart_template(),
        "chart/templates/account.yaml": _chart_account(own),
    }
    made["components/store/patch.yaml"] = _WRITTEN + "".join(
        f"- {{op: add, path: /spec/templates/{number}/container/env/-, value: {{name: EXITKIT_STATE, value: {json.dumps(STATE)}}}}}\n"
        for number in range(2)
    )
    for level, (what, rights) in LEVELS.items():
        made[f"components/{level}/role.yaml"] = (
            f"{_WRITTEN}# Allows exitkit's account to {what}.\n{_bound(level, rights)}"
        )
    return made


def main(argv: list[str]) -> int:
    made = files()
    differing = [name for name, text in made.items() if not _is(DEPLOY / name, text)]
    for name in differing:
        if "--check" in argv:
            print(f"deploy/{name} is not what deploy/generate.py writes")
            continue
        (DEPLOY / name).parent.mkdir(parents=True, exist_ok=True)
        (DEPLOY / name).write_text(made[name], encoding="utf-8")
        print(f"wrote deploy/{name}")
    return 1 if differing and "--check" in argv else 0


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text


def _bound(level: str, rights: list[Right]) -> str:
    name = f"exitkit-{level}"
    return (
        role(name, rights)
        + "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n"
        + f"  name: {name}\n  labels:\n    app.kubernetes.io/name: exitkit\nroleRef:\n"
        + f"  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: {name}\n"
        + "subjects:\n  - kind: ServiceAccount\n    name: exitkit\n"
    )


def _chart_template() -> str:
    """The template with Argo's braces kept from Helm, and the chart's values in their places."""
    options = ManifestOptions(
        image="helm-image",
        secret="helm-secret",
        config_map="helm-plan",
        account="helm-account",
        uid=4711,
        timeout=997,
        fail_on="never",
        dead_letters=97 << 20,
    )
    text = re.sub(_BRACES, _kept, workflow_template(options))
    for mark, block in (*_BLOCKS.items(), *_VALUES.items()):
        if mark not in text:
            raise SystemExit(f"deploy/generate.py: the template has no {mark!r} any more")
        text = text.replace(mark, block)
    text = text.replace("kind: WorkflowTemplate\n", "kind: {{ if .Values.cluster }}Cluster{{ end }}WorkflowTemplate\n")
    return "{{- /* Written by deploy/generate.py; do not edit. */ -}}\n" + text


def _chart_account(own: str) -> str:
    subject = "  - kind: ServiceAccount\n    name: exitkit\n"
    account = own.replace("name: exitkit\n", "name: {{ .Values.account.name }}\n")
    account = account.replace("kubernetes.io/name: {{ .Values.account.name }}", "kubernetes.io/name: exitkit")
    account = account.replace(
        "    app.kubernetes.io/name: exitkit\n---",
        "    app.kubernetes.io/name: exitkit\n  {{- with .Values.account.annotations }}\n"
        "  annotations: {{- toYaml . | nindent 4 }}\n  {{- end }}\n---",
        1,
    )
    levels = [
        "{{- if (index .Values.rights "
        f'"{level}"'
        ") }}\n---\n"
        + _bound(level, rights).replace(
            subject, '  - kind: ServiceAccount\n    name: {{ .Values.account.name | default "default" }}\n'
        )
        + "{{- end }}\n"
        for level, (_, rights) in LEVELS.items()
    ]
    return (
        "{{- /* Written by deploy/generate.py; do not edit. */ -}}\n{{- if and .Values.account.name .Values.account.create }}\n"
        + account
        + "{{- end }}\n"
        + "".join(levels)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
