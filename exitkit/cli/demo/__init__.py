"""A failed workflow to try exitkit on: its facts as Argo sends them, a plan, and something to clean up."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from exitkit.plan import check, samples


def prepare(folder: Path, environ: Mapping[str, str]) -> tuple[check.Plan, dict[str, str]]:
    """The demo's plan and its facts, with scratch files of the workflow made below the folder.

    Raises ConfigError where the folder cannot be made.
    """
    whole = folder.resolve()
    scratch = whole / "scratch" / samples.NAME
    for shard in range(3):
        part = scratch / f"shard-{shard}"
        part.mkdir(parents=True, exist_ok=True)
        (part / "features.bin").write_bytes(bytes(64 * 1024))
    text = resources.files(__package__).joinpath("plan.yaml").read_text(encoding="utf-8")
    return check.read(text.replace("FOLDER", str(whole)), "demo/plan.yaml", environ), samples.facts()
