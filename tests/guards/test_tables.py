"""What several modules need to know is said in one place."""


def test_no_other_module_has_a_table_of_its_own(root):
    """What is unsafe is said once; a form takes from it what it cannot bear."""
    # What a reader of XML or a pattern of another language takes is theirs to say, not ours.
    own = {"text/unsafe.py", "clients/s3/xml.py", "text/shapes.py"}
    marks = (r"\x7f-", r"\u2028", r"\u202a", r"\u2066", r"\ud800-")
    tables = [
        f"{path.relative_to(root / 'exitkit')}: {line.strip()}"
        for path in sorted((root / "exitkit").rglob("*.py"))
        if str(path.relative_to(root / "exitkit")) not in own and "testing" not in path.parts
        for line in path.read_text().splitlines()
        if "re.compile" in line and any(mark in line for mark in marks)
    ]
    assert tables == []
