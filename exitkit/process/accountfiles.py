"""Where the files of an action go that writes one account in several forms: a folder, or one file or object."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, field_validator

from exitkit.process import destination
from exitkit.settings.fields import ADDRESS


class AccountFiles(BaseModel):
    """The places; an action says which forms it has, and what people read of `path`."""

    names: ClassVar[Mapping[Any, str]]
    """The file in the folder for each form; the ending of one that is named tells the form."""

    folder: Annotated[destination.Place, ADDRESS] = Field(
        "/tmp/exitkit",  # noqa: S108 - the pod's own folder; files in it are replaced, never followed
        description="Where the files are put, a folder, s3://bucket/prefix or gs://bucket/prefix; it is made if it is "
        "not there.",
    )
    path: Annotated[destination.Place, ADDRESS] = ""

    @field_validator("folder")
    @classmethod
    def _stays_below(cls, folder: str) -> str:
        """A name that a template put into the path must not lead out of it."""
        return destination.check(folder)

    @field_validator("path")
    @classmethod
    def _has_a_form(cls, path: str) -> str:
        endings = [_ending(name) for name in cls.names.values()]
        if path and _ending(destination.check(path)) not in endings:
            raise ValueError(f"ends in one of {', '.join(endings)}")
        return path

    def forms(self, formats: Sequence[Any]) -> dict[str, Any]:
        """The forms by where they are written."""
        if self.path:
            by_ending = {_ending(name): form for form, name in self.names.items()}
            return {self.path: by_ending[_ending(self.path)]}
        return {destination.below(self.folder, self.names[form]): form for form in dict.fromkeys(formats)}


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix
