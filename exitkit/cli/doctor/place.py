"""The place itself: folders, proxies and authorities, and the cluster with its clock and the rights that it gives."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path

from exitkit.action import Right
from exitkit.argo.workflow import Workflow
from exitkit.cli import manifest
from exitkit.cli.doctor.finding import Finding
from exitkit.clients import proxy, tcp
from exitkit.clients.http.response import Response
from exitkit.clients.kubernetes import Kube, checked
from exitkit.clients.kubernetes import find as clusters
from exitkit.errors import ActionError, ConfigError
from exitkit.plan import Plan
from exitkit.retry.clock import Clock

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
# AWS refuses what is signed more than 5 minutes away from its own time:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
_SKEW = 300


def folders(state: str, output_dir: str) -> Iterator[Finding]:
    """Those that a run writes to, whatever its plan."""
    for what, path in (("temporary files", tempfile.gettempdir()), ("state", state), ("output-dir", output_dir)):
        if path and not path.startswith(("s3://", "gs://", "configmap://")):
            problem = unwritable(path)
            yield Finding("wrong" if problem else "ok", what, f"{path} {problem or 'can be written'}")


def unwritable(path: str) -> str:
    """Why nothing can be written there, or below the nearest folder that is there; "" if it can."""
    there = Path(path)
    while not there.exists() and there != there.parent:
        there = there.parent
    if os.access(there, os.W_OK):
        return ""
    return f"cannot be written, as {there} cannot: mount a volume there, or name another place"


def network() -> Iterator[Finding]:
    """What the variables of proxies and authorities say, tried as far as that needs nobody else."""
    try:
        via = proxy.find("https", "example.com", 443)
        yield Finding("ok", "proxy", f"through {via.name}" if via else "none")
    except ConfigError as error:
        yield Finding("wrong", "proxy", str(error))
    try:
        tcp.tls()
        yield Finding("ok", "authorities", "can be read")
    except ConfigError as error:
        yield Finding("wrong", "authorities", str(error))


def cluster(plan: Plan | None, workflow: Workflow, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the account may do what the executor and the plan's steps need, and whether the clocks agree."""
    try:
        rights = [manifest.EXECUTOR, *(manifest.needed(plan) if plan is not None else ())]
    except ConfigError as error:
        yield Finding("note", "rights", str(error))
        rights = [manifest.EXECUTOR]
    clock = Clock()
    with Kube(partial(clusters.find, "", "", clock, environ=environ)) as kube:
        try:
            answer = _review(kube, rights[0], rights[0].verbs[0], workflow)
        except ConfigError as error:
            yield Finding("note", "cluster", str(error))
            return
        except ActionError as error:
            yield Finding("wrong", "cluster", str(error))
            return
        yield from _clock(answer, clock.time())
        missing = []
        for right in rights:
            try:
                denied = [verb for verb in right.verbs if not _allows(_review(kube, right, verb, workflow))]
            except (ActionError, ConfigError) as error:
                yield Finding("wrong", "rights", str(error))
                return
            if denied:
                place = right.namespace or workflow.namespace or "every namespace"
                missing.append(f"{' and '.join(denied)} on {right.resource} in {place}")
    if missing:
        yield Finding("wrong", "rights", f"not allowed: {'; '.join(missing)}: exitkit manifest PLAN prints the Role")
    else:
        yield Finding("ok", "rights", "all that the executor and the plan need is allowed")


def _review(kube: Kube, right: Right, verb: str, workflow: Workflow) -> Response:
    resource, _, subresource = right.resource.partition("/")
    place = right.namespace or workflow.namespace
    attributes = {"group": right.group, "resource": resource, "subresource": subresource, "verb": verb}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {**attributes, "namespace": place}},
    }
    return checked(
        kube.send("POST", _REVIEWS, what="asking for rights", body=json.dumps(body).encode()), "asking for rights"
    )


def _allows(answer: Response) -> bool:
    status = answer.json().get("status", {})
    return isinstance(status, dict) and status.get("allowed") is True


def _clock(answer: Response, now: float) -> Iterator[Finding]:
    try:
        away = now - parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (TypeError, ValueError):
        return
    if abs(away) > _SKEW:
        yield Finding(
            "wrong", "clock", f"is {away:+.0f} s from the cluster's: signatures will be refused; set the node's time"
        )
    else:
        yield Finding("ok", "clock", "agrees with the cluster's")
