"""Which cluster, and as whom: the pod's account, or a kubeconfig."""

import pytest

from exitkit.clients.kubernetes import access as kubeaccess
from exitkit.clients.kubernetes.find import find as find_access
from exitkit.errors import ActionError, ConfigError
from exitkit.testing.clock import FakeClock
from exitkit.text import redact

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}
FILE = '{"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k"}}],"clusters":[{"name":"k","cluster":{"server":"https://%s"}}]}'


@pytest.fixture
def account(tmp_path):
    (tmp_path / "account").mkdir()
    (tmp_path / "account" / "token").write_text("token-of-the-account-1\n")
    return tmp_path / "account"


def find(tmp_path, kubeconfig="", context="", **environ):
    return find_access(kubeconfig, context, FakeClock(), environ=environ, account=tmp_path / "account")


def test_in_a_pod_it_is_the_service_account(tmp_path, account):
    """Its authority and its token."""
    access = find(tmp_path, **POD)
    assert access.server == "https://10.0.0.1:6443"
    assert access.ca_file == str(account / "ca.crt")
    assert access.authorization() == "Bearer token-of-the-account-1"


def test_an_ipv6_cluster_has_brackets(tmp_path, account):
    """And 443 where no port is told."""
    assert find(tmp_path, KUBERNETES_SERVICE_HOST="fd00::1").server == "https://[fd00::1]:443"


def test_a_token_that_kubelet_replaces_is_read_anew(tmp_path, account):
    """They end after an hour; and neither is ever told."""
    access = find(tmp_path, **POD)
    with redact.forget_all():
        kubeaccess._keep_quiet_about.cache_clear()
        access.authorization()
        (account / "token").write_text("token-of-the-account-2")
        assert access.authorization() == "Bearer token-of-the-account-2"
        assert "account-1" not in redact.redact("token-of-the-account-1")
        assert "account-2" not in redact.redact("token-of-the-account-2")


def test_a_token_that_is_gone_is_told(tmp_path, account):
    """As an error of rights."""
    access = find(tmp_path, **POD)
    (account / "token").unlink()
    with pytest.raises(ActionError) as told:
        access.authorization()
    assert told.value.reason == "auth"


def test_a_kubeconfig_that_is_named_goes_before_the_pod(tmp_path, account):
    """Named here, then in KUBECONFIG; a context is of a kubeconfig too."""
    (tmp_path / "a").write_text(FILE % "a")
    (tmp_path / "b").write_text(FILE % "b")
    b = str(tmp_path / "b")
    assert find(tmp_path, str(tmp_path / "a"), KUBECONFIG=b, **POD).server == "https://a"
    assert find(tmp_path, KUBECONFIG=b, **POD).server == "https://b"
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(FILE % "home")
    assert find(tmp_path, context="c", HOME=str(tmp_path), **POD).server == "https://home"


def test_outside_of_a_pod_it_is_the_one_at_home(tmp_path):
    """As kubectl's; and none is an error that says what to do."""
    with pytest.raises(ConfigError, match="no Kubernetes cluster is known here"):
        find(tmp_path, HOME=str(tmp_path))
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(FILE % "home")
    assert find(tmp_path, HOME=str(tmp_path)).server == "https://home"


def test_several_files_are_refused(tmp_path):
    """What they say together, kubectl knows."""
    with pytest.raises(ConfigError, match="several files"):
        find(tmp_path, KUBECONFIG="/a:/b")
