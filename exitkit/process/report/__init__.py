"""The account of the finished workflow as files that Argo, GitHub or a script can take up."""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from exitkit.action import Action, Result
from exitkit.context import Context
from exitkit.errors import ActionError
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

    @classmethod
    def wants_record(cls, given: Mapping[str, object]) -> bool:  # noqa: ARG003 - whatever is set
        return True

    def run(self, context: Context) -> Result:
        files = {self.folder / _NAMES[one]: _rendered(one, context) for one in dict.fromkeys(self.formats)}
        size = sum(map(len, files.values()))
        facts = {"paths": [str(path) for path in files], "failed": len(context.workflow.failures), "bytes": size}
        told = f"{' and '.join(str(path) for path in files)} ({human_size(size)})"
        if context.dry_run:
            return Result(f"would write {told}", facts)
        for path, content in files.items():
            _write(path, content)
        return Result(f"wrote {told}", facts)


def _rendered(form: Format, context: Context) -> bytes:
    if form == "markdown":
        text = account.as_markdown(context)
    else:
        text = json.dumps(account.as_json(context), ensure_ascii=False, indent=2, allow_nan=False, default=str) + "\n"
    return text.encode("utf-8", "backslashreplace")


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing: whoever reads the file meanwhile finds the old one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(content)
                os.fchmod(fd, 0o644)  # mkstemp lets only the owner read; Argo's executor may be another
                file.flush()
                os.fsync(fd)
            os.replace(temporary, path)  # noqa: PTH105 - both are plain paths
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108 - as above
            raise
    except OSError as error:
        why = (error.strerror or "i/o error").lower()
        raise ActionError(f"cannot write {path}: {why}; choose another folder or mount a volume there") from error
