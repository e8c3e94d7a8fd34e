"""What we may ask Autodesk, how often, and what its refusals mean.

Limits are per client id and minute, as published on
https://aps.autodesk.com/en/docs/data/v2/developers_guide/rate-limiting/dm-rate-limits/
"""

from collections.abc import Mapping, Sequence
from typing import Any

from filesync.errors import RefusedError
from filesync.http import Refusal, Route
from filesync.redaction import LONGEST_TEXT, printable

PROJECT_NOT_ACTIVE = "PROJECT_NOT_ACTIVE"  # our reason for BIM360DM_ERROR "Project is not active"
NOT_PROVISIONED = "NOT_PROVISIONED"  # and for BIM360DM_ERROR "You don't have permission to access this API"

_PROJECTS = "/project/v1/hubs/[^/]+/projects"
_PROJECT_DATA = "/data/v1/projects/[^/]+"

HUBS = Route("hubs", "GET", "/project/v1/hubs", 50)
HUB = Route("hub", "GET", "/project/v1/hubs/[^/]+", 50)
PROJECTS = Route("projects", "GET", _PROJECTS, 50)
PROJECT = Route("project", "GET", f"{_PROJECTS}/[^/]+", 50)
TOP_FOLDERS = Route("top folders", "GET", f"{_PROJECTS}/[^/]+/topFolders", 300)
FOLDER = Route("folder", "GET", f"{_PROJECT_DATA}/folders/[^/]+", 300, may_be_missing=True)
CONTENTS = Route("folder contents", "GET", f"{_PROJECT_DATA}/folders/[^/]+/contents", 300)
ITEM = Route("item", "GET", f"{_PROJECT_DATA}/items/[^/]+", 300, may_be_missing=True)
LIST_ITEMS = Route("items", "POST", f"{_PROJECT_DATA}/commands", 300)  # the ListItems command only reads

ROUTES: Sequence[Route] = (HUBS, HUB, PROJECTS, PROJECT, TOP_FOLDERS, FOLDER, CONTENTS, ITEM, LIST_ITEMS)

_MEANINGS = {
    "AUTH-001": (
        "the app may not use this API: enable Data Management and Autodesk Construction Cloud for it; "
        "see 'Create the app' in OAUTH_SETUP.md"
    ),
    "AUTH-010": "the login lacks the scope data:read; see 'Which login' in OAUTH_SETUP.md",
    "invalid_client": (
        "the client id or secret is wrong: check CONNECTOR_AUTODESK_CLIENT_ID and CONNECTOR_AUTODESK_CLIENT_SECRET; "
        "see 'Create the app' in OAUTH_SETUP.md"
    ),
    "invalid_grant": "the login has expired or was used elsewhere; see 'Which login' in OAUTH_SETUP.md",
    NOT_PROVISIONED: (
        "the account does not know this app: an account admin adds its client id under Custom Integrations; "
        "see 'Add the app to the account' in OAUTH_SETUP.md"
    ),
    PROJECT_NOT_ACTIVE: "the project is archived or closed: reactivate it, or set the endpoint to is_active: false",
}


def explain(status: int, body: Any) -> Refusal:
    """Read any of Autodesk's four shapes of error: token endpoint, gateway, Data Management, object storage."""
    code, text = _read(body)
    if "project is not active" in text.casefold():
        code = PROJECT_NOT_ACTIVE
    if code == "BIM360DM_ERROR" and status == 403 and "permission to access this api" in text.casefold():
        code = NOT_PROVISIONED
    if code in _MEANINGS:
        return Refusal(code, _MEANINGS[code])
    return Refusal(code, printable(text or code)[:LONGEST_TEXT])


def is_about_login(error: RefusedError) -> bool:
    """Tell whether a refusal concerns the app, the login or the whole project, not the one thing that was asked for."""
    return error.reason.startswith("AUTH-") or error.reason in (PROJECT_NOT_ACTIVE, NOT_PROVISIONED)


def is_evidence(error: RefusedError) -> bool:
    """Tell whether a refusal is the service's own word on the one thing that was asked for.

    A proxy's page is not: all errors of the service itself have a code.
    """
    return bool(error.reason) and not is_about_login(error)


def _read(body: Any) -> tuple[str, str]:
    if not isinstance(body, Mapping):
        return "", ""
    errors = body.get("errors")
    if isinstance(errors, Sequence) and errors and isinstance(errors[0], Mapping):
        return _pick(errors[0], "code", "title"), _pick(errors[0], "detail", "title")
    code = _pick(body, "errorCode", "error")
    return code, _pick(body, "developerMessage", "error_description", "reason", "userMessage")


def _pick(fields: Mapping[str, Any], *names: str) -> str:
    """Give the first of these that is text."""
    texts = (fields.get(name) for name in names)
    return next((text for text in texts if isinstance(text, str) and text), "")
