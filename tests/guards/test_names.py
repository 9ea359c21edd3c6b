"""One dotted name everywhere: package, page and test of an action are found by its name, and nothing else is there."""

from exitkit.builtin import BUILTIN, KINDS

# A leaf with modules of its own is a package, and then its tests are a folder.
PLACES = {
    "module": ("exitkit/{kind}/{leaf}.py", "exitkit/{kind}/{leaf}/__init__.py"),
    "page": ("docs/actions/{kind}/{leaf}.md",),
    "test": ("tests/{kind}/test_{leaf}.py", "tests/{kind}/{leaf}/test_{leaf}.py"),
}
# A kind's own pages, which belong to no leaf.
OF_THE_KIND = {"index", "README"}


def mismatches(root, builtin, kinds):
    """Every place that a name lacks, and every page that has no name."""
    found = []
    for name, one in builtin.items():
        kind, _, leaf = name.partition(".")
        if one.where.partition(":")[0] != f"exitkit.{name}":
            found.append(f"{name} is in {one.where}")
        for what, places in PLACES.items():
            paths = [place.format(kind=kind, leaf=leaf) for place in places]
            there = [path for path in paths if (root / path).is_file()]
            if len(there) != 1:
                found.append(f"{name} has {len(there)} of the {what} {' or '.join(paths)}")
    for kind in kinds:
        pages = (root / "docs/actions" / kind).glob("*.md")
        strays = [page for page in pages if page.stem not in OF_THE_KIND and f"{kind}.{page.stem}" not in builtin]
        found += [f"{page.relative_to(root)} belongs to no action" for page in strays]
    return found


def test_every_action_is_where_its_name_says(root):
    """Knowing one of package, page and test is knowing all of them."""
    assert mismatches(root, BUILTIN, KINDS) == []


def test_names_are_in_the_alphabets_order_and_of_a_known_kind():
    """The table reads like an index."""
    assert list(BUILTIN) == sorted(BUILTIN)
    assert {name.partition(".")[0] for name in BUILTIN} <= set(KINDS)


def test_the_guard_sees_a_missing_and_a_stray_file(tmp_path):
    """Each of the three places is looked at, in either form but not in both; a page needs an action."""
    builtin = {"ship.file": BUILTIN["ship.file"]}
    for places in PLACES.values():
        path = tmp_path / places[-1].format(kind="ship", leaf="file")
        path.parent.mkdir(parents=True)
        path.touch()
    assert mismatches(tmp_path, builtin, ["ship"]) == []
    for places in PLACES.values():
        path = tmp_path / places[-1].format(kind="ship", leaf="file")
        path.unlink()
        assert len(mismatches(tmp_path, builtin, ["ship"])) == 1
        path.touch()
    for places in (PLACES["module"], PLACES["test"]):
        other = tmp_path / places[0].format(kind="ship", leaf="file")
        other.touch()
        assert len(mismatches(tmp_path, builtin, ["ship"])) == 1
        other.unlink()
    stray = tmp_path / "docs/actions/ship/stray.md"
    stray.touch()
    assert mismatches(tmp_path, builtin, ["ship"]) == ["docs/actions/ship/stray.md belongs to no action"]
    stray.unlink()
    assert mismatches(tmp_path, {"ship.file": BUILTIN["notify.console"]}, ["ship"])
