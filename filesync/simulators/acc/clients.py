"""Which app is asking: forms, Basic headers and secrets (aps.md 1.1)."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

from filesync.simulators.acc import refusals
from filesync.simulators.acc.records import RegisteredApp
from filesync.simulators.messages import Call

_FORM_TYPE = "application/x-www-form-urlencoded"


def form_of(call: Call) -> dict[str, str]:
    if call.headers.get("content-type", "").partition(";")[0].strip() != _FORM_TYPE:
        raise refusals.login(400, "invalid_request", f"The content type must be {_FORM_TYPE}.")
    pairs = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    if len(pairs) != len(dict(pairs)):
        raise refusals.login(400, "invalid_request", "A parameter is given more than once.")
    return dict(pairs)


def authenticate(call: Call, form: Mapping[str, str], apps: Mapping[str, RegisteredApp]) -> RegisteredApp:
    """Find the app and check its secret, which comes by header or by form; a public app has none to send."""
    header = call.headers.get("authorization")
    in_form = "client_id" in form or "client_secret" in form
    if header is not None and in_form:
        raise refusals.login(400, "invalid_request", "Client credentials are in the header and in the body.")
    if header is None and not in_form:
        raise refusals.login(400, "invalid_request", "The client_id is not present in the request.")
    name, secret = _basic(header) if header is not None else (form.get("client_id", ""), form.get("client_secret"))
    app = apps.get(name)
    if app is None or secret != app.client_secret:
        raise refusals.login(401, "invalid_client", "The client_id or client_secret is not valid.")
    return app


def named(call: Call) -> str:
    """Return the client id that the call names, proven or not: whose budget a login spends."""
    kind, _, text = call.headers.get("authorization", "").partition(" ")
    if kind == "Basic":
        return _pair(text)[0]
    form = dict(parse_qsl(call.body.decode("utf-8", "replace")))
    return form.get("client_id") or call.query.get("client_id", "")


def _basic(header: str) -> tuple[str, str]:
    kind, _, text = header.partition(" ")
    if kind != "Basic":  # the OpenAPI text says Bearer, which is a slip (aps.md 1.1)
        raise refusals.login(401, "invalid_client", "The authorization header must be Basic.")
    return _pair(text)


def _pair(text: str) -> tuple[str, str]:
    """Take the two apart, then decode each: RFC 6749, 2.3.1."""
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)
