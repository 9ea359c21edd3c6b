"""The account of the finished workflow as files that Argo, GitHub or a script can take up."""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from exitkit.action import Action, Result
from exitkit.context import Context
from exitkit.process import wholefile
from exitkit.process.report import account
from exitkit.settings.fields import ADDRESS
from exitkit.text.units import human_size

Format = Literal["markdown", "json"]

_NAMES: dict[Format, str] = {"markdown": "report.md", "json": "report.json"}


class Report(Action):
    """Write a report of the finished workflow as Markdown and JSON."""

    folder: Annotated[Path, ADDRESS] = Field(
        Path("/tmp/exitkit"),  # noqa: S108 - the pod's own folder; files in it are replaced, never followed
        description="Where report.md and report.json are put; it is made if it is not there.",
    )
    formats: list[Format] = Field(["markdown", "json"], min_length=1, description="What to write.")

    @field_validator("folder")
    @classmethod
    def _stays_below(cls, folder: Path) -> Path:
        """A name that a template put into the path must not lead out of it."""
        if ".." in folder.parts or "\0" in str(folder):
            raise ValueError("is the path of a folder, without '..'")
        return folder

    def run(self, context: Context) -> Result:
        files = {self.folder / _NAMES[one]: _rendered(one, context) for one in dict.fromkeys(self.formats)}
        size = sum(map(len, files.values()))
        facts = {"paths": [str(path) for path in files], "failed": len(context.workflow.failures), "bytes": size}
        told = f"{' and '.join(str(path) for path in files)} ({human_size(size)})"
        if context.dry_run:
            return Result(f"would write {told}", facts)
        for path, content in files.items():
            wholefile.write(path, content)
        return Result(f"wrote {told}", facts)


def _rendered(form: Format, context: Context) -> bytes:
    if form == "markdown":
        text = account.as_markdown(context)
    else:
        text = json.dumps(account.as_json(context), ensure_ascii=False, indent=2, allow_nan=False, default=str) + "\n"
    return text.encode("utf-8", "backslashreplace")
