"""cleanup.files never goes across a real mount."""

import os
import shutil
import subprocess
import sys

import pytest

_CODE = """
import sys
from exitkit.cleanup.files import Files
from exitkit.errors import ActionError
from exitkit.testing import context
try:
    Files(paths=[sys.argv[1]], roots=[sys.argv[2]]).run(context())
except ActionError as error:
    print(error)
"""


def can_mount():
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="a bind mount needs root and unshare, which are not here")
def test_a_bind_mount_inside_a_tree_stays(tmp_path):
    """Also one of the same file system, whose device number does not tell it apart."""
    top, outside = tmp_path / "train-x7k2p", tmp_path / "outside"
    (top / "mounted").mkdir(parents=True)
    (top / "file").write_text("x")
    outside.mkdir()
    (outside / "precious").write_text("x")
    script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" "$5" "$6"'
    words = [str(outside), str(top / "mounted"), sys.executable, _CODE, str(top), str(tmp_path)]
    run = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *words], check=True, capture_output=True, text=True, timeout=60
    )
    assert "mount" in run.stdout
    assert (outside / "precious").exists()
    assert not (top / "file").exists()
