"""Certificates for scripted servers, made when one is asked for, so that no key is in the package or in an image.

For tests only: this is arithmetic on P-256 as anybody can read it, which takes no care of who measures how long it takes.
"""

import atexit
import base64
import functools
import hashlib
import secrets
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Literal

Certificate = Literal["localhost", "wrong-host", "expired"]
Point = tuple[int, int] | None

# https://csrc.nist.gov/pubs/sp/800/186/final, 3.2.1.3: the field, the order, and the point that all are multiples of.
_FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

_INTEGER, _BITS, _OCTETS, _OID, _TEXT, _TIME, _SEQUENCE, _SET = 0x02, 0x03, 0x04, 0x06, 0x0C, 0x18, 0x30, 0x31
_HOSTS = b"\x82\x09localhost\x87\x04\x7f\x00\x00\x01\x87\x10" + bytes(15) + b"\x01"
_ELSEWHERE = b"\x82\x11elsewhere.example"


_lock = threading.Lock()
_files: dict[str, str] = {}


def certificate_file(name: Certificate = "localhost") -> str:
    """A key and a self-signed certificate in one file, for tests only; clients trust it as their ca_file.

    The same for as long as the process lives, and gone with it.
    """
    with _lock:  # a server asks in its thread while the test asks for its client
        if name not in _files:
            path = Path(_folder(), f"test-only-{name}.pem")
            path.touch(mode=0o600)
            path.write_text(pem(name), "ascii")
            _files[name] = str(path)
        return _files[name]


@functools.cache
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="exitkit-testing-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def pem(name: Certificate) -> str:
    """A new key and its certificate: for loopback, for another host, or one that has expired."""
    secret = 1 + secrets.randbelow(_ORDER - 1)
    curve = _oid("2a8648ce3d030107")
    public = b"\x00\x04" + _bytes(_times(secret, _BASE))
    key = _der(
        _SEQUENCE, _number(1), _der(_OCTETS, secret.to_bytes(32)), _der(0xA0, curve), _der(0xA1, _der(_BITS, public))
    )
    algorithm = _der(_SEQUENCE, _oid("2a8648ce3d040302"))  # ECDSA with SHA-256
    who = _der(
        _SEQUENCE, _der(_SET, _der(_SEQUENCE, _oid("550403"), _der(_TEXT, f"exitkit test only {name}".encode())))
    )
    until = b"20240102000000Z" if name == "expired" else b"20991231000000Z"
    body = _der(
        _SEQUENCE,
        _der(0xA0, _number(2)),  # version 3
        _number(1 + secrets.randbelow(2**64)),
        algorithm,
        who,
        _der(_SEQUENCE, _der(_TIME, b"20240101000000Z"), _der(_TIME, until)),
        who,
        _der(_SEQUENCE, _der(_SEQUENCE, _oid("2a8648ce3d0201"), curve), _der(_BITS, public)),
        _der(0xA3, _extensions(_ELSEWHERE if name == "wrong-host" else _HOSTS, public)),
    )
    signed = _der(_SEQUENCE, body, algorithm, _der(_BITS, b"\x00" + _sign(secret, body)))
    return _armour("EC PRIVATE KEY", key) + _armour("CERTIFICATE", signed)


def _extensions(hosts: bytes, public: bytes) -> bytes:
    """What strict clients want of an authority that is a server too: https://www.rfc-editor.org/rfc/rfc5280#section-4.2."""
    purposes = _der(_SEQUENCE, _oid("2b06010505070301"), _oid("2b06010505070302"))  # server, client
    mark = hashlib.sha256(public).digest()[:20]
    critical = b"\x01\x01\xff"
    return _der(
        _SEQUENCE,
        _der(_SEQUENCE, _oid("551d11"), _der(_OCTETS, _der(_SEQUENCE, hosts))),
        _der(_SEQUENCE, _oid("551d13"), critical, _der(_OCTETS, _der(_SEQUENCE, critical))),  # an authority
        _der(
            _SEQUENCE, _oid("551d0f"), critical, _der(_OCTETS, _der(_BITS, b"\x02\x84"))
        ),  # signs data and certificates
        _der(_SEQUENCE, _oid("551d25"), _der(_OCTETS, purposes)),
        _der(_SEQUENCE, _oid("551d0e"), _der(_OCTETS, _der(_OCTETS, mark))),
        _der(_SEQUENCE, _oid("551d23"), _der(_OCTETS, _der(_SEQUENCE, _der(0x80, mark)))),
    )


def _sign(secret: int, body: bytes) -> bytes:
    once = 1 + secrets.randbelow(_ORDER - 1)
    point = _times(once, _BASE)
    r = point[0] % _ORDER if point else 0
    s = pow(once, -1, _ORDER) * (int.from_bytes(hashlib.sha256(body).digest()) + r * secret) % _ORDER
    return _der(_SEQUENCE, _number(r), _number(s))


def _times(factor: int, point: Point) -> Point:
    found: Point = None
    while factor:
        if factor & 1:
            found = _sum(found, point)
        point, factor = _sum(point, point), factor >> 1
    return found


def _sum(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x, y), (u, v) = one, other
    if x == u and (y + v) % _FIELD == 0:
        return None
    slope = (3 * x * x - 3) * pow(2 * y, -1, _FIELD) if one == other else (v - y) * pow(u - x, -1, _FIELD)
    third = (slope * slope - x - u) % _FIELD
    return third, (slope * (x - third) - y) % _FIELD


def _bytes(point: Point) -> bytes:
    return b"".join(number.to_bytes(32) for number in point or ())


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8 or 1)
    return bytes([tag]) + (size if len(body) < 0x80 else bytes([0x80 | len(size)]) + size) + body


def _number(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def _oid(text: str) -> bytes:
    return _der(_OID, bytes.fromhex(text))


def _armour(kind: str, data: bytes) -> str:
    text = base64.encodebytes(data).decode().replace("\n", "")
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"
