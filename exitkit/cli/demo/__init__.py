"""A failed workflow to try exitkit on: its facts as Argo sends them, a plan, and something to clean up."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from exitkit.errors import ConfigError
from exitkit.plan import check, samples


def prepare(folder: Path, environ: Mapping[str, str]) -> tuple[check.Plan, dict[str, str]]:
    """The demo's plan and its facts, with scratch files of the workflow made below the folder.

    Raises ConfigError where the folder cannot be made.
    """
    whole = folder.resolve()
    scratch = whole / "scratch" / samples.NAME
    try:
        for shard in range(3):
            part = scratch / f"shard-{shard}"
            part.mkdir(parents=True, exist_ok=True)
            (part / "features.bin").write_bytes(bytes(64 * 1024))
    except OSError as error:
        why = (error.strerror or "i/o error").lower()
        raise ConfigError(f"{folder} cannot be made a folder for the demo: {why}; name another one") from None
    text = resources.files(__package__).joinpath("plan.yaml").read_text(encoding="utf-8")
    return check.read(text.replace("FOLDER", str(whole)), "demo/plan.yaml", environ), samples.facts()
