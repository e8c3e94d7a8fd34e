"""Signing: how a service account proves that it holds its key; RFC 7523."""

from collections.abc import Mapping
from typing import Any

from filesync.http import Secret

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def sign(claims: Mapping[str, Any], private_key: Secret, key_id: str) -> str | None:
    """Make an RS256 assertion; None when the key is no PEM that can be read."""
    from google.auth import crypt, jwt  # noqa: PLC0415  costs a tenth of a second, and only a fetch needs it

    try:
        signer = crypt.RSASigner.from_string(private_key.reveal(), key_id)
    except (ValueError, TypeError):
        return None
    signed: bytes = jwt.encode(signer, claims)
    return signed.decode()
