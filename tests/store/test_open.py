"""A setting names a store, and what it names wrongly is said before anything runs."""

import pytest

from exitkit.errors import ConfigError
from exitkit.store.place import open_store


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("state", "FolderStore"),
        ("/mnt/state", "FolderStore"),
        ("s3://bucket", "BucketStore"),
        ("s3://bucket/a/b/", "BucketStore"),
        ("gs://bucket/a", "BucketStore"),
        ("configmap://argo/exitkit-state", "ConfigMapStore"),
    ],
)
def test_each_place_has_its_store(where, kind):
    """Nothing is asked of it yet."""
    opened = open_store(where)
    assert type(opened.store).__name__ == kind
    assert opened.where == where


def test_nothing_is_no_store():
    """As where no setting says one."""
    assert open_store("") is None


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("ftp://host/x", r"ftp:// is no place for it: give the path of a folder, s3://"),
        ("s3://", r"s3://bucket/key"),
        ("configmap://argo", r"configmap://NAMESPACE/NAME"),
        ("configmap://argo/a/b", r"configmap://NAMESPACE/NAME"),
        ("configmap://Argo/x", r"configmap://NAMESPACE/NAME"),
    ],
)
def test_what_is_no_place_is_said(where, told):
    """With the places that there are."""
    with pytest.raises(ConfigError, match=told):
        open_store(where)
