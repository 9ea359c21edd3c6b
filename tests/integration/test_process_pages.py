"""The pages of process.report and process.history in a real browser: axe-core finds nothing to blame, nothing sticks out."""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PICTURES = Path(__file__).parents[2] / "docs/pictures"
# Waits for nothing: the page is there when the script runs, and the result stands in the document.
RUN = """
<script>{axe}</script>
<script>
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
axe.run(document, {{runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}).then(found => {{
  const faults = found.violations.map(each => [each.id, each.help, each.nodes.slice(0, 3).map(node => node.html)]);
  document.body.textContent = "FOUND" + JSON.stringify({{faults, passed: found.passes.map(each => each.id), wide}}) + "END";
}});
</script>
"""


@pytest.fixture(scope="module")
def axe():
    """The text of axe-core."""
    path = Path(os.environ.get("XDG_CACHE_HOME", "/nowhere")) / "axe-core/axe.min.js"
    if not path.is_file():
        pytest.skip("axe-core is not there: nothing to check with")
    return path.read_text("utf-8")


@pytest.fixture
def checked(axe, program, tmp_path):
    """What axe-core says of a page, in a window of this width."""

    def check(page, width, *, dark):
        # The page lets no script run; this one comes from the test.
        page = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", page)
        page = page.replace("<details", "<details open").replace("</body>", RUN.format(axe=axe) + "</body>")
        path = tmp_path / "page.html"
        path.write_text(page, "utf-8")
        words = [program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
                 f"--window-size={width},900", "--virtual-time-budget=20000", "--dump-dom"]  # fmt: skip
        words += ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
        ran = subprocess.run([*words, path.as_uri()], capture_output=True, timeout=120, check=True)
        told = re.search(r"FOUND(.*)END", ran.stdout.decode("utf-8", "replace"), re.DOTALL)
        assert told, "axe-core did not end"
        return json.loads(html.unescape(told[1]))

    return check


@pytest.fixture(params=["report", "history"])
def page(request):
    """As docs/pictures draws it."""
    return subprocess.run(
        [sys.executable, PICTURES / f"{request.param}.py"], capture_output=True, encoding="utf-8", check=True
    ).stdout


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (500, False)])
def test_a_page_can_be_read_by_everybody(page, checked, width, dark):
    """Contrast, names, headings, tables and keyboard, light and dark; on a phone nothing sticks out of the window."""
    result = checked(page, width, dark=dark)
    assert result["faults"] == []
    assert {"color-contrast", "document-title", "svg-img-alt"} <= set(result["passed"])
    assert result["wide"] <= 0
