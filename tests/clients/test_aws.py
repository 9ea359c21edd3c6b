"""Who asks AWS, in which region, at which address."""

import inspect
import json

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from exitkit.clients.aws import AWSAccess, AWSAccount
from exitkit.errors import ActionError, ConfigError, Retryable
from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer, answer_json
from exitkit.testing.proxy import ScriptedProxy
from exitkit.text import redact


def s3(**more):
    return AWSAccount(AWSAccess(**more), "s3")


def test_the_region_is_the_settings_then_the_environments(account, monkeypatch):
    """Then the configuration's, then the one that AWS's own tools take."""
    assert s3().region == "us-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert s3().region == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert s3().region == "eu-west-3"
    assert s3(region="eu-north-1").region == "eu-north-1"


@pytest.mark.parametrize(
    ("region", "variables", "host"),
    [
        ("us-east-1", {}, "s3.us-east-1.amazonaws.com"),
        ("cn-north-1", {}, "s3.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", {"AWS_USE_FIPS_ENDPOINT": "true"}, "s3-fips.us-gov-west-1.amazonaws.com"),
        ("eu-west-1", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "s3.dualstack.eu-west-1.amazonaws.com"),
    ],
)
def test_the_host_is_the_one_the_sdk_knows(account, monkeypatch, region, variables, host):
    """Also in China, in the government's regions, and for IPv6."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert s3().host(region) == host


def test_an_endpoint_of_ones_own_is_found_as_the_aws_tools_find_it(account, monkeypatch, tmp_path):
    """A variable for the service, one for all, the profile's service section, the profile; or none if told to ignore."""
    assert s3().endpoint_url == ""
    config = tmp_path / "config"
    config.write_text(
        "[default]\nservices = own\nendpoint_url = http://profile\n[services own]\ns3 =\n  endpoint_url = http://section\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    from exitkit.clients import aws

    aws._session.cache_clear()
    assert s3().endpoint_url == "http://section"
    assert AWSAccount(AWSAccess(), "logs").endpoint_url == "http://profile"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all/")
    assert s3().endpoint_url == "http://all"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://own")
    assert s3().endpoint_url == "http://own"
    assert s3(endpoint_url="http://given/").endpoint_url == "http://given"
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    aws._session.cache_clear()
    assert s3().endpoint_url == ""


def test_a_request_is_signed_as_botocore_signs_it(account):
    """The signature is botocore's own for the same moment, over the headers given."""
    headers = AWSAccount(AWSAccess(), "logs").sign(
        "POST", "https://logs.us-east-1.amazonaws.com/", {"X-A": "b"}, b"{}", "us-east-1"
    )
    theirs = AWSRequest("POST", "https://logs.us-east-1.amazonaws.com/", headers={"X-A": "b"}, data=b"{}")
    signer = SigV4Auth(Credentials("AKIAMADEUPFORTESTS00", "secret-made-up-for-this-test"), "logs", "us-east-1")
    theirs.context["timestamp"] = headers["X-Amz-Date"]
    theirs.headers["X-Amz-Date"] = headers["X-Amz-Date"]
    wanted = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)
    assert wanted in headers["Authorization"]
    assert "x-a" in headers["Authorization"]


def test_secrets_that_are_found_are_cut_from_all_that_is_told(account):
    """They came from the environment and no setting of ours, so nobody else would know them."""
    with redact.forget_all():
        s3().log_in()
        assert "made-up" not in redact.redact("it said secret-made-up-for-this-test")


def test_no_credentials_is_an_error_that_says_where_they_come_from(no_account):
    """Not a retry: nothing will appear."""
    with pytest.raises(ActionError, match=r"no AWS credentials were found.*IRSA") as caught:
        s3().log_in()
    assert caught.value.reason == "auth"
    assert not isinstance(caught.value, Retryable)


def test_a_profile_that_is_not_there_is_a_wrong_configuration(no_account):
    """Exit code 2."""
    with pytest.raises(ConfigError, match="no such AWS profile"):
        s3(profile="nobody").log_in()


