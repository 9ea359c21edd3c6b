import json
import os
import re
import time
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.argo.argument import MOST
from exitkit.argo.failures import Failure, Failures, decode
from exitkit.argo.gostring import quote

LINES = (Path(__file__).parents[2] / "data/gostring/vectors.jsonl").read_text("utf-8").split("\n")
FROM_GO = [vector for vector in map(json.loads, filter(None, LINES)) if "f" in vector]

# What argv holds, byte for byte.
NONE = '"null"'
ONE = (
    r'"[{\"displayName\":\"step-a\",\"message\":\"main: Error (exit code 1)\",\"templateName\":\"fail\",'
    r"\"phase\":\"Failed\",\"podName\":\"wf-x-fail-1170427545\",\"finishedAt\":\"2026-08-21T12:40:07Z\"}]" + '"'
)
HARD = (
    r'"[{\"displayName\":\"B(0)\",\"message\":\"main: Error (exit code 1): Traceback \\\"x\\\"\\n \\u003cb\\u003e \\u0026'
    r" $(id) `id` \\u001b[31mred\\u001b[0m C:\\\\tmp\",\"templateName\":\"tmpl\",\"phase\":\"Error\",\"podName\":\"p\","
    r"\"finishedAt\":null},{\"displayName\":\"del\",\"message\":\"a\x7fb\",\"templateName\":\"tmpl\",\"phase\":\"Failed\","
    r"\"podName\":\"p\",\"finishedAt\":null},{\"displayName\":\"flag\",\"message\":\"🏴\U000e0067\U000e0062 zwsp\u200b"
    r" nbsp\u00a0 😀 é \\u2028\",\"templateName\":\"tmpl\",\"phase\":\"Failed\",\"podName\":\"p\",\"finishedAt\":null}]"
    '"'
)
MESSAGES = {
    "B(0)": 'main: Error (exit code 1): Traceback "x"\n <b> & $(id) `id` \x1b[31mred\x1b[0m C:\\tmp',
    "del": "a\x7fb",
    "flag": "🏴\U000e0067\U000e0062 zwsp\u200b nbsp\u00a0 😀 é \u2028",
}


def entry(name, message="main: Error (exit code 1)", second=0, template="tmpl", **more):
    return {
        "displayName": name,
        "message": message,
        "templateName": template,
        "phase": "Failed",
        "podName": f"wf-{template}-{zlib.crc32(name.encode()) + second}",
        "finishedAt": f"2026-08-21T12:40:{second:02d}Z",
    } | more


def wire(*entries):
    return quote(json.dumps(entries, ensure_ascii=False))


def names(failures):
    return [one.display_name for one in failures]


def test_a_failure_as_argo_sends_it():
    """Every field of Argo's arrives, and what its message says is read from it."""
    (one,) = decode(ONE)
    assert one == Failure(
        display_name="step-a",
        message="main: Error (exit code 1)",
        template_name="fail",
        phase="Failed",
        pod_name="wf-x-fail-1170427545",
        finished_at=datetime(2026, 8, 21, 12, 40, 7, tzinfo=UTC),
    )
    assert (one.container, one.reason, one.exit_code) == ("main", "Error", 1)


def test_what_json_cannot_read_is_read():
    """DEL, invisible runes, quotes, newlines, shell syntax: the message is what the container wrote."""
    failures = decode(HARD)
    assert {one.display_name: one.message for one in failures} == MESSAGES
    assert (failures.notes, failures.truncated) == ((), False)
    with pytest.raises(json.JSONDecodeError):
        json.loads(json.loads(HARD))


def test_what_go_made_is_read_as_it_went_in():
    """Argo's own code path, run in Go: each list comes out with the messages that went in, without a note."""
    assert len(FROM_GO) > 50
    for vector in FROM_GO:
        failures = decode(vector["f"])
        wanted = sorted(one["message"].replace("\0", "\ufffd") for one in vector["j"] or [])
        assert failures.notes == ()
        assert failures.raw_count == len(wanted)
        if failures.raw_count == len(failures):  # none was empty, and so taken for a DAG
            assert wanted == sorted(one.message for one in failures)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "  \n",
        NONE,
        "null",
        '""',
        "[]",
        '"[]"',
        "<nil>",
        "{{workflow.failures}}",
        "{{ workflow.failures }}",
        "{{=workflow.failures}}",
        '"{{workflow.failures}}"',
        "{{=toJson(workflow.failures)}}\n",
        '"\\"null\\""',
        "'null'",
    ],
)
def test_nothing_failed(value):
    """No failure, an empty value and a tag that Argo left unfilled are all the same: none, and nothing to note."""
    assert decode(value) == Failures()
    assert (bool(decode(value)), decode(value).first, decode(value).headline) == (False, None, "")


PLAIN = json.dumps([entry("a", 'said "hi"\n\\o/'), entry("b", "é 😀", 1)])


@pytest.mark.parametrize(
    "value",
    [
        PLAIN,
        quote(PLAIN),
        quote(quote(PLAIN)),
        quote(quote(quote(PLAIN))),
        json.dumps(quote(PLAIN)),
        json.dumps(PLAIN),
        f"'{PLAIN}'",
        f"`{PLAIN}`",
        f'"{PLAIN}"',
        quote(PLAIN)[1:-1],
        quote(quote(PLAIN))[1:-1],
        f"\ufeff  {PLAIN}\n",
        json.dumps(json.loads(PLAIN), indent=4, sort_keys=True),
        json.dumps(json.loads(PLAIN), ensure_ascii=False),
        PLAIN[1:-1],
        "\n".join(json.dumps(one) for one in json.loads(PLAIN)),
    ],
)
def test_every_way_in_which_it_arrives(value):
    """Quoted by Go, JSON or a shell, once or more, unquoted, pretty-printed, as single objects: the same failures."""
    assert decode(value) == decode(quote(PLAIN))
    assert [one.message for one in decode(value)] == ['said "hi"\n\\o/', "é 😀"]


def test_one_object_is_one_failure():
    """Somebody may pass on a single entry."""
    assert names(decode(json.dumps(entry("a")))) == ["a"]


def test_quotes_that_nobody_escaped_are_read_around():
    """A message with bare quotes costs neither itself nor its neighbours (argo-workflows#11131)."""
    failures = decode(PLAIN.replace('\\"hi\\"', '"hi"'))
    assert {one.display_name: one.message for one in failures} == {"a": 'said "hi"\n\\o/', "b": "é 😀"}
    (note,) = failures.notes
    assert note.startswith("workflow.failures is damaged; some failed steps may be missing or incomplete: ")


@pytest.mark.parametrize("level", [lambda text: text, quote, lambda text: quote(quote(text))])
def test_cut_text_keeps_what_is_whole(level):
    """Wherever it is cut, all entries before the cut are there, and the result says that it was cut."""
    entries = [entry(f"step-{n}", f'main: Error (exit code {n}): "x"\x7f\U000e0067', n) for n in range(1, 4)]
    text = level(json.dumps(entries, ensure_ascii=False))
    whole = decode(text)
    seen = set()
    for cut in range(5, len(text) - 1):
        failures = decode(text[:cut])
        kept = [one for one in failures if one in whole.all]
        assert failures.truncated, cut
        assert failures.notes[0].startswith("workflow.failures was cut off; some failed steps may be missing")
        assert len(failures) - len(kept) <= 1, cut  # the last may be half there
        seen.add(len(kept))
    assert {0, 1, 2, 3} == seen


def test_fields_of_the_wrong_type_become_text():
    """Numbers, null, lists, booleans, NaN, huge and doubled values are no reason to lose an entry."""
    text = (
        '[{"displayName":12,"message":["a",{"b":NaN}],"templateName":null,"phase":true,"podName":%s,"finishedAt":1e999},'
        '{"displayName":"x","displayName":"y","message":"\\ud800\\u0000"}, 5, null, {"other": 1}, []]' % ("9" * 5000)
    )
    failures = decode(text)
    numbered, doubled = sorted(failures, key=lambda one: one.display_name)
    assert (
        numbered.display_name,
        numbered.message,
        numbered.template_name,
        numbered.phase,
        numbered.finished_at,
    ) == ("12", '["a",{"b":"NaN"}]', "", "true", None)
    assert len(numbered.pod_name) == 5000
    assert (doubled.display_name, doubled.message) == ("y", "\ufffd\ufffd")
    assert failures.notes == ('workflow.failures holds 4 entries that are no failed steps: 5, null, {"other":"1"}, []',)


