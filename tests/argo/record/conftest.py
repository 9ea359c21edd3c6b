"""Workflow objects as Argo 4.0.7 wrote them, read by a handler as it began, or after the end."""

import json
from pathlib import Path

import pytest

from exitkit.argo.record import read

RECORDS = Path(__file__).parents[2] / "data/records"


@pytest.fixture
def document():
    """Gives the object of that shape, which may be changed."""
    return lambda shape: json.loads((RECORDS / f"{shape}.json").read_text())


@pytest.fixture
def record(document):
    return lambda shape: read(document(shape))
