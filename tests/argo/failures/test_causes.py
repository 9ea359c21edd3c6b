"""Known causes: what people meet, in the words in which they meet it, and the cure that a colleague would name."""

import time

import pytest

from exitkit.argo.failures.causes import CAUSES, Cause, known, problem
from exitkit.argo.failures.failure import Failure


def failure(message, **more):
    return Failure(display_name="fit", message=message, phase="Failed", **more)


@pytest.mark.parametrize(
    ("message", "cure", "platform"),
    [
        ("main: OOMKilled (exit code 137)", "memory limit", False),
        (
            'Pod failed before main container starts due to ImagePullBackOff: Back-off pulling image "x:1": manifest unknown',
            "name or tag",
            False,
        ),
        ('ErrImagePull: failed to pull "r/x:1": 401 Unauthorized', "imagePullSecrets", False),
        ("ErrImagePull: toomanyrequests: You have reached your pull rate limit", "log in, or pull through a cache", True),
        ('ErrImagePull: Get "https://r/v2/": dial tcp 10.0.0.1:443: i/o timeout', "not reached", True),
        ("The node was low on resource: memory. Threshold quantity: 100Mi", "ran short", True),
        ("Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.", "ephemeral-storage", False),
        ("Pod was active on the node longer than the specified deadline", "deadline", False),
        ("Step exceeded its deadline", "deadline", False),
        ("Pod was terminated in response to imminent node shutdown.", "run it again", True),
        ("main: ContainerStatusUnknown (exit code 137)", "run it again", True),
        ("pod deleted", "run it again", True),
        (
            "main: Error (exit code 1): botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling PutObject",
            "cloud role",
            False,
        ),
        ("main: Error (exit code 1): 403 GET https://storage.googleapis.com/b/x: sa@p.iam.gserviceaccount.com does not have storage.objects.get access", "cloud role", False),
        ("main: Error (exit code 1): User: arn:aws:sts::1:assumed-role/x is not authorized to perform: s3:GetObject", "cloud role", False),
        ("main: Error (exit code 1): This request is not authorized. AuthorizationPermissionMismatch", "cloud role", False),
        ("main: Error (exit code 1): Unable to locate credentials", "credentials", False),
        ("main: Error (exit code 1): OSError: [Errno 28] No space left on device", "larger volume", False),
        ("main: Error (exit code 1): socket.gaierror: [Errno -3] Temporary failure in name resolution", "cluster's DNS", True),
        ("main: Error (exit code 1): dial tcp: lookup db.prod on 10.96.0.10:53: no such host", "host's name", False),
        ("main: Error (exit code 1): getaddrinfo EAI_AGAIN db", "cluster's DNS", True),
        (
            'pods "train-x-1" is forbidden: exceeded quota: compute, requested: limits.memory=8Gi, used: 60Gi, limited: 64Gi',
            "ResourceQuota",
            True,
        ),
        ("Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", "no room", True),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false', "securityContext", False),
        (
            'workflowtaskresults.argoproj.io is forbidden: User "system:serviceaccount:ml:default" cannot create resource "workflowtaskresults"',
            "workflowtaskresults",
            False,
        ),
        ("main: Error (exit code 1): torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "smaller batch", False),
        ("main: Error (exit code 1): java.lang.OutOfMemoryError: Java heap space", "-Xmx", False),
        ("main: Error (exit code 1): exec /app: exec format error", "architecture", False),
        ("main: Error (exit code 1): ssl.SSLCertVerificationError: certificate verify failed: self signed", "authority", False),
    ],
)  # fmt: skip
def test_a_cause_is_known_by_its_words(message, cure, platform):
    """And whose it is."""
    found = failure(message)
    assert cure in found.cure
    assert found.platform is platform
    assert found.advice.startswith("the platform, not the step: ") is platform


@pytest.mark.parametrize(
    "message",
    [
        "main: Error (exit code 1)",
        "main: Error (exit code 1): KeyError: 'price'",
        "main: Error (exit code 1): ValueError: access to column denied by validation",
        "main: Error (exit code 1): AssertionError: expected 403 rows, found 402",
        "Stopped with strategy 'Stop'",
        "child 'wf-1' failed",
        "",
    ],
)
def test_what_is_a_bug_of_the_step_has_no_cure(message):
    """A wrong advice is worse than none."""
    assert failure(message).advice == ""


def test_each_row_of_the_table_can_be_met():
    """No cause is hidden by one before it, and none has a pattern that RE2 would not take from a plan."""
    assert [cause.match for cause in CAUSES if problem(cause.match)] == []
    for number, cause in enumerate(CAUSES):
        before = CAUSES[:number]
        hiding = [
            other
            for other in before
            if (other.reason, other.match, other.exit_code) == (cause.reason, cause.match, cause.exit_code)
        ]
        assert hiding == []


def test_all_that_is_given_must_hold():
    """A reason, a code and a pattern together."""
    cause = Cause("x", "abc", "Error", 3)
    assert known([cause], "Error", 3, "an abc") is cause
    for reason, code, text in (("OOMKilled", 3, "abc"), ("Error", 4, "abc"), ("Error", 3, "ab")):
        assert known([cause], reason, code, text) is not cause


def test_a_plans_causes_go_first_and_cost_no_time():
    """Also a pattern that takes another engine for ever."""
    cause = Cause("mine", "(a+)+$")
    began = time.process_time()
    assert known([cause], "", 1, "a" * 5000 + "!") is None
    assert time.process_time() - began < 1
    assert failure("main: OOMKilled (exit code 137)", causes=(Cause("mine", reason="OOMKilled"),)).cure == "mine"
    assert problem("(") != ""
    assert problem("a+") == ""
