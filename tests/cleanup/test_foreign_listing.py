"""A listing that holds what was not asked for, or that leads nowhere: the step ends, and deletes nothing of it."""

import itertools
import json

import pytest

from exitkit.cleanup.gcs import GCS
from exitkit.cleanup.kubernetes import Kubernetes
from exitkit.cleanup.s3 import S3
from exitkit.clients import objects
from exitkit.errors import ActionError, Unknown
from exitkit.retry import RetryPolicy
from exitkit.testing import ScriptedHTTP, context, failed_workflow
from exitkit.testing.http import answer, answer_json
from exitkit.testing.kube import ScriptedKube

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
HOME = f"runs/{NAME}/"
OWN = [f"{HOME}a", f"{HOME}b", f"{HOME}c"]
FOREIGN = ["runs/other/x", f"runs/{NAME}", f"runs/{NAME}-2/x", "a", "z", f"RUNS/{NAME}/a", f"x{HOME}a"]


def listing(kind, keys, more=""):
    if kind == "keys":
        rows = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
        return f"<ListBucketResult>{rows}{more}</ListBucketResult>"
    if kind == "versions":
        rows = "".join(f"<Version><Key>{key}</Key><VersionId>1</VersionId><Size>1</Size></Version>" for key in keys)
        return f"<ListVersionsResult>{rows}{more}</ListVersionsResult>"
    rows = "".join(f"<Upload><Key>{key}</Key><UploadId>1</UploadId></Upload>" for key in keys)
    return f"<ListMultipartUploadsResult>{rows}{more}</ListMultipartUploadsResult>"


def s3(url, kind, **more):
    switches = {"keys": {}, "versions": {"versions": True}, "uploads": {"uploads": True}}[kind]
    return S3(bucket="models", prefixes=[HOME], endpoint_url=url, **switches, **more)


