"""Workflows to run, and what is in them more than once."""

from kubelet import GROUP, End

# What a user writes; nothing is passed.
HOOK = {"exit": {"templateRef": {"name": "exitkit", "template": "notify"}}}
CONTAINER = {"image": "busybox:1.36", "command": ["sh", "-c", "exit 0"]}
POD = {"name": "pod", "container": CONTAINER}


def workflow(*templates, metadata=None, **spec):
    """A workflow of these templates, the first of which it begins with."""
    spec = {"entrypoint": templates[0]["name"], "templates": list(templates), **spec} if templates else spec
    return {
        "apiVersion": GROUP,
        "kind": "Workflow",
        "metadata": {"generateName": "train-", **(metadata or {})},
        "spec": spec,
    }


def steps(*groups, name="main"):
    """A template of step groups; a step is its name, which runs the pod of that template, or a mapping."""
    return {"name": name, "steps": [[_step(step) for step in group] for group in groups]}


def dag(*tasks, name="main", **more):
    return {"name": name, "dag": {"tasks": [_step(task) for task in tasks], **more}}


def _step(step):
    return {"name": step, "template": "pod"} if isinstance(step, str) else {"template": "pod", **step}


def failing(message="it broke", exit_code=1, **more):
    """The end of every pod but exitkit's own."""
    return lambda node: End(exit_code, message, **more)
