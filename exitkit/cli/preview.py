"""The options of `exitkit preview`, apart from those of a run, which need not wait for them."""

from typing import Literal

from pydantic import BaseModel, Field

from exitkit import settings


class PreviewOptions(BaseModel):
    """With what a preview is made, and how it is shown."""

    model_config = settings.STRICT

    sample: Literal["failed", "succeeded", "many", "bare"] | None = Field(
        None, description="Take the facts of a workflow that might be: one failed, succeeded, or had many failures."
    )
    html: bool = Field(False, description="Show the mail's HTML and nothing else, to be opened in a browser.")