@pytest.mark.parametrize("value", ["true", "42", "disk full", '"disk full"', "[tru", '{"a"', "[[[", "x" * 1000])
def test_what_is_no_list_leaves_a_note(value):
    """Whoever reads the message learns that there was something, and what."""
    failures = decode(value)
    assert (len(failures), len(failures.notes)) == (0, 1)
    shown = failures.notes[0].partition(": ")[2]
    assert shown.rstrip("…") in value
    assert len(failures.notes[0]) < 300
    assert shown or value.startswith("[")


def test_what_cannot_be_read_is_shown_in_one_line():
    """Without colours and controls, and cut visibly: somebody wanted to say something by it."""
    failures = decode("disk\n\x1b[31mfull\x1b[0m " + "x" * 5000)
    (note,) = failures.notes
    assert "was not understood: disk full xxx" in note
    assert note.endswith("…")
    assert "\n" not in note
    assert "5, null" not in decode('[5, {"displayName":"a"}]').notes[0]
    assert decode('[5, {"displayName":"a"}]').notes[0].endswith("1 entries that are no failed steps: 5")


def test_all_that_is_no_failed_step_is_shown_as_far_as_a_line_goes():
    """Not the first alone, in a list of texts as in a million of them."""
    assert decode('["disk full", "node lost"]').notes[0].endswith("no failed steps: disk full, node lost")
    note = decode(json.dumps(["x" * 99] * 19_000)).notes[0]
    assert (len(note) < 300, note.endswith("…")) == (True, True)


def test_text_from_argv_that_is_no_utf8_can_be_sent_on():
    """Python hands over stray bytes as surrogates, which no channel can encode."""
    (one,) = decode('[{"displayName":"a\udcff","message":"b\udc80"}]')
    json.dumps([one.display_name, one.message], ensure_ascii=False).encode()


def test_a_long_value_is_read_from_its_file(tmp_path):
    """Argo replaces an argument over 128 KiB by a file's name."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp/argo_arg_3.txt").write_text(ONE, "utf-8")
    assert decode(ONE) == decode("@/tmp/argo_arg_3.txt", root=tmp_path)


def test_a_missing_file_is_noted(tmp_path):
    """A read-only root file system without /tmp leaves no file, and a reader who wonders."""
    failures = decode("@/tmp/argo_arg_3.txt", root=tmp_path)
    notes = ("workflow.failures: /tmp/argo_arg_3.txt cannot be read: No such file or directory",)
    assert (len(failures), failures.notes) == (0, notes)


def test_no_other_file_is_read(tmp_path):
    """A workflow's author cannot have the pod's secrets sent: only the executor's own pattern is a file."""
    (tmp_path / "tmp").mkdir()
    secret = tmp_path / "tmp/token"
    secret.write_text(ONE)
    (tmp_path / "tmp/argo_arg_0.txt").symlink_to(secret)
    os.mkfifo(tmp_path / "tmp/argo_arg_1.txt")
    (tmp_path / "tmp/argo_arg_2.txt").mkdir()
    paths = [
        "token",
        "argo_arg_0.txt",
        "argo_arg_1.txt",
        "argo_arg_2.txt",
        "argo_arg_x.txt",
        "../tmp/token",
        "argo_arg_٣.txt",
    ]
    for path in [*paths, "argo_arg_0.txt\n@/tmp/token"]:
        failures = decode(f"@/tmp/{path}", root=tmp_path)
        assert (path, 0, 1) == (path, len(failures), len(failures.notes))


HOSTILE = {
    "lists in lists": "[",
    "objects in objects": '{"a":',
    "entries in entries": '{"displayName":',
    "quotes": '"',
    "backslashes": "\\",
    "empty objects": "{},",
    "empty lists": "[],",
    "small entries": '{"phase":1},',
    "broken entries": '{"phase":x},',
    "tags": "{{",
    "bytes": "\\x41",
    "spaces": " ",
}


