"""exitkit.argo.gostring against the Go that is installed here, string by string."""

import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.argo.gostring import quote, unquote

SOURCE = Path(__file__).parents[1] / "data/gostring/generate.go"

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed: nothing to compare with")


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """Asks Go: a verb and bytes give the answer's bytes, or None where Go refuses."""
    program = tmp_path_factory.mktemp("go") / "generate"
    subprocess.run(["go", "build", "-o", program, SOURCE], check=True, capture_output=True, timeout=300)
    with subprocess.Popen([program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def ask(verb, data):
            process.stdin.write(f"{verb} {data.hex()}\n")
            process.stdin.flush()
            verdict, _, answer = process.stdout.readline().strip().partition(" ")
            return bytes.fromhex(answer) if verdict == "ok" else None

        yield ask
        process.stdin.close()


def go_text(data):
    return re.sub("[\udc80-\udcff]", "\ufffd", data.decode("utf-8", "surrogateescape"))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")))
def test_go_quotes_and_we_unquote(go, data):
    """What Go writes, we read."""
    assert go_text(data) == unquote(go("quote", data).decode())


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")))
def test_we_quote_and_go_unquotes(go, data):
    """What we write, Go reads, and it would have written the same."""
    text = data.decode("utf-8", "surrogateescape")
    literal = quote(text).encode()
    assert data == go("unquote", literal)
    if not any(unicodedata.category(char) == "Cn" for char in text):
        assert literal == go("quote", data)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.text(st.sampled_from('\\"xuU01fd8aenrt\n\r`é😀'), max_size=14), st.sampled_from('"`'))
def test_go_and_we_refuse_the_same(go, inside, mark):
    """A text is a literal for both or for neither, and says the same to both."""
    literal = mark + inside + mark
    answer = go("unquote", literal.encode())
    try:
        got = unquote(literal)
    except ValueError:
        got = None
    assert (None if answer is None else go_text(answer)) == got
