"""From a kind as people write it to what the API calls it."""

import pytest

from exitkit.clients.kubernetes import Kube, Resource, find
from exitkit.clients.kubernetes.discovery import Discovery, check
from exitkit.errors import ActionError, ConfigError
from exitkit.testing import context
from exitkit.testing.http import answer_json
from exitkit.testing.kube import ScriptedKube
from exitkit.testing.kubespeech import KINDS, Kind


@pytest.fixture(params=[True, False], ids=["aggregated", "plain"])
def cluster(request):
    with ScriptedKube(aggregated=request.param) as made:
        yield made


@pytest.fixture
def discovery(cluster, tmp_path):
    ctx = context()
    path = str(cluster.kubeconfig(tmp_path))
    with Kube(lambda: find.find(path, "", ctx.deadline.clock)) as kube:
        yield Discovery(kube, ctx.retry)


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("pods", "pods"),
        ("POD", "pods"),
        ("v1/po", "pods"),
        ("jobs", "jobs.batch"),
        ("batch/v1/Job", "jobs.batch"),
        ("batch/jobs", "jobs.batch"),
        ("jobs.v1.batch", "jobs.batch"),
        ("vcjob", "jobs.batch.volcano.sh"),
        ("jobs.batch.volcano.sh", "jobs.batch.volcano.sh"),
        ("netpol", "networkpolicies.networking.k8s.io"),
        ("NetworkPolicy", "networkpolicies.networking.k8s.io"),
        ("networkpolicies.crd.projectcalico.org", "networkpolicies.crd.projectcalico.org"),
        ("sparkoperator.k8s.io/v1beta2/sparkapp", "sparkapplications.sparkoperator.k8s.io"),
        ("cwf", "cronworkflows.argoproj.io"),
    ],
)
def test_any_name_of_a_kind_finds_it(discovery, kind, label):
    """Plural, singular, short or Kind, with group and version before or after; Kubernetes' own go first."""
    (found,) = discovery.resolve([kind])
    assert found.label == label


def test_a_kind_that_is_named_twice_is_done_once(discovery):
    """In the order of the first time."""
    found = discovery.resolve(["jobs", "po", "batch/v1/jobs", "pods"])
    assert [one.label for one in found] == ["jobs.batch", "pods"]


def test_each_part_is_asked_for_once_and_only_when_needed(cluster, discovery):
    """A core kind needs one request, however often it is named."""
    discovery.resolve(["pods", "cm", "pvc"])
    assert cluster.sent("GET") == ["/api/v1"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("pipelines", "is the name of pipelines.example.com and pipelines.tekton.example.com"),
        ("podz", "did you mean 'pods'"),
        ("cronworkflow.argoproj.oi", "did you mean 'cronworkflows.argoproj.io'"),
        ("zzzzzzzz", "is its definition installed"),
        ("things.gone.example.com", "no such kind"),
        ("batch/v9/jobs", "no such kind"),
        ("sites.example.com", "belong to no namespace"),
        ("bindings", "cannot be listed and deleted"),
    ],
)
def test_a_kind_that_cannot_be_is_told(discovery, kind, told):
    """With what is near it, where something is."""
    with pytest.raises(ActionError, match=told) as caught:
        discovery.resolve([kind])
    assert caught.value.reason == "client"


@pytest.mark.parametrize(
    "kind",
    [
        *("nodes", "Node", "no", "v1/nodes", "ns", "Namespace", "pv", "PersistentVolume", "crd", "sc", "pc", "csr"),
        *("ClusterRole", "clusterrolebindings.rbac.authorization.k8s.io", "storage.k8s.io/v1/storageclasses"),
        *("ingressclasses.v1.networking.k8s.io", "apiservices", "runtimeclass", "csinodes", "volumeattachments"),
    ],
)
def test_what_has_no_namespace_is_known_without_asking(kind):
    """Exit code 2; whatever name and group it is written with."""
    with pytest.raises(ConfigError, match="belong to no namespace"):
        check(kind)


@pytest.mark.parametrize("kind", ["pods", "nodes.example.com", "example.com/v1/namespaces", "sites.example.com", "pvc"])
def test_what_may_have_a_namespace_is_left_to_the_cluster(kind):
    """Somebody's own kind of node, too."""
    check(kind)


def test_the_preferred_version_goes_first(tmp_path):
    """As kubectl does; another one is asked for where that one does not have the kind."""
    kinds = (*KINDS, Kind("example.com", "v2", "pipelines", "Pipeline"), Kind("example.com", "v2", "news", "News"))
    with ScriptedKube(kinds=kinds) as cluster:
        ctx = context()
        path = str(cluster.kubeconfig(tmp_path))
        with Kube(lambda: find.find(path, "", ctx.deadline.clock)) as kube:
            found = Discovery(kube, ctx.retry).resolve(["pipelines.example.com", "news.example.com"])
            assert [one.version for one in found] == ["v1", "v2"]
            versions = [{"version": "v1"}, {"version": "v2"}]
            group = {"versions": versions, "preferredVersion": {"version": "v2"}}
            cluster.fault("GET", "/apis/example.com", answer_json(group))
            assert Discovery(kube, ctx.retry).resolve(["pipelines.example.com"])[0].version == "v2"


def test_an_owner_is_found_by_its_reference(discovery):
    """Kind and version as they stand there; in a namespace, because only that can be deleted here."""
    assert discovery.of_owner("v1", "Pod") == Resource("", "v1", "pods", "Pod")
    assert discovery.of_owner("batch/v1", "Job") == Resource("batch", "v1", "jobs", "Job")
    assert discovery.of_owner("v1", "Node") is None
    assert discovery.of_owner("batch/v9", "Job") is None
    for wrong in ("", "/v1", "../v1", "a/b/v1", "v1?x", "a b/v1"):
        assert discovery.of_owner(wrong, "Pod") is None
