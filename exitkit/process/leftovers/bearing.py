"""Whose name something bears, and how that is written so that it is any run's own: as a template, in a plan."""

import re
from collections.abc import Sequence

from exitkit.argo.ownership import Uid, bears_folder, is_telling, owners
from exitkit.argo.workflow import Workflow
from exitkit.clients.sql.names import Glob, escaped

ARGOS_LABEL = "workflows.argoproj.io/workflow"
"""What Argo labels with the workflow's name: https://argo-workflows.readthedocs.io/en/latest/workflow-concepts/"""

_MEANS_SOMETHING = re.compile(r"\{[{%#]|[%#}]\}")  # to Jinja2
_PLAIN = re.compile(r"\w+")


class Owners:
    """By what something can be known to be the workflow's: its uid anywhere, its name where that cannot be by chance."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        known = list(owners(workflow))
        self.telling = [own for own in known if is_telling(own)]
        self.doubtful = [own for own in known if not is_telling(own)]

    def of_label(self, key: str, value: str) -> str:
        """The label as a selector with templates, if its value is the workflow's; else nothing."""
        for own in self.telling:
            if value == own or (isinstance(own, Uid) and own in value):
                return f"{key}={filled_in(value, own)}"
        name = self.workflow.name
        return f"{key}={filled_in(value, name)}" if name and key == ARGOS_LABEL and value == name else ""

    def of_prefix(self, prefix: str) -> str:
        """The owner that a prefix of a bucket bears, or nothing."""
        return next((own for own in self.telling if bears_folder(prefix, own)), "")

    def of_name(self, name: str) -> str:
        """The owner that a schema's or table's name bears, or nothing."""
        return next((own for own in self.telling if Glob(name, exact=True).bears(own)), "")

    def by_chance(self, prefix: str) -> bool:
        """Whether a prefix bears a name that may be just a word."""
        return any(bears_folder(prefix, own) for own in self.doubtful)

    @property
    def patterns(self) -> Sequence[Glob]:
        """What names in a database may look like that bear one of them, and more."""
        return [Glob(f"*{re.sub('[-_]', '?', escaped(own))}*") for own in self.telling]


def filled_in(text: str, own: str) -> str:
    """The text with a template in the place of the name or uid."""
    return text.replace(own, _template(own))


def prefix_template(prefix: str, own: str) -> str:
    """A prefix for a plan; nothing where a plan cannot say it, or a cleanup would refuse it."""
    parts = prefix.split("/")
    refused = prefix.startswith("/") or "//" in prefix or {".", ".."} & set(parts)
    if refused or _MEANS_SOMETHING.search(prefix) or not _is_writable(prefix):
        return ""
    return "/".join(filled_in(part, own) if isinstance(own, Uid) or part == own else part for part in parts)


def name_template(name: str, own: str) -> str:
    """A schema's or table's exact name, as a pattern for a plan; nothing where a plan cannot say it."""
    stored = own.replace("-", "_")
    written = next((form for form in (own, stored) if form in name), "")
    if not written or _MEANS_SOMETHING.search(name) or not _is_writable(name):
        return ""
    template = _template(own) if written == own else _template(own, " | replace('-', '_')")
    before, _, after = name.partition(written)
    if _PLAIN.fullmatch(name):
        return f"{before}{template}{after}"
    # Quoted, a name is exactly what stands there.
    return '"{}{}{}"'.format(*(part.replace('"', '""') for part in (before, template, after)))


def _template(own: str, form: str = "") -> str:
    return f"{{{{ workflow.{'uid' if isinstance(own, Uid) else 'name'}{form} }}}}"


def _is_writable(text: str) -> bool:
    """Whether YAML can hold it, and a template cannot be read into it."""
    return text.isprintable() and "\ufeff" not in text
