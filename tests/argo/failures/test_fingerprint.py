import pytest

from exitkit.argo.failures.fingerprint import fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("main: Error (exit code 1): row 7", "main: Error (exit code 1):  row 8"),
        ("shard 412 of 900 failed", "shard 503 of 900 failed"),
        ("row 404 is null", "row 503 is null"),
        ("rows: 404", "rows: 503"),
        ("key=404", "key=503"),
        ("took 404ms", "took 503ms"),
        ("took 404 ms", "took 503 ms"),
        ("at 404/900", "at 503/900"),
        ("pod wf-404-x", "pod wf-503-x"),
        ("10.0.0.404", "10.0.0.503"),
        ("at 0x7f3a", "at 0x11"),
        ("12:40:07.412 lost", "12:40:07.503 lost"),
        ("job deadbeef42 lost", "job cafebabe17 lost"),
        ("partition 512 is gone", "partition 500 is gone"),
    ],
)
def test_what_differs_from_pod_to_pod_makes_no_other_message(one, other):
    """So that twelve shards with one trouble are one, also where their number looks like a status."""
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    "text",
    [
        "404 Client Error: Not Found for url: https://x.example/a",
        "HTTP {}",
        "HTTP/1.1 {}",
        "status code {}",
        "status={}",
        "status_code: {}",
        "server answered {}",
        "GET https://x.example/orders: {}",
        "fetch failed: {}",
        "got {} from the API",
        "({}) Reason: no",
        "returned {}",
        '{{"code":{}}}',
        "Error {}: nope",
        "{}",
    ],
)
def test_a_404_and_a_503_are_two_messages(text):
    """Whoever reads of the one must not take it for the other, however the program words it."""
    one, other = (text.replace("404", "{}").format(code) for code in (404, 503))
    assert fingerprint(f"main: Error (exit code 1): {one}") != fingerprint(f"main: Error (exit code 1): {other}")
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    "text", ["exit status {}", "exited with {}", "code: {}", "[Errno {}] x", "signal {}", "ORA-{}"]
)
def test_exit_codes_and_error_numbers_stay(text):
    """They are what happened."""
    assert fingerprint(text.format(2)) != fingerprint(text.format(28))


def test_the_exit_code_of_the_container_stays():
    """As Argo tells it in front of the container's own words."""
    assert fingerprint("main: Error (exit code 1): row 7") != fingerprint("main: Error (exit code 2): row 7")