def ordered(foreign):
    """The workflow's keys with another one where it belongs."""
    return sorted([*OWN, foreign])


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("kind", ["keys", "versions", "uploads"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_one_foreign_key_of_s3_ends_the_step(account, kind, foreign, dry_run):
    """A server that does not heed the prefix lists everything; nothing is asked to go."""
    first = [answer(200, listing("keys", []))] if kind == "uploads" else []
    with ScriptedHTTP([*first, answer(200, listing(kind, ordered(foreign)))]) as server:
        with pytest.raises(ActionError, match="does not heed the prefix") as caught:
            s3(server.url, kind).run(context(dry_run=dry_run))
    assert [request.method for request in server.requests] == ["GET"] * (len(first) + 1)
    assert not isinstance(caught.value, Unknown)
    assert caught.value.facts.get("deleted", 0) == 0


@pytest.mark.parametrize("at", range(4))
def test_a_foreign_key_is_seen_wherever_it_stands(account, at):
    """Also in the middle of a page that is in no order."""
    keys = [*OWN]
    keys.insert(at, "runs/other/x")
    with ScriptedHTTP([answer(200, listing("versions", keys))]) as server:
        with pytest.raises(ActionError, match="does not heed the prefix"):
            s3(server.url, "versions").run(context())
    assert [request.method for request in server.requests] == ["GET"]


def gcs_page(names, token=""):
    items = [{"name": name, "generation": "1", "size": "1"} for name in names]
    return {"kind": "storage#objects", "items": items, **({"nextPageToken": token} if token else {})}


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("versions", [False, True])
def test_one_foreign_name_of_gcs_ends_the_step(monkeypatch, foreign, versions):
    """The same."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    with ScriptedHTTP([answer_json(gcs_page(ordered(foreign)))]) as server:
        step = GCS(bucket="models", prefixes=[HOME], anonymous=True, endpoint_url=server.url, versions=versions)
        with pytest.raises(ActionError, match="does not heed the prefix"):
            step.run(context())
    assert [request.method for request in server.requests] == ["GET"]


def test_one_foreign_managed_folder_ends_the_step(monkeypatch):
    """They are listed apart."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    folders = {"items": [{"name": "other/", "metageneration": "1"}]}
    with ScriptedHTTP([answer_json(gcs_page([])), answer_json(folders)]) as server:
        step = GCS(bucket="models", prefixes=[HOME], anonymous=True, endpoint_url=server.url, managed_folders=True)
        with pytest.raises(ActionError, match="does not heed the prefix"):
            step.run(context())
    assert {request.method for request in server.requests} == {"GET"}


LABEL = "workflows.argoproj.io/workflow"
SPACE = failed_workflow().namespace


def pod(name, labels, namespace=SPACE, uid="7"):
    return {"metadata": {"name": name, "namespace": namespace, "uid": uid, "labels": labels}}


@pytest.fixture
def cluster():
    with ScriptedKube() as made:
        yield made


def kubernetes(cluster, folder, selector=f"{LABEL}={NAME}"):
    return Kubernetes(kinds=["pods"], selector=selector, kubeconfig=cluster.kubeconfig(folder))


@pytest.mark.parametrize(
    ("selector", "labels", "namespace", "uid"),
    [
        (f"{LABEL}={NAME}", {LABEL: "other"}, SPACE, "7"),
        (f"{LABEL}={NAME}", {}, SPACE, "7"),
        (f"{LABEL}={NAME}", None, SPACE, "7"),
        (f"{LABEL}={NAME}", {LABEL: NAME}, "kube-system", "7"),
        (f"{LABEL}={NAME}", {LABEL: NAME}, SPACE, ""),
        (f"{LABEL}={NAME},!keep", {LABEL: NAME, "keep": "yes"}, SPACE, "7"),
        (f"{LABEL}={NAME},tier notin (db)", {LABEL: NAME, "tier": "db"}, SPACE, "7"),
        (f"{LABEL} in ({NAME}),tier!=db", {LABEL: NAME, "tier": "db"}, SPACE, "7"),
    ],
)
def test_one_foreign_object_ends_the_step(cluster, tmp_path, selector, labels, namespace, uid):
    """A proxy that drops the selector, or the namespace, lists everybody's."""
    step = kubernetes(cluster, tmp_path, selector)
    items = [pod("a", {LABEL: NAME, "tier": "web"}, uid="1"), pod("b", labels, namespace, uid)]
    cluster.fault("GET", "/pods?", answer_json({"kind": "List", "metadata": {}, "items": items}))
    with pytest.raises(ActionError, match="does not heed the selector") as caught:
        step.run(context())
    assert cluster.sent("DELETE") == []
    assert caught.value.facts["deleted"] == 0


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ("metadata.name=a", False),
        ("metadata.name==a,status.phase=Failed", False),
        ("metadata.name!=b", False),
        ("metadata.namespace=other", False),
        ("metadata.name!=c", True),
        ("status.phase=Failed", True),
    ],
)
def test_a_field_selector_that_is_not_heeded_ends_the_step(cluster, tmp_path, fields, fits):
    """As far as a name and a namespace tell; what else there is in an object is not asked for."""
    step = kubernetes(cluster, tmp_path).model_copy(update={"field_selector": fields, "wait": 0})
    items = [pod("a", {LABEL: NAME}, uid="1"), pod("b", {LABEL: NAME}, uid="2")]
    cluster.fault("GET", "/pods?", answer_json({"kind": "List", "metadata": {}, "items": items}))
    if fits:
        assert step.run(context(dry_run=True)).facts["found"] == 2
        return
    with pytest.raises(ActionError, match="does not heed the selector"):
        step.run(context())
    assert cluster.sent("DELETE") == []


# Listings that never advance.


def endless(*pages):
    return (answer(200, page) if isinstance(page, str) else answer_json(page) for page in itertools.cycle(pages))


MORE = "<IsTruncated>true</IsTruncated>"


@pytest.mark.parametrize(
    ("kind", "pages"),
    [
        ("keys", [MORE + "<NextContinuationToken>x</NextContinuationToken>"]),
        (
            "keys",
            [MORE + f"<NextContinuationToken>{token}</NextContinuationToken>" for token in ("x", "y", "z")],
        ),
        ("versions", [MORE + "<NextKeyMarker>x</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>"]),
        ("versions", [MORE + f"<NextKeyMarker>{key}</NextKeyMarker>" for key in ("x", "y")]),
        ("uploads", [MORE + f"<NextKeyMarker>{key}</NextKeyMarker>" for key in ("x", "y", "z")]),
    ],
)
def test_pages_of_s3_that_lead_nowhere_end_soon(account, kind, pages):
    """With an error of their own; nothing was asked to go, so that nothing is unknown."""
    first = [answer(200, listing("keys", []))] if kind == "uploads" else []
    again = itertools.islice(endless(*(listing(kind, [], more) for more in pages)), len(pages) + 1)
    with ScriptedHTTP(itertools.chain(first, again)) as server:
        with pytest.raises(ActionError, match="leads to itself") as caught:
            s3(server.url, kind).run(context())
    assert not isinstance(caught.value, Unknown)
    assert len(server.requests) <= 5


