import pytest

from exitkit.argo.failures.reason import Cause, consequence, normalise, read


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
    assert Cause(container, reason, exit_code, detail) == read(message)


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


def test_the_exit_code_tells_messages_apart_and_other_numbers_do_not():
    """So that twelve shards of one trouble are one."""
    assert normalise("main: Error (exit code 1): row 7") == normalise("main: Error (exit code 1):  row 8")
    assert normalise("main: Error (exit code 1): row 7") != normalise("main: Error (exit code 2): row 7")
