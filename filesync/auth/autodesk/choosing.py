"""Which of Autodesk's logins an endpoint uses; CONNECTOR_AUTODESK_AUTH, spec section 2."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from filesync.auth import Login
from filesync.auth.autodesk.app import App, LoginService, app_of
from filesync.auth.autodesk.service_account import VARIABLE, AutodeskServiceAccount, read_key
from filesync.auth.autodesk.three_legged import ThreeLegged, file_path
from filesync.auth.autodesk.two_legged import TwoLegged
from filesync.core.errors import AuthError
from filesync.http import Connector


class Flow(StrEnum):
    TWO_LEGGED = "two_legged"
    THREE_LEGGED = "three_legged"
    SERVICE_ACCOUNT = "service_account"


def flow_of(variables: Mapping[str, str], tokens: Path, credentials: str, act_as_user: str | None = None) -> Flow:
    """Choose the flow: as asked for; else a service account, a stored login, or the app itself, in this order.

    `act_as_user` means the app itself. Raises AuthError when it goes with another flow, or the client id is missing.
    """
    asked = variables.get("CONNECTOR_AUTODESK_AUTH", "").strip() or "auto"
    if act_as_user:
        if asked not in ("auto", Flow.TWO_LEGGED):
            raise AuthError(f"act_as_user needs the two-legged login, and {asked} is asked for; remove one of them")
        return Flow.TWO_LEGGED
    if asked != "auto":
        return Flow(asked)
    if variables.get(VARIABLE, "").strip():
        return Flow.SERVICE_ACCOUNT
    if file_path(app_of(variables, credentials, public=True), tokens, credentials).exists():
        return Flow.THREE_LEGGED
    return Flow.TWO_LEGGED


def preferred_to_person(variables: Mapping[str, str], credentials: str = "") -> str:
    """Return which setting chooses another login than a person's; '' for none."""
    of_set = f" of credentials {credentials!r}" if credentials else ""
    asked = variables.get("CONNECTOR_AUTODESK_AUTH", "").strip() or "auto"
    if asked not in ("auto", Flow.THREE_LEGGED):
        return f"{f'auth{of_set}' if of_set else 'CONNECTOR_AUTODESK_AUTH'} is {asked}"
    if asked == "auto" and variables.get(VARIABLE, "").strip():
        return f"{f'service_account_path{of_set}' if of_set else VARIABLE} is set"
    return ""


def login_of(
    variables: Mapping[str, str],
    connector: Connector,
    path: Callable[[str], Path],
    credentials: str = "",
    act_as_user: str | None = None,
) -> tuple[App, Login]:
    """Make the login; nothing is asked yet. Raises AuthError that names what is missing."""
    tokens = path("tokens")
    flow = flow_of(variables, tokens, credentials, act_as_user)
    app = app_of(variables, credentials, public=flow is Flow.THREE_LEGGED)
    service = LoginService(app, connector)
    match flow:
        case Flow.TWO_LEGGED:
            return app, TwoLegged(service, connector, tokens, act_as_user=act_as_user)
        case Flow.THREE_LEGGED:
            return app, ThreeLegged(service, tokens, credentials).person()
        case Flow.SERVICE_ACCOUNT:
            return app, AutodeskServiceAccount(
                read_key(path(_key_path(variables)), credentials), service, connector, tokens
            )


def _key_path(variables: Mapping[str, str]) -> str:
    found = variables.get(VARIABLE, "").strip()
    if not found:
        raise AuthError(
            f"{VARIABLE} is not set: the service account's login needs it; see 'Secure Service Account' in "
            "OAUTH_SETUP.md"
        )
    return found
