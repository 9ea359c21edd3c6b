"""Certificates for scripted servers, made when one is asked for, so that no key is in the package or in an image."""

import atexit
import functools
import shutil
import tempfile
import threading
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from exitkit.errors import ConfigError

Certificate = Literal["localhost", "wrong-host", "expired"]

_ADDRESSES = ("127.0.0.1", "::1")


_lock = threading.Lock()


def certificate_file(name: Certificate = "localhost") -> str:
    """A key and a self-signed certificate in one file, for tests only; clients trust it as their ca_file.

    The same for as long as the process lives, and gone with it. Raises ConfigError without the library cryptography.
    """
    with _lock:  # two threads must not each have a key of their own
        return _made(name)


@functools.cache
def _made(name: Certificate) -> str:
    path = Path(_folder(), f"test-only-{name}.pem")
    path.touch(mode=0o600)
    try:
        path.write_bytes(_pem(name))
    except ModuleNotFoundError:
        raise ConfigError("a scripted server with TLS needs cryptography: pip install cryptography") from None
    return str(path)


def _pem(name: Certificate) -> bytes:
    """For loopback, for another host, or one that has expired; each as strict clients want an authority and a server."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"exitkit test only {name}")])
    hosts: list[x509.GeneralName] = [x509.DNSName("elsewhere.example" if name == "wrong-host" else "localhost")]
    if name != "wrong-host":
        hosts += [x509.IPAddress(ip_address(address)) for address in _ADDRESSES]
    mark = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2024, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2024, 1, 2, tzinfo=UTC) if name == "expired" else datetime(2099, 12, 31, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(mark, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(mark), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)


@functools.cache
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="exitkit-testing-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
