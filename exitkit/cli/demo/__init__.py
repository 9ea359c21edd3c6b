"""A failed workflow to try exitkit on: its facts as Argo sends them, a plan, and something to clean up."""

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from exitkit.argo.gostring import quote
from exitkit.plan import check

NAME = "train-x7k2p"


def prepare(folder: Path, environ: Mapping[str, str]) -> tuple[check.Plan, dict[str, str]]:
    """The demo's plan and its facts, with scratch files of the workflow made below the folder.

    Raises ConfigError where the folder cannot be made.
    """
    whole = folder.resolve()
    scratch = whole / "scratch" / NAME
    for shard in range(3):
        part = scratch / f"shard-{shard}"
        part.mkdir(parents=True, exist_ok=True)
        (part / "features.bin").write_bytes(bytes(64 * 1024))
    text = resources.files(__package__).joinpath("plan.yaml").read_text(encoding="utf-8")
    return check.read(text.replace("FOLDER", str(whole)), "demo/plan.yaml", environ), facts()


def facts() -> dict[str, str]:
    """What Argo puts in the place of its variables when this workflow has failed."""
    return {
        "name": NAME,
        "namespace": "ml-prod",
        "uid": "0b3c8a52-6d4e-4f7a-9a51-2f6f6d1c7e90",
        "status": "Failed",
        "duration": "1289.482113",
        "creation_timestamp": "2026-08-21T12:18:38Z",
        "main_entrypoint": "main",
        "service_account_name": "trainer",
        "parameters": json.dumps([{"name": "date", "value": "2026-08-20"}, {"name": "model", "value": "ranker"}]),
        "labels": json.dumps({"team": "search", "workflows.argoproj.io/cron-workflow": "train-nightly"}),
        "argo_url": "https://argo.example.com",
        "failures": failures(),
    }


def failures() -> str:
    """`workflow.failures` byte for byte: Go's quoted string around Go's JSON."""
    main = f"{NAME}[0].fit"
    found = [_failure(f"fit({shard}:{shard})", "main: OOMKilled (exit code 137)", "fit", shard) for shard in (3, 1, 7)]
    message = 'main: Error (exit code 1): ValueError: column "price" <is> missing & 3 rows are null'
    found.append(_failure("evaluate", message, "evaluate", 11))
    found.append({**_failure("fit", "child 'train-x7k2p-1170427545' failed", "", 12), "podName": main})
    # Go's encoding/json writes these three as escapes, for HTML's sake.
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    for plain, escaped in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(plain, escaped)
    return quote(text)


def _failure(name: str, message: str, template: str, second: int) -> dict[str, str]:
    return {
        "displayName": name,
        "message": message,
        "templateName": template,
        "phase": "Failed",
        "podName": f"{NAME}-{template}-{1170427545 + second}",
        "finishedAt": f"2026-08-21T12:40:{second:02d}Z",
    }
