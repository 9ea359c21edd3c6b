"""First."""

import pytest, time
from kubelet import End


def test_first(play, namespace):
    t = time.time()
    wf = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "first-"},
        "spec": {
            "entrypoint": "main",
            "hooks": {
                "exit": {
                    "templateRef": {"name": "exitkit", "template": "notify"},
                    "arguments": {"parameters": [{"name": "failures", "value": "{{workflow.failures}}"}]},
                }
            },
            "templates": [{"name": "main", "container": {"image": "busybox", "command": ["sh"]}}],
        },
    }
    run = play(wf, namespace, lambda node: End(3, "it broke"))
    print(time.time() - t)
    print(run.phase, run.message)
    print(run.exit)
    assert 0