def fresh(number):
    return f"<NextContinuationToken>{number}</NextContinuationToken><NextKeyMarker>{number}</NextKeyMarker>"


@pytest.mark.parametrize("kind", ["keys", "versions", "uploads"])
@pytest.mark.parametrize("period", [1, 2])
def test_a_page_of_s3_that_comes_again_ends_the_step(account, kind, period):
    """Also under a token that is new each time, and nothing is counted twice."""
    first = [answer(200, listing("keys", []))] if kind == "uploads" else []
    pages = (
        answer(200, listing(kind, OWN if number % period == 0 else [f"{HOME}z"], MORE + fresh(number)))
        for number in range(period + 1)
    )
    with ScriptedHTTP(itertools.chain(first, pages)) as server:
        with pytest.raises(ActionError, match=r"leads to itself|come in no order") as caught:
            s3(server.url, kind).run(context(dry_run=True))
    assert caught.value.facts["found"] == 3 + (period > 1)


@pytest.mark.parametrize("kind", ["keys", "versions"])
def test_empty_pages_without_end_end_the_step(account, kind, monkeypatch):
    """However new each token is; after so many in a row, of which there are fewer here than in earnest."""
    monkeypatch.setattr(objects, "_MOST_EMPTY", 20)
    with ScriptedHTTP(answer(200, listing(kind, [], MORE + fresh(number))) for number in range(21)) as server:
        with pytest.raises(ActionError, match="page after page has nothing in it"):
            s3(server.url, kind).run(context())
    assert {request.method for request in server.requests} == {"GET"}


@pytest.mark.parametrize("period", [1, 2])
def test_a_page_of_gcs_that_comes_again_ends_the_step(monkeypatch, period):
    """The same."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    pages = (gcs_page(OWN if number % period == 0 else [f"{HOME}z"], f"t{number}") for number in range(period + 1))
    with ScriptedHTTP(map(answer_json, pages)) as server:
        step = GCS(bucket="models", prefixes=[HOME], anonymous=True, endpoint_url=server.url, versions=True)
        with pytest.raises(ActionError, match="leads to itself") as caught:
            step.run(context(dry_run=True))
    assert caught.value.facts["found"] == 3 + (period > 1)


@pytest.mark.parametrize("tokens", [["x"], ["x", "y"]])
@pytest.mark.parametrize("versions", [False, True])
def test_pages_of_gcs_that_lead_nowhere_end_soon(monkeypatch, tokens, versions):
    """The same."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    pages = itertools.islice(endless(*(gcs_page([], token) for token in tokens)), len(tokens) + 1)
    with ScriptedHTTP(pages) as server:
        step = GCS(bucket="models", prefixes=[HOME], anonymous=True, endpoint_url=server.url, versions=versions)
        with pytest.raises(ActionError, match="leads to itself") as caught:
            step.run(context())
    assert not isinstance(caught.value, Unknown)


@pytest.mark.parametrize("tokens", [["x"], ["x", "y", "z"], [""]])
@pytest.mark.parametrize("gone", [False, True])
def test_pages_of_kubernetes_that_lead_nowhere_end_soon(cluster, tmp_path, tokens, gone):
    """The same token again, or 410 for ever, with a token that leads on or without."""
    step = kubernetes(cluster, tmp_path)
    for token in itertools.islice(itertools.cycle(tokens), 200):
        first = {"kind": "List", "metadata": {"continue": token or "x"}, "items": []}
        cluster.fault("GET", "/pods?", answer_json(first))
        if gone:
            status = {"kind": "Status", "code": 410, "message": "too old", "metadata": {"continue": token}}
            cluster.fault("GET", "/pods?", answer(410, json.dumps(status)))
    with pytest.raises(ActionError, match=r"leads to itself|nothing new|gone before") as caught:
        step.run(context(terms=RetryPolicy(attempts=1)))
    assert not isinstance(caught.value, Unknown)
    assert len(cluster.sent("GET")) < 120
    assert cluster.sent("DELETE") == []
    cluster._faults.clear()
