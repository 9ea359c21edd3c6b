"""A line as it is run in the process, with its report."""

import json

import pytest

from exitkit import cli


@pytest.fixture
def run(capsys):
    """Runs a line; gives the report, and what was said on stderr."""

    def run_it(*argv, **environ):
        code = cli.run([*argv, "--report-format", "json"], environ=environ)
        out, err = capsys.readouterr()
        assert code == 0, err
        return json.loads(out), err

    return run_it
