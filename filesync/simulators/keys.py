"""RSA keys, the assertions that are signed with them (RFC 7519), and the private files they are handed out in."""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Assertion:
    """Claims and a signature; nothing is proven before `is_signed_by`."""

    head: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: str
    signature: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Read the compact form; raises ValueError for what is none."""
        signed, _, signature = text.rpartition(".")
        head, _, claims = signed.partition(".")
        return cls(_part(head), _part(claims), signed, signature)

    def is_signed_by(self, key: rsa.RSAPrivateKey) -> bool:
        """Return whether it is signed with this key, by RS256 and nothing else."""
        try:
            raw = _decoded(self.signature)
            key.public_key().verify(raw, self.signed.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return self.head.get("alg") == "RS256"


@cache
def make_key(owner: str, number: int) -> rsa.RSAPrivateKey:  # noqa: ARG001  both only tell keys apart
    """Make a key, the same in every service of this process: making one takes longer than most tests."""
    # Short, because it opens nothing but the simulator, and checking a long one takes a client 40 ms.
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  as said above  # nosec B505


def to_pem(key: rsa.RSAPrivateKey) -> str:
    kept_plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept_plain)
    return pem.decode("ascii")


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that only its owner may read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)  # a planted link leads anywhere
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)


def _part(text: str) -> Mapping[str, Any]:
    part = json.loads(_decoded(text))
    if not isinstance(part, dict):
        raise ValueError("not an object")  # noqa: TRY004  as for every other part that cannot be read
    return part


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
