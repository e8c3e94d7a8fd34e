"""What we may ask of Drive: the published routes, their budgets, and what its refusals mean to a person."""

from collections.abc import Mapping
from typing import Any

from filesync.errors import ForbiddenError, NotFoundError, RefusedError
from filesync.http import Refusal, Route

# A minute has 325,000 quota units for each user: a list costs 100, a get 5. The budgets below fit together.
# https://developers.google.com/workspace/drive/api/guides/limits
FILES = Route("list files", "GET", "/drive/v3/files", per_minute=2_800)
CHANGES = Route("list changes", "GET", "/drive/v3/changes", per_minute=200)
START_TOKEN = Route("start of the change log", "GET", "/drive/v3/changes/startPageToken", per_minute=200)
FILE = Route("look up a file", "GET", "/drive/v3/files/[^/]+", per_minute=4_800, may_be_missing=True)
DRIVES = Route("list shared drives", "GET", "/drive/v3/drives", per_minute=60)
ROUTES = (FILES, CHANGES, START_TOKEN, FILE, DRIVES)

DEAD_TOKEN = "invalidPageToken"  # noqa: S105  our name for a 400 about pageToken, which Drive calls just `invalid`

_RETRIED = {"userRateLimitExceeded", "rateLimitExceeded", "sharingRateLimitExceeded"}

# Refusals of the whole account or project, in the words of who can mend them; the titles in quotes are headings.
# https://developers.google.com/workspace/drive/api/guides/handle-errors
_SETUP = {
    "accessNotConfigured": "the Drive API is not enabled in this Google Cloud project;"
    ' see "Enable the Drive API" in OAUTH_SETUP.md',
    "SERVICE_DISABLED": "the Drive API is not enabled in this Google Cloud project;"
    ' see "Enable the Drive API" in OAUTH_SETUP.md',
    "insufficientPermissions": "the login was not granted the scope that this needs: drive.metadata.readonly, or"
    " drive.readonly to find shared drives;"
    ' see "Grant the scope" in OAUTH_SETUP.md',
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": "the login was not granted the scope that this needs: drive.metadata.readonly,"
    " or drive.readonly to find shared drives;"
    ' see "Grant the scope" in OAUTH_SETUP.md',
    "dailyLimitExceeded": "the daily quota set in this Google Cloud project is used up; it starts again at midnight"
    ' Pacific time; see "Quotas" in OAUTH_SETUP.md',
    "quotaExceeded": 'the quota set in this Google Cloud project is used up; see "Quotas" in OAUTH_SETUP.md',
    "domainPolicy": "the Workspace administrator does not allow this app;"
    ' see "Ask the administrator" in OAUTH_SETUP.md',
    "teamDrivesFolderSharingNotSupported": "the Workspace administrator does not allow this kind of sharing;"
    ' see "Ask the administrator" in OAUTH_SETUP.md',
    "appNotAuthorizedToFile": "the login only covers files that this app opened itself;"
    ' see "Grant the scope" in OAUTH_SETUP.md',
    "authError": 'Google did not accept the login; see "Service account" in OAUTH_SETUP.md',
}


def explain(status: int, body: Any) -> Refusal:
    """Tell what an error body means.

    The envelope is {"error": {"code", "message", "errors": [{"reason", "location"}]}}; newer ones carry
    `status` and `details` and no `errors`.
    https://developers.google.com/workspace/drive/api/guides/handle-errors
    """
    error = _member(body, "error")
    cause = _first(error.get("errors"))
    reason = _text(cause.get("reason")) or _detailed_reason(error) or _text(error.get("status"))
    message = _text(error.get("message")) or _text(cause.get("message"))
    if status == 400 and _is_about_page_token(cause, message):
        return Refusal(DEAD_TOKEN, "Drive no longer knows this page token")
    return Refusal(reason, _SETUP.get(reason, message), retry=status == 403 and _is_too_fast(reason, error))


def is_dead_token(error: RefusedError) -> bool:
    """Tell whether a page token is to be discarded and its listing started again."""
    return error.status == 410 or error.reason == DEAD_TOKEN


def is_about_one_item(error: RefusedError) -> bool:
    """Tell Drive's own refusal of one folder or file from what says nothing about it.

    That is a refusal of the whole account, and a proxy's page: all errors of Drive's have a reason.
    """
    if not error.reason:
        return False
    return isinstance(error, NotFoundError) or (isinstance(error, ForbiddenError) and error.reason not in _SETUP)


def _is_too_fast(reason: str, error: Mapping[str, Any]) -> bool:
    return reason in _RETRIED or error.get("status") == "RESOURCE_EXHAUSTED"


def _is_about_page_token(cause: Mapping[str, Any], message: str) -> bool:
    if cause.get("location"):
        return bool(cause["location"] == "pageToken")
    return "pagetoken" in message.lower().replace(" ", "")


def _detailed_reason(error: Mapping[str, Any]) -> str:
    return _text(_first(error.get("details")).get("reason"))


def _member(body: Any, key: str) -> Mapping[str, Any]:
    value = body.get(key) if isinstance(body, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _first(entries: Any) -> Mapping[str, Any]:
    if isinstance(entries, list) and entries and isinstance(entries[0], Mapping):
        return entries[0]
    return {}


def _text(value: Any) -> str:
    """Keep remote text to one printable line of at most 200 characters."""
    if not isinstance(value, str):
        return ""
    return "".join(char if char.isprintable() else " " for char in value)[:200].strip()
