"""One dotted name everywhere: module, page and test of an action are found by its name, and nothing else is there."""

from exitkit.actions import BUILTIN, KINDS

PLACES = {
    "module": "exitkit/actions/{kind}/{leaf}.py",
    "page": "docs/actions/{kind}/{leaf}.md",
    "test": "tests/actions/{kind}/test_{leaf}.py",
}
# A kind's own page and its own test, which belong to no leaf.
OF_THE_KIND = {"index", "README", "kind"}


def mismatches(root, builtin, kinds):
    """Every place that a name lacks, and every file there that has no name."""
    found = []
    for name, one in builtin.items():
        kind, _, leaf = name.partition(".")
        if one.where.partition(":")[0] != f"exitkit.actions.{name}":
            found.append(f"{name} is in {one.where}")
        for what, place in PLACES.items():
            path = place.format(kind=kind, leaf=leaf)
            if not (root / path).is_file():
                found.append(f"{name} has no {what} {path}")
    for kind in kinds:
        for place in PLACES.values():
            pattern = place.format(kind=kind, leaf="*")
            before, after = pattern.rpartition("/")[2].split("*")
            for path in root.glob(pattern):
                leaf = path.name.removeprefix(before).removesuffix(after)
                if not leaf.startswith("_") and leaf not in OF_THE_KIND and f"{kind}.{leaf}" not in builtin:
                    found.append(f"{path.relative_to(root)} belongs to no action")
    return found


def test_every_action_is_where_its_name_says(root):
    """Knowing one of module, page and test is knowing all of them."""
    assert mismatches(root, BUILTIN, KINDS) == []


def test_names_are_in_the_alphabets_order_and_of_a_known_kind():
    """The table reads like an index."""
    assert list(BUILTIN) == sorted(BUILTIN)
    assert {name.partition(".")[0] for name in BUILTIN} <= set(KINDS)


def test_the_guard_sees_a_missing_and_a_stray_file(tmp_path):
    """Each of the three places is looked at, in both directions."""
    builtin = {"ship.file": BUILTIN["ship.file"]}
    for place in PLACES.values():
        path = tmp_path / place.format(kind="ship", leaf="file")
        path.parent.mkdir(parents=True)
        path.touch()
    assert mismatches(tmp_path, builtin, ["ship"]) == []
    for place in PLACES.values():
        path = tmp_path / place.format(kind="ship", leaf="file")
        path.unlink()
        assert len(mismatches(tmp_path, builtin, ["ship"])) == 1
        path.touch()
        stray = tmp_path / place.format(kind="ship", leaf="stray")
        stray.touch()
        assert mismatches(tmp_path, builtin, ["ship"]) == [f"{stray.relative_to(tmp_path)} belongs to no action"]
        stray.unlink()
    assert mismatches(tmp_path, {"ship.file": BUILTIN["notify.console"]}, ["ship"])