@pytest.mark.parametrize("beginning", ["", "[", '"', '"[', '[{"message":"'])
@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_value_costs_time_in_proportion_to_its_length(piece, beginning):
    """No form of nesting, quoting or repetition makes reading quadratic, deep or endless."""
    began = time.thread_time()
    decode(beginning + piece * (2**18 // len(piece)))
    # Here it takes 0.1 s at most; a quadratic reader would take minutes.
    assert time.thread_time() - began < 5


def test_a_value_beyond_all_bounds_is_cut():
    """What follows the first 16 MiB is not read, and a note says so."""
    failures = decode("[" + json.dumps(entry("a")) + "," + " " * (2 * MOST))
    assert (names(failures), failures.truncated) == (["a"], True)
    assert "workflow.failures: only the first 16 MiB were read" in failures.notes


def test_more_entries_than_a_workflow_holds_are_not_kept():
    """Memory is bounded by the number of failures as well."""
    failures = decode("[" + ",".join(['{"phase":"Failed"}'] * 20_001) + "]")
    assert (failures.raw_count, failures.truncated) == (20_000, True)


anything = st.text() | st.text(st.sampled_from('[]{}"\\:,nulx \n')) | st.sampled_from([ONE, HARD, PLAIN, NONE])


@given(anything)
def test_any_text_is_decoded(text):
    """decode never raises, and what it gives can be encoded."""
    failures = decode(text)
    for one in failures:
        (one.text + one.line + one.display_name + failures.headline).encode()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from([ONE, HARD, PLAIN, quote(HARD)]), st.data())
def test_any_damage_to_a_value_is_survived(value, data):
    """Cut out, put in, cut off: decode never raises."""
    start = data.draw(st.integers(0, len(value)))
    end = data.draw(st.integers(start, min(len(value), start + 20)))
    cut = data.draw(st.none() | st.integers(0, len(value)))
    decode((value[:start] + data.draw(anything) + value[end:])[:cut])


fields = st.fixed_dictionaries(
    {"displayName": st.text(min_size=1), "message": st.text(min_size=1)},
    optional={name: st.text() for name in ("templateName", "phase", "podName", "finishedAt")},
)


@given(st.lists(fields, max_size=4), st.integers(0, 3))
def test_every_message_survives_the_way(entries, layers):
    """Whatever the messages hold and however often they were quoted, as many arrive as were sent."""
    text = json.dumps(entries)
    for _ in range(layers):
        text = quote(text)
    failures = decode(text)
    assert (len(entries), False) == (failures.raw_count, failures.truncated)
    sent = {re.sub("[\ud800-\udfff\0]", "\ufffd", one["message"]) for one in entries}
    assert {one.message for one in (*failures, *failures.recovered, *failures.handlers)} <= sent


def test_failures_come_in_the_order_in_which_they_finished():
    """Argo's order is random; ours is the same in every run, with what has no time last."""
    entries = [entry("c", second=2), entry("z", finishedAt=None), entry("b", second=1), entry("a", second=2)]
    assert ["b", "a", "c", "z"] == names(decode(wire(*entries))) == names(decode(wire(*reversed(entries))))


def test_the_zero_time_is_none():
    """Go's zero time is not the year 1."""
    (one,) = decode(wire(entry("a", finishedAt="0001-01-01T00:00:00Z")))
    assert one.finished_at is None


def test_the_root_cause_failed_first():
    """Among failures of their own, the earliest is the cause."""
    first = decode(wire(entry("b", second=1), entry("a", second=3))).first
    assert first is not None
    assert first.display_name == "b"


@pytest.mark.parametrize(
    "message",
    [
        "workflow shutdown with strategy:  Stop",
        "Stopped with strategy 'Stop'",
        "Step exceeded its deadline",
        "pod deleted",
        "main: Error (exit code 143)",
        "main: Error (exit code 137)",
    ],
)
def test_what_was_stopped_is_not_the_root_cause(message):
    """A step that was ended from outside is no cause while another failed by itself, however much later."""
    first = decode(wire(entry("stopped", message, 1), entry("broken", "main: OOMKilled (exit code 137)", 3))).first
    assert first is not None
    assert first.display_name == "broken"


def test_alike_messages_are_one_group():
    """Numbers, addresses and ids do not make a message another one; template, exit code and words do."""
    ids = ["0x7f3a", "3f2b8a52-6d4e-4f7a-9a51-2f6f6d1c7e90", "12", "deadbeef42"]
    alike = [entry(f"s({n}:x)", f"main: Error (exit code 1): at {one} of  10", n) for n, one in enumerate(ids)]
    others = [
        entry("t", "main: Error (exit code 2): at 1 of 10", 8),
        entry("u", "main: Error (exit code 1): at 1 of 10", 9, template="other"),
    ]
    groups = decode(wire(*others, *alike)).groups
    assert [group.count for group in groups] == [4, 1, 1]
    assert [group.first.display_name for group in groups] == ["s(0:x)", "t", "u"]
    assert groups[0].message == "main: Error (exit code 1): at 0x7f3a of  10"


@pytest.mark.parametrize(
    ("messages", "headline"),
    [
        (["main: Error (exit code 1)"], "s0 failed (exit code 1)"),
        (["main: Error (exit code 1): KeyError: 'x'"], "s0 failed (exit code 1): KeyError: 'x'"),
        (
            ["main: OOMKilled (exit code 137)"],
            "s0 failed (OOMKilled, exit code 137): it used more memory than its limit",
        ),
        (["pod deleted"], "s0 failed (pod deleted): somebody deleted the pod, or its node was drained or lost"),
        (
            ["workflow shutdown with strategy:  Stop"],
            "s0 failed (stopped): the workflow was stopped or terminated while this ran",
        ),
        (["what"], "s0 failed: what"),
        (["setup: Error (exit code 2): a\n  b"], "s0 failed (container setup, exit code 2): b"),
        (["a", "b"], "2 steps failed"),
        (["a", "a"], "2 steps failed, all with the same message"),
        (["a"] * 11 + ["b"], "12 steps failed, the same message 11 times"),
    ],
)
def test_the_headline_counts(messages, headline):
    """One line says how much failed, how much of it the same way, and of a single step why."""
    failures = tuple(Failure(display_name=f"s{n}", message=message) for n, message in enumerate(messages))
    assert headline == Failures(all=failures).headline


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("main: Error (exit code 137)", "killed by a signal"),
        ("main: Error (exit code 139)", "segmentation fault"),
        ("main: Error (exit code 143)", "SIGTERM"),
        ("main:  (exit code 143)", "argo stop"),
        ("main: Error (exit code 64)", "Argo's own executor"),
        ("wait: Error (exit code 64)", "workflowtaskresults"),
        ("main: Error (exit code 65)", "Argo's supervisor"),
        ("main: Error (exit code 255)", "-1"),
        ("main: Unknown (exit code 255)", "its node restarted"),
        ("Error (exit code 137)", "when memory runs out"),
        ("ImagePullBackOff", "the image cannot be pulled"),
    ],
)
def test_a_bare_code_is_explained(message, words):
    """Where Argo tells nothing but a code or a reason, the line says what it means in Argo."""
    assert words in Failures(all=(Failure("s", message),)).headline


def test_the_headline_admits_that_there_may_be_more():
    """A count from a cut list is a lower bound."""
    assert decode(wire(entry("a"), entry("b", "x"))[:-60]).headline == "at least 2 steps failed"


def test_a_message_is_kept_and_its_text_is_for_people():
    """The message stays byte for byte; its text has no colours, controls and turned directions."""
    message = "\x1b[31mred\x1b[0m \x1b]0;title\x07\u202eabc\r\nnext \t\r\x07\n\n\n\nend\x9b1m\x00"
    (one,) = decode(wire(entry("a", message)))
    assert one.message == message.replace("\0", "\ufffd")
    assert one.text == "red abc\nnext\n\nend\ufffd"
    assert one.line == "red abc next end\ufffd"