def test_a_configuration_that_cannot_be_read_is_not_quoted(no_account, monkeypatch, tmp_path):
    """It is where people keep secrets."""
    broken = tmp_path / "credentials"
    broken.write_text("aws_secret_access_key = hunter2-hunter2\n[default\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(broken))
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        s3().log_in()
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None


CREDENTIALS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAFROMTHETOKEN</AccessKeyId>
<SecretAccessKey>made-up-by-the-token-service</SecretAccessKey><SessionToken>session-token-made-up</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><SubjectFromWebIdentityToken>x</SubjectFromWebIdentityToken>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>r:s</AssumedRoleId></AssumedRoleUser>
</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"""


def refusal(status, code):
    body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return answer(status, body, {"Content-Type": "text/xml"})


@pytest.fixture
def irsa(no_account, monkeypatch, tmp_path):
    """A pod of EKS whose service account has a role,"""
    token = tmp_path / "token"
    token.write_text("token-of-the-service-account")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/cleanup")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    def point(server):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)

    return point


def test_a_service_accounts_role_is_taken(irsa):
    """IRSA: the projected token becomes credentials, once, and their session token goes along."""
    with ScriptedHTTP([answer(200, CREDENTIALS, {"Content-Type": "text/xml"})]) as server:
        irsa(server)
        account = s3()
        account.log_in()
        headers = account.sign("GET", "https://b.s3.amazonaws.com/", {}, b"", "us-east-1")
    assert headers["X-Amz-Security-Token"] == "session-token-made-up"
    assert b"token-of-the-service-account" in server.requests[0].body


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(403, "AccessDenied", ActionError), (503, "ServiceUnavailable", Retryable), (400, "Throttling", Retryable)],
)
def test_a_token_service_that_says_no_is_told_as_it_is(irsa, status, code, kind):
    """Refused for good, or busy, which another attempt may cure. botocore itself tries nothing again."""
    with ScriptedHTTP([refusal(status, code)]) as server:
        irsa(server)
        with pytest.raises(ActionError, match=f"AWS credentials: {code}") as caught:
            s3().log_in()
    assert type(caught.value) is kind
    assert len(server.requests) == 1


def test_a_token_service_that_is_not_there_may_be_back(irsa, monkeypatch):
    """A refused connection is worth another attempt."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    with pytest.raises(Retryable, match=r"AWS credentials: no connection to 127") as caught:
        s3().log_in()
    assert caught.value.later


def test_the_token_service_is_asked_through_the_proxy(irsa, monkeypatch):
    """By our own requests, which also trust what all others do."""
    with ScriptedHTTP([answer(200, CREDENTIALS, {"Content-Type": "text/xml"})]) as server:
        with ScriptedProxy({"sts.test:80": server.port}) as proxy:
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.test")
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            s3().log_in()
    assert proxy.asked == ["POST http://sts.test/"]


def test_no_proxy_is_asked_for_the_machines_own_metadata(account, monkeypatch):
    """botocore asks it by itself. It fails where botocore looks elsewhere than in the function that is replaced."""
    from botocore import utils

    s3().log_in()
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:1")
    assert utils.get_environ_proxies("http://169.254.169.254/latest/meta-data/") == {}
    assert utils.get_environ_proxies("http://elsewhere.test/")["http"] == "http://proxy.test:1"
    assert "get_environ_proxies(self._base_url)" in inspect.getsource(utils.IMDSFetcher.__init__)


def test_botocore_lets_requests_for_credentials_be_sent_by_us(account):
    """It fails where botocore has another word for the event by which it does."""
    from botocore import endpoint

    assert 'f"before-send.{service_id}.{operation_model.name}"' in inspect.getsource(endpoint)


def test_credentials_of_a_container_are_taken(no_account, monkeypatch):
    """EKS Pod Identity and ECS name a URL; its answer is used."""
    said = {
        "AccessKeyId": "ASIAPOD",
        "SecretAccessKey": "made-up-for-the-pod",
        "Token": "t0ken-for-the-pod",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    with ScriptedHTTP([answer_json(said)]) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/v1/credentials")
        headers = s3().sign("GET", "https://b.s3.amazonaws.com/", {}, b"", "us-east-1")
    assert "ASIAPOD" in headers["Authorization"]
    assert "made-up" not in json.dumps(headers)
