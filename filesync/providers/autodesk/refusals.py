"""Autodesk's refusals: what a 403, a 404 or an error code means, what it is about, and who can do something."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from filesync.core.errors import About
from filesync.core.redaction import LONGEST_TEXT, printable
from filesync.http import Refusal

PROJECT_NOT_ACTIVE = "PROJECT_NOT_ACTIVE"  # our reason for BIM360DM_ERROR "Project is not active"
NOT_PROVISIONED = "NOT_PROVISIONED"  # and for BIM360DM_ERROR "You don't have permission to access this API"
NOT_A_MEMBER = "NOT_A_MEMBER"  # and for whatever says "permission to access this project"
OF_ONE_PROJECT = frozenset({NOT_PROVISIONED, NOT_A_MEMBER})  # said of a hub or project: another one may be open

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
    NOT_A_MEMBER: (
        "this login may not enter the project: a project admin makes its user a member; "
        "see 'When Autodesk shows too little' in OAUTH_SETUP.md"
    ),
    "USER_NOT_AUTHENTICATED": (
        "Autodesk does not accept this login's user: log in again, or ask the account admin; "
        "see 'When Autodesk shows too little' in OAUTH_SETUP.md"
    ),
    PROJECT_NOT_ACTIVE: "the project is archived or closed: reactivate it, or set the endpoint to is_active: false",
}
_UNKNOWN = "; not a known refusal, so nothing counts as gone: ask the account admin, or Autodesk"

_PROJECT_WORDS = re.compile(r"\b(?:project|hub|account|api|app|application|client|scope|token)s?\b", re.IGNORECASE)
_ITEM_WORDS = re.compile(r"\b(?:folder|item|file|document|resource|lineage)s?\b|urn:adsk", re.IGNORECASE)
_URN = re.compile(r"urn:\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _BodyError:
    """One error of a body: the service's code and its sentence."""

    code: str
    text: str

    def speaks_of(self, words: str) -> bool:
        return words in self.text.casefold().replace("\u2019", "'")

    def is_about_an_item(self) -> bool:
        """Return whether the sentence names a file or folder, and nothing above it; an id is no word."""
        return bool(_ITEM_WORDS.search(self.text)) and not _PROJECT_WORDS.search(_URN.sub("", self.text))


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a refusal is known to be about, and how it is known again.

    `codes`: any of these ('AUTH-*': what begins so), none: whatever code. `says`: any of these parts of its sentence.
    `reason`: our own word for it, where the service's code does not tell it apart.
    """

    about: About
    statuses: tuple[int, ...]
    codes: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    of_an_item: bool = False  # its sentence names a file or folder and nothing above it
    reason: str | None = None

    def fits(self, status: int, said: _BodyError) -> bool:
        return (
            status in self.statuses
            and (not self.codes or any(_is_code(said.code, code) for code in self.codes))
            and (not self.says or any(said.speaks_of(words) for words in self.says))
            and (not self.of_an_item or said.is_about_an_item())
        )


# The list of what is known; the first that fits counts. Whatever is new is added here, with its source; what is not
# here fails a sync, and removes nothing. see decision 16.
_RULES = (
    # recorded on topFolders of an archived project (a public crawler's test)
    _Rule(About.SCOPE, (400, 403, 404), says=("project is not active",), reason=PROJECT_NOT_ACTIVE),
    # the gateway's: AUTH-001 API not enabled, AUTH-006 token, AUTH-010 scope
    _Rule(About.LOGIN, (401, 403), codes=("AUTH-*",)),
    # Autodesk-Forge/forge-api-dotnet-client#86: on a search, while contents answered with the same token
    _Rule(About.LOGIN, (401, 403), codes=("USER_NOT_AUTHENTICATED",)),
    # the warnings of GET hubs, also as a body of their own; some regions answer 400 instead
    _Rule(
        About.LOGIN,
        (400, 403),
        codes=("BIM360DM_ERROR", "FORBIDDEN"),
        says=("permission to access this api",),
        reason=NOT_PROVISIONED,
    ),
    # https://forge.autodesk.com/blog/errors-when-retrieving-hubs
    _Rule(
        About.LOGIN,
        (401, 403),
        says=("permission to access this project", "permission to access this hub"),
        reason=NOT_A_MEMBER,
    ),
    # https://aps.autodesk.com/en/docs/data/v2/developers_guide/basics/ has FOLDER_NOT_FOUND; the other by analogy
    _Rule(About.ITEM, (404,), codes=("FOLDER_NOT_FOUND", "ITEM_NOT_FOUND")),
    # codes that may be said of a project as well, so the sentence must tell; and no 403 of one item was ever published
    _Rule(About.ITEM, (404,), codes=("NOT_FOUND", "RESOURCE_NOT_FOUND"), of_an_item=True),
    _Rule(About.ITEM, (403,), codes=("FORBIDDEN",), of_an_item=True),
)


def explain(status: int, body: Any) -> Refusal:
    """Read any of Autodesk's shapes of error, and judge by _RULES what it is about.

    The shapes: token endpoint, gateway, Data Management (all of its `errors`, and the warnings of a refused list),
    object storage. A body without a code, such as a proxy's page, is about nobody knows what.
    """
    judged = [_judged(status, said) for said in _read(body)]
    order = [About.SCOPE, About.LOGIN, About.UNKNOWN, About.ITEM]  # about the item only when all of them are
    about, said = min(judged, key=lambda each: order.index(each[0]), default=(About.UNKNOWN, _BodyError("", "")))
    return Refusal(said.code, _detail(status, about, said), about=about)


def _judged(status: int, said: _BodyError) -> tuple[About, _BodyError]:
    rule = next((rule for rule in _RULES if rule.fits(status, said)), None)
    if rule is None:
        return About.UNKNOWN, said
    return rule.about, _BodyError(rule.reason or said.code, said.text)


def _is_code(code: str, wanted: str) -> bool:
    return code.startswith(wanted[:-1]) if wanted.endswith("*") else code == wanted


def _detail(status: int, about: About, said: _BodyError) -> str:
    """Return what it means, and what to do, with the service's own sentence where that leaves room."""
    own = printable(said.text or said.code)
    meaning = _MEANINGS.get(said.code)
    if meaning is not None and said.code in {NOT_A_MEMBER, "USER_NOT_AUTHENTICATED"}:
        return _with_own(meaning, own)
    if meaning is not None:
        return meaning
    if about is About.UNKNOWN and status == 403 and own:
        return own[: LONGEST_TEXT - len(_UNKNOWN)] + _UNKNOWN
    return own[:LONGEST_TEXT]


def _with_own(meaning: str, own: str) -> str:
    room = LONGEST_TEXT - len(meaning) - len(" ()")
    return f"{meaning} ({own})" if 0 < len(own) <= room else meaning


def _read(body: Any) -> Iterator[_BodyError]:
    """Yield every error that a body holds."""
    if not isinstance(body, Mapping):
        return
    errors = _mappings(body.get("errors"))
    warnings = _mappings(body["meta"].get("warnings")) if isinstance(body.get("meta"), Mapping) else []
    for error in errors:
        yield _BodyError(_pick(error, "code", "title"), _pick(error, "detail", "title"))
    for warning in [] if errors else warnings:
        yield _BodyError(_pick(warning, "ErrorCode"), _pick(warning, "Detail", "Title"))
    if not errors and not warnings:
        text = _pick(body, "developerMessage", "error_description", "reason", "userMessage")
        yield _BodyError(_pick(body, "errorCode", "error"), text)


def _mappings(entries: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


def _pick(fields: Mapping[str, Any], *names: str) -> str:
    """Return the first of these that is text."""
    texts = (fields.get(name) for name in names)
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")
