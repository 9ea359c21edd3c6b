"""What of libraries is replaced by ours is still there to be replaced; urllib3's and botocore's stand with their clients.

Where one of these fails, a new version of the library does by another way what we have put ourselves in the place of:
the test says what no longer happens.
"""

import inspect
import smtplib

from slack_sdk import WebClient
from slack_sdk.web.base_client import BaseClient


def test_smtplib_connects_where_we_do():
    """Else mail would resolve its names unchecked, go past the proxy, and know no CA file."""
    assert "self._get_socket(host, port, self.timeout)" in inspect.getsource(smtplib.SMTP.connect)
    assert list(inspect.signature(smtplib.SMTP._get_socket).parameters) == ["self", "host", "port", "timeout"]


def test_smtplib_speaks_by_the_two_methods_that_are_ours():
    """Else a server's answer had no bound, and an error would lose what it was."""
    for name in ("docmd", "ehlo", "helo"):
        text = inspect.getsource(getattr(smtplib.SMTP, name))
        assert "self.getreply()" in text, name
        assert "self.putcmd(" in text, name
    assert "self.send(" in inspect.getsource(smtplib.SMTP.putcmd)


def test_smtplib_keeps_what_we_set():
    """The name that a certificate is checked for, the socket and its file, what EHLO said."""
    session = smtplib.SMTP(local_hostname="x")
    for name in ("_host", "sock", "file", "esmtp_features", "command_encoding", "local_hostname", "timeout"):
        assert hasattr(session, name), name


def test_slack_sdk_opens_connections_where_we_do():
    """Else the SDK would send the token itself: along redirects, past the deadline, and past the proxy's exceptions."""
    assert WebClient._perform_urllib_http_request is BaseClient._perform_urllib_http_request
    parameters = inspect.signature(BaseClient._perform_urllib_http_request).parameters
    assert list(parameters) == ["self", "url", "args"]
    assert "self._perform_urllib_http_request(url=url, args=request_args)" in inspect.getsource(BaseClient)
    opening = [
        name
        for name, member in inspect.getmembers(BaseClient, inspect.isfunction)
        if "urlopen(" in inspect.getsource(member) or "opener.open(" in inspect.getsource(member)
    ]
    assert set(opening) <= {"_perform_urllib_http_request", "_perform_urllib_http_request_internal", "_upload_file"}
