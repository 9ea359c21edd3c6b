"""Modules and functions stay small enough to read, and are named after what they are."""

import ast
import re
from collections import defaultdict

from exitkit.builtin import BUILTIN

# What can be read in one sitting is 250 lines; one whose subject is one thing may have more.
MODULE_LINES = 400
FUNCTION_LINES = 50

# Names that say nothing of what is inside.
REFUSED_MODULES = {"base", "common", "handler", "handlers", "helper", "helpers", "manager", "misc", "util", "utils"}
REFUSED_CLASSES = re.compile(r"(Manager|Handler|Helper|Util|Utils)(?=$|[A-Z_])|^(Base|Abstract)(?=[A-Z])")
# Left for later, in the words people use for it.
LEFT_OVER = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
SUFFIXES = {".md", ".py", ".toml", ".yaml"}
# This file has to name what it looks for.
OWN = "test_shape.py"
# Standard output belongs to what was asked for; everything else is logged.
MAY_PRINT = {"exitkit.cli.about", "exitkit.run.output"}


def too_long(one):
    lines = len(one.text.splitlines())
    if lines > MODULE_LINES:
        yield f"{one.name} has {lines} lines, {MODULE_LINES} are allowed"
    for node in one.walk():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{one.name}:{node.lineno} {node.name} has {length} lines, {FUNCTION_LINES} are allowed"


def badly_named(one):
    if refused := REFUSED_MODULES & {part.strip("_") for part in one.name.split(".")}:
        yield f"{one.name} is named {', '.join(refused)}: put it with its noun"
    for node in one.walk():
        if isinstance(node, ast.ClassDef) and REFUSED_CLASSES.search(node.name):
            yield f"{one.name}:{node.lineno} {node.name}: name it after what it is"


def printing(one):
    if one.name in MAY_PRINT:
        return
    for node in one.walk():
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "builtins.print", "pprint.pprint"):
            yield f"{one.name}:{node.lineno} prints"


def left_over(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        if found := LEFT_OVER.search(line):
            yield f"{name}:{number} {found[0]}"


def test_modules_and_functions_are_short(sources):
    """A longer one needs a reason, which stands beside the number."""
    assert [found for one in sources for found in too_long(one)] == []


def test_names_say_what_a_thing_is(sources):
    """No utils, no Manager."""
    assert [found for one in sources for found in badly_named(one)] == []


def test_only_the_command_line_prints(sources):
    """Argo keeps standard output as the step's result, so nothing else may write there."""
    assert [found for one in sources for found in printing(one)] == []


def test_nothing_is_left_for_later(sources, root):
    """What is not done yet has an issue, not a note in the tree."""
    texts = {one.name: one.text for one in sources}
    for folder in ("tests", "examples", "bench", "docs", "deploy"):
        paths = (path for path in (root / folder).rglob("*") if path.suffix in SUFFIXES and path.name != OWN)
        texts |= {str(path.relative_to(root)): path.read_text("utf-8") for path in paths}
    assert [found for name, text in texts.items() for found in left_over(name, text)] == []


def test_the_guard_sees_what_is_too_long(source):
    """One line over is over, and not one line less."""
    assert list(too_long(source("exitkit.a", "x = 1\n" * (MODULE_LINES + 1))))
    assert list(too_long(source("exitkit.a", "x = 1\n" * MODULE_LINES))) == []
    assert list(too_long(source("exitkit.a", "def f():\n" + "    x = 1\n" * FUNCTION_LINES)))
    assert list(too_long(source("exitkit.a", "def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)))) == []


def test_the_guard_sees_names_prints_and_left_overs(source):
    """And lets through what only looks like one."""
    assert list(badly_named(source("exitkit.clients.utils", "")))
    for name in ("StepManager", "HTTPHandler", "Helper", "BaseAction", "HandlerOfThings"):
        assert list(badly_named(source("exitkit.a", f"class {name}: ..."))), name
    for name in ("Baseline", "Handled", "Management"):
        assert list(badly_named(source("exitkit.a", f"class {name}: ..."))) == [], name
    assert list(printing(source("exitkit.plan.check", "print('x')")))
    assert list(printing(source("exitkit.plan.check", "report.print()"))) == []
    assert list(left_over("a", "# TODO: later"))
    assert list(left_over("a", "raise NotImplementedError"))
    assert list(left_over("a", "METHODOLOGY")) == []


def classes(sources):
    """Every public class at the top of a module, with the modules that it stands in; those that are actions apart."""
    actions = {tuple(one.where.split(":")) for one in BUILTIN.values()}
    found = defaultdict(list)
    for one in sources:
        for node in one.tree.body:
            if (
                isinstance(node, ast.ClassDef)
                and not node.name.startswith("_")
                and (one.name, node.name) not in actions
            ):
                found[node.name].append(one.name)
    return found


def test_no_class_name_stands_twice(sources):
    """A name leads to one thing. An action is named after its dotted name, as `S3` of ship.s3 and of cleanup.s3."""
    assert {name: where for name, where in classes(sources).items() if len(where) > 1} == {}


def test_the_guard_sees_a_class_name_that_stands_twice(source):
    """In two modules; not where one of them is an action, or private."""
    one, other = source("exitkit.a", "class Report: ..."), source("exitkit.b", "class Report: ...\nclass _Own: ...")
    assert classes([one, other])["Report"] == ["exitkit.a", "exitkit.b"]
    assert "_Own" not in classes([one, other])
    assert "S3" not in classes([source("exitkit.ship.s3", "class S3: ...")])


# Words that begin the name of an action: `notify.` of notify.slack.
KIND = re.compile(r"(?:notify|cleanup|ship|process)\.")


def known_by_name(one):
    """Every place that asks by a string of which kind an action is."""
    for node in one.walk():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in ("startswith", "removeprefix", "partition") and any(
            isinstance(word, ast.Constant) and isinstance(word.value, str) and KIND.match(word.value)
            for word in node.args
        ):
            yield f"{one.name}:{node.lineno} knows a kind by its name"


def test_no_kind_is_known_by_a_string(sources):
    """What is to be known of a kind its class declares, so that a plugin's channel may have any name."""
    assert [found for one in sources for found in known_by_name(one)] == []


def test_the_guard_sees_a_kind_that_is_known_by_a_string(source):
    """However the string is looked at."""
    assert list(known_by_name(source("exitkit.run", "lenient = step.uses.startswith('notify.')")))
    assert list(known_by_name(source("exitkit.run", "kind.removeprefix('cleanup.')")))
    assert list(known_by_name(source("exitkit.run", "x = 'see notify.slack'.startswith('see')"))) == []
