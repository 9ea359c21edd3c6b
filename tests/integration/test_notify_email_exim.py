"""notify.email against a real Exim: logins, encryption, greylisting, refusals and addresses beyond ASCII."""

import email
import getpass
import os
import pwd
import shutil
import tempfile
from email import policy
from pathlib import Path
from types import SimpleNamespace

import pytest

from exitkit.errors import ActionError, Exhausted
from exitkit.notify.email import Email
from exitkit.retry import RetryPolicy
from exitkit.store.place import open_store
from exitkit.testing import context
from exitkit.testing.certificates import certificate_file

# Everything lands in one mbox. `slow` is put off as long as the file `slow` is there, `gone` is refused, and the
# whole mail is refused for its size where a file says so.
CONFIG = """
primary_hostname = mail.example.com
spool_directory = {folder}/spool
log_file_path = {folder}/log-%slog
pid_file_path = {folder}/pid
exim_user = {user}
exim_group = {group}
never_users =
tls_advertise_hosts = *
tls_certificate = {certificate}
smtputf8_advertise_hosts = {utf8}
auth_advertise_hosts = *
acl_smtp_rcpt = rcpt
acl_smtp_mail = mail
helo_verify_hosts =
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
queue_only = true
begin acl
mail:
  deny condition = ${{if and{{{{exists{{{folder}/tls}}}}{{eq{{$tls_in_cipher}}{{}}}}}}}}
       message = 530 5.7.0 Must issue a STARTTLS command first
  accept
rcpt:
  defer local_parts = slow
        condition = ${{if exists{{{folder}/slow}}}}
        message = 4.7.1 Greylisted, try again in 2 seconds
  deny local_parts = gone
       message = 5.1.1 no such user
  accept
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  file = {folder}/box
  user = {user}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{argo}}}}{{eq{{$auth3}}{{tanstaaf-1}}}}}}}}
  server_advertise_condition = ${{if eq{{$tls_in_cipher}}{{}}{{no}}{{yes}}}}
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{argo}}{{tanstaaf-1}}fail}}
  server_set_id = $auth1
"""


@pytest.fixture(params=["*"])
def exim(request, program, serve, free_port):
    if os.geteuid() != 0:
        pytest.skip("only root may give exim another configuration")
    path = program("exim4")
    user = "Debian-exim"
    # Its own user reads and writes there, who may not enter a checkout.
    folder = Path(tempfile.mkdtemp(prefix="exitkit-exim-", dir="/tmp"))
    request.addfinalizer(lambda: shutil.rmtree(folder, ignore_errors=True))
    (folder / "spool").mkdir()
    certificate = folder / "certificate.pem"
    shutil.copy(certificate_file(), certificate)
    config, port = folder / "exim.conf", free_port()
    group = pwd.getpwnam(user).pw_gid
    values = {"folder": folder, "user": user, "group": group, "port": port, "certificate": certificate}
    config.write_text(CONFIG.format(utf8=request.param, **values))
    for one in (folder, *folder.rglob("*")):
        shutil.chown(one, user if one != config else getpass.getuser())
    serve([path, "-bdf", "-C", str(config)], port)
    return SimpleNamespace(host="127.0.0.1", port=port, folder=folder, ca_file=str(certificate), spool=folder / "spool")


def taken(exim):
    """The mails in the queue: recipients and content."""
    mails = []
    for head in sorted(exim.spool.glob("input/**/*-H")):
        content = head.with_name(head.name[:-2] + "-D").read_bytes().partition(b"\n")[2]
        lines = head.read_text("utf-8", "surrogateescape").split("\n")
        count = next(index for index, line in enumerate(lines) if line.isdigit())
        recipients = [line.split()[0] for line in lines[count + 1 : count + 1 + int(lines[count])]]
        headers = email.message_from_string(
            "\n".join(line[5:] for line in lines if line[3:4] in " FTBIRS" and line[:3].isdigit()),
            policy=policy.default,
        )
        mails.append((recipients, headers, content))
    return mails


def mail(exim, **settings):
    return Email(
        host=f"{exim.host}:{exim.port}",
        sender="argo@example.com",
        **{"tls": "none", "to": "ops@example.com", **settings},
    )


def test_login_by_tls_and_by_digest(exim):
    """PLAIN inside STARTTLS; CRAM-MD5 where nothing is encrypted and nothing else offered."""
    login = {"username": "argo", "password": "tanstaaf-1"}
    host = {"host": f"localhost:{exim.port}"}
    Email(**host, sender="argo@example.com", to=["a@example.com"], ca_file=exim.ca_file, **login).run(context())
    mail(exim, **login).run(context())
    assert len(taken(exim)) == 2
    with pytest.raises(ActionError, match="check username and password"):
        mail(exim, username="argo", password="wrong-wrong").run(context())


def test_who_has_it_and_who_has_not(exim, tmp_path):
    """Greylisted and refused neighbours: a second run with a receipt writes to nobody twice."""
    (exim.folder / "slow").touch()
    everybody = "ops@example.com; slow@example.com; Gone <gone@example.com>"
    state = open_store(str(tmp_path / "state"))
    with pytest.raises(Exhausted) as caught:
        mail(exim, to=everybody).run(context(terms=RetryPolicy(attempts=1), state=state))
    assert caught.value.facts["recipients"] == ["ops@example.com"]
    assert "Greylisted" in str(caught.value)
    assert "ops@example.com" not in str(caught.value)
    (exim.folder / "slow").unlink()
    result = mail(exim, to=everybody).run(context(state=state))
    assert result.facts["recipients"] == ["ops@example.com", "slow@example.com"]
    assert "5.1.1 no such user" in result.facts["refused"]["gone@example.com"]
    assert [recipients for recipients, _, _ in taken(exim)] == [["ops@example.com"], ["slow@example.com"]]


def test_encryption_that_is_missing_is_told_as_such(exim):
    """And not as a wrong password."""
    (exim.folder / "tls").touch()
    with pytest.raises(ActionError, match="set tls to starttls"):
        mail(exim).run(context())


def test_addresses_beyond_ascii(exim):
    """Exim takes them by SMTPUTF8."""
    mail(exim, to="jürgen@example.com, ops@example.com").run(context())
    ((recipients, _, content),) = taken(exim)
    assert sorted(recipients) == ["jürgen@example.com", "ops@example.com"]
    assert b"train-x7k2p failed" in content


@pytest.mark.parametrize("exim", [""], indirect=True)
def test_a_server_without_smtputf8_reaches_the_others(exim):
    """Who cannot be addressed there is told by name."""
    result = mail(exim, to="jürgen@example.com, ops@example.com").run(context())
    assert result.facts["recipients"] == ["ops@example.com"]
    assert "offers no smtputf8" in result.notes[0]
    assert [recipients for recipients, _, _ in taken(exim)] == [["ops@example.com"]]
