"""What real servers answered, played again: what the report counts is what the server had, record by record.

The files of `answers` are of one server each; `tests/integration/recording.py` says what is in them, and records them.
"""

import json
from base64 import b64decode
from collections import Counter
from pathlib import Path

import pytest

from exitkit.errors import ActionError
from exitkit.plan import registry
from exitkit.settings import load
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.http import answer

FILES = sorted((Path(__file__).parent / "answers").glob("*.json"))
CASES = [
    pytest.param(case.get("action", recorded.get("action")), case, id=f"{path.stem}: {case['what']}")
    for path in FILES
    for recorded in [json.loads(path.read_text())]
    for case in recorded["cases"]
]


def body(text):
    return b64decode(text["base64"]) if isinstance(text, dict) else text.encode()


@pytest.mark.parametrize(("action", "case"), CASES)
def test_accepted_is_what_the_server_has(tmp_path, action, case):
    """Whatever it refused, in whichever words; each record that it does not have is told as refused, unknown or left."""
    texts = [text * often for _, text, often in case["lines"]]
    lines = [text for (many, *_), text in zip(case["lines"], texts, strict=True) for _ in range(many)]
    (tmp_path / "log").write_text("".join(f"{line}\n" for line in lines))
    settings = {"from": [str(tmp_path / "log")], "dead_letter": str(tmp_path / "dead"), "concurrency": 1}
    # Until the deadline the last is said, however often that is.
    answers = case["answers"] + case["answers"][-1:] * (20 if "seconds" in case else 0)
    ctx = context(seconds=case.get("seconds", 30))
    with ScriptedHTTP([answer(status, body(said), told) for status, told, said in answers]) as server:
        settings |= (own := case.get("settings", {})) | {"url": server.url + own.get("url", "")}
        try:
            facts = load(registry.find(action), settings, {}, "X_").run(ctx).facts
        except ActionError as error:
            facts = error.facts
        if "seconds" in case:
            server._steps.clear()
    assert len(server.requests) == len(case["answers"]) or "seconds" in case
    came = [kept - had for had, kept in zip(case["had"], case["kept"], strict=True)]
    assert facts["accepted"] == sum(came)
    assert (
        facts["read"]
        == len(lines)
        == sum(facts[name] for name in ("accepted", "duplicate", "rejected", "unknown", "left"))
    )
    if facts["unknown"] + facts["left"] + facts["duplicate"] == 0:
        dead = (tmp_path / "dead").read_text().splitlines() if (tmp_path / "dead").exists() else []
        missing = Counter({text: case["lines"][n][0] - came[n] for n, text in enumerate(texts)})
        assert Counter(json.loads(line)["message"] for line in dead) == +missing
