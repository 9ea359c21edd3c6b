import pytest

from exitkit.argo.failures.reason import Termination, consequence, read


@pytest.mark.parametrize(
    ("message", "container", "reason", "exit_code", "detail"),
    [
        ("main: Error (exit code 1)", "main", "Error", 1, ""),
        ("Error (exit code 1)", "", "Error", 1, ""),
        ("main: Error (exit code 1): no space left", "main", "Error", 1, "no space left"),
        ("Error (exit code 1): see (exit code 99)", "", "Error", 1, "see (exit code 99)"),
        (
            "main: Error (exit code 1): wait: OOMKilled (exit code 137)",
            "main",
            "Error",
            1,
            "wait: OOMKilled (exit code 137)",
        ),
        ("main: Error (exit code 1): a\nb", "main", "Error", 1, "a\nb"),
        ("main: OOMKilled (exit code 137)", "main", "OOMKilled", 137, ""),
        ("wait: Error (exit code 64): failed to put file", "wait", "Error", 64, "failed to put file"),
        ("my-ctr2: ContainerCannotRun (exit code -1)", "my-ctr2", "ContainerCannotRun", -1, ""),
        ("main:  (exit code 3)", "main", "", 3, ""),
        (
            "Pod failed before main container starts due to ImagePullBackOff: Back-off (exit code 7)",
            "main",
            "ImagePullBackOff",
            None,
            "Back-off (exit code 7)",
        ),
        ("ErrImagePull: not found", "", "ErrImagePull", None, "not found"),
    ],
)
def test_the_parts_of_a_containers_end(message, container, reason, exit_code, detail):
    """Only what Argo writes in front of the container's own words decides."""
    assert Termination(container, reason, exit_code, detail) == read(message)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Pod was active on the node longer than the specified deadline", "deadline"),
        ("Step exceeded its deadline", "deadline"),
        ("workflow shutdown with strategy:  Stop", "stopped"),
        ("workflow shutdown with strategy: Terminate", "stopped"),
        ("Stopped with strategy 'Stop'", "stopped"),
        ("pod deleted", "pod deleted"),
        ("The node was low on resource: memory. Threshold quantity: 100Mi", "Evicted"),
        ("child 'wf-1170427545' failed", "child failed"),
        ("No more retries left", "child failed"),
        ("something said: child 'wf-1' failed", ""),
        ("child 'wf-1' failed because of me", ""),
        ("I said Error (exit code 1)", ""),
        ("", ""),
    ],
)
def test_the_reason_of_what_is_no_containers_end(message, reason):
    """A word or two for Argo's own messages, and none for what is not Argo's."""
    assert (reason, None) == (read(message).reason, read(message).exit_code)


def test_out_of_memory_is_a_cause_and_a_kill_is_not():
    """137 alone is a SIGKILL from anybody."""
    messages = ("main: OOMKilled (exit code 137)", "main: Error (exit code 137)", "Stopped with strategy 'Stop'")
    assert [consequence(read(message)) for message in messages] == [0, 1, 2]


def test_a_container_that_waited_or_went_with_its_pod_says_less_than_the_others():
    """The one that it waited for is why, and so is what deleted the pod."""
    waited = read('main: Error (exit code 64): dependency "setup" exited with non-zero code: 1')
    assert (waited.container, waited.reason, waited.exit_code) == ("main", "dependency failed", 64)
    for message in ('dependency "a" exited with non-zero code: 2', "container deleted"):
        assert (
            consequence(read(message))
            > consequence(read("pod deleted"))
            > consequence(read("main: Error (exit code 1)"))
        )


@pytest.mark.parametrize("between", [" ", "\n", " \n", "\n\n"])
def test_what_the_container_wrote_may_begin_with_a_line_end(between):
    """Of which the space before may have been cut."""
    end = read(f"main: Error (exit code 254):{between}An error occurred (AccessDenied)")
    assert (end.exit_code, end.detail.strip()) == (254, "An error occurred (AccessDenied)")
