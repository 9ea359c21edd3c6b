"""Facts of workflows that might be, against which a plan is checked, and with which it is shown."""

import json
from collections.abc import Mapping
from types import MappingProxyType

from exitkit.argo.gostring import quote

NAME = "train-x7k2p"

SAMPLES = ("failed", "succeeded", "many", "bare")
"""What can be asked for; `bare` is a workflow of which Argo told its status alone."""

_COMMON: Mapping[str, str] = MappingProxyType(
    {
        "name": NAME,
        "namespace": "ml-prod",
        "uid": "0b3c8a52-6d4e-4f7a-9a51-2f6f6d1c7e90",
        "duration": "1289.482113",
        "creation_timestamp": "2026-08-21T12:18:38Z",
        "main_entrypoint": "main",
        "service_account_name": "trainer",
        "parameters": json.dumps([{"name": "date", "value": "2026-08-20"}, {"name": "model", "value": "ranker"}]),
        "labels": json.dumps({"team": "search", "workflows.argoproj.io/cron-workflow": "train-nightly"}),
        "argo_url": "https://argo.example.com",
    }
)
_MANY = 40


def facts(sample: str = "failed") -> dict[str, str]:
    """What Argo puts in the place of its variables when this workflow has ended."""
    if sample == "bare":
        return {"status": "Failed"}
    if sample == "succeeded":
        return {**_COMMON, "status": "Succeeded"}
    return {**_COMMON, "status": "Failed", "failures": failures(_MANY if sample == "many" else 3)}


def failures(shards: int = 3) -> str:
    """`workflow.failures` byte for byte: Go's quoted string around Go's JSON."""
    main = f"{NAME}[0].fit"
    numbers = (3, 1, 7) if shards == 3 else range(shards)
    found = [_failure(f"fit({n}:{n})", "main: OOMKilled (exit code 137)", "fit", n) for n in numbers]
    message = 'main: Error (exit code 1): ValueError: column "price" <is> missing & 3 rows are null'
    found.append(_failure("evaluate", message, "evaluate", shards + 8))
    found.append({**_failure("fit", "child 'train-x7k2p-1170427545' failed", "", shards + 9), "podName": main})
    # Go's encoding/json writes these three as escapes, for HTML's sake.
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    for plain, escaped in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(plain, escaped)
    return quote(text)


def log(pod: str) -> bytes:
    """The log of one of its pods, as Kubernetes keeps it."""
    return (_EVALUATING if "-evaluate-" in pod else _FITTING).encode()


_FITTING = """2026-08-21T12:21:02Z INFO reading 8 shards of 2026-08-20
2026-08-21T12:36:40Z INFO epoch 3 of 5: loss 0.2913
2026-08-21T12:39:57Z INFO epoch 4 of 5: 412,306,944 rows in memory, 31.2 GiB
"""
_EVALUATING = """2026-08-21T12:40:02Z INFO reading predictions of 2026-08-20
2026-08-21T12:40:06Z WARNING 12 predictions without a label are left out
Traceback (most recent call last):
  File "/app/evaluate.py", line 31, in <module>
    main()
  File "/app/evaluate.py", line 57, in main
    frame = pd.DataFrame(rows).pipe(check, columns=COLUMNS)
  File "/usr/lib/python3.13/site-packages/pandas/core/generic.py", line 6225, in pipe
    return common.pipe(self, func, *args, **kwargs)
ValueError: column "price" <is> missing & 3 rows are null
"""


def _failure(name: str, message: str, template: str, second: int) -> dict[str, object]:
    return {
        "displayName": name,
        "message": message,
        "templateName": template,
        "phase": "Failed",
        "podName": f"{NAME}-{template}-{1170427545 + second}",
        "finishedAt": f"2026-08-21T12:40:{second:02d}Z",
    }
