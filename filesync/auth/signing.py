"""Signing: how a service account proves that it holds its key; RFC 7519 and RFC 7523."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from filesync.http import Secret

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def sign(claims: Mapping[str, Any], private_key: Secret, key_id: str) -> str | None:
    """Make an RS256 assertion; None when the key is no RSA key in PEM that can be read."""
    # Imported here because only a fetch needs it: a token is good for an hour.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(private_key.reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, RSAPrivateKey):
        return None
    said = f"{_segment({'typ': 'JWT', 'alg': 'RS256', 'kid': key_id})}.{_segment(claims)}"
    return f"{said}.{_base64(key.sign(said.encode(), PKCS1v15(), SHA256()))}"


def _segment(fields: Mapping[str, Any]) -> str:
    return _base64(json.dumps(fields).encode())


def _base64(content: bytes) -> str:
    """Write bytes as RFC 7515 does: for addresses, without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
