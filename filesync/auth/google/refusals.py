"""What Google's refusals of a login mean: who mends it, and which of them can heal without a new login.

An administrator mends reauthentication, an account or an OAuth client at Google, and nothing here changes by it.
"""

import re
from collections.abc import Mapping
from typing import Any

from filesync.http import Refusal

REAUTHENTICATION = "invalid_rapt"  # Google's own error_subtype
ACCOUNT_DISABLED = "account_disabled"  # from here on our reasons for what Google calls `invalid_grant` in many words
ACCOUNT_DELETED = "account_deleted"
ACCOUNT_UNKNOWN = "account_not_found"
KEY_UNKNOWN = "invalid_signature"

# The first that applies. Wordings: googleapis/google-api-ruby-client#720 («Robot is disabled.»), GAM-team/GAM#1171
# («The account has been deleted», «Invalid impersonation "sub" field»), googleapis/google-auth-library-python#1523.
_WORDINGS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (REAUTHENTICATION, re.compile(r"\brapt\b|_rapt\b|\brapt_|reauth related")),
    (ACCOUNT_DELETED, re.compile(r"\baccount\b.*\bdeleted\b")),
    (ACCOUNT_DISABLED, re.compile(r"\b(account|user|robot)\b.*\b(disabled|suspended|not active)\b")),
    (ACCOUNT_UNKNOWN, re.compile(r"account not found|\bemail or user id\b|impersonation .*\bsub\b")),
    (KEY_UNKNOWN, re.compile(r"invalid jwt signature")),
)
_AMBIGUOUS = {"invalid_grant", "invalid_request"}  # what says too little without its description

OF_CLIENT = {
    "unauthorized_client": "Google does not let this OAuth client log in this way: look at it in its Google Cloud "
    "project; see 'Your own OAuth client' in OAUTH_SETUP.md",
    "invalid_client": "the OAuth client was deleted or its secret changed: log in again with the present one",
    "disabled_client": "the OAuth client is disabled: whoever owns its Google Cloud project enables it again",
    "deleted_client": "the OAuth client was deleted: restore it within 30 days in its Google Cloud project, or make "
    "another one and log in again",
    "org_internal": "the OAuth client is for another organisation's people only",
    "admin_policy_enforced": "the Workspace administrator does not allow this app; "
    "see 'Ask the administrator' in OAUTH_SETUP.md",
    "access_denied": "the Workspace administrator or Google does not allow this app; "
    "see 'Ask the administrator' in OAUTH_SETUP.md",
}
OF_PERSON = {
    REAUTHENTICATION: "the organisation demands reauthentication (session control), which only a person can do: a "
    "Workspace administrator marks the OAuth app as trusted and exempts trusted apps, or filesync uses a service "
    "account; see 'Reauthentication' in OAUTH_SETUP.md",
    ACCOUNT_DISABLED: "the person's account is disabled or suspended: a Workspace administrator (or, at "
    "accounts.google.com, the person) makes it active again, or another person logs in",
    ACCOUNT_DELETED: "the person's account was deleted: a Workspace administrator can restore it for 20 days, or "
    "another person logs in",
}
OF_SERVICE_ACCOUNT = {
    ACCOUNT_DISABLED: "the service account{subject} is disabled: enable it again; see 'Service account' in "
    "OAUTH_SETUP.md",
    ACCOUNT_DELETED: "the service account{subject} was deleted: undelete it (a service account for 30 days, a person "
    "for 20), or use another one; see 'Service account' in OAUTH_SETUP.md",
    ACCOUNT_UNKNOWN: "there is no such service account{subject}: check the key file and `subject` if it is set; "
    "see 'Service account' in OAUTH_SETUP.md",
    KEY_UNKNOWN: "the key was deleted or disabled: enable it, or make another one; "
    "see 'Service account' in OAUTH_SETUP.md",
    "disabled_client": "the service account's OAuth client is disabled: enable the service account and its Google "
    "Cloud project again; see 'Service account' in OAUTH_SETUP.md",
    "deleted_client": "the service account was deleted: undelete it within 30 days, or make another one; "
    "see 'Service account' in OAUTH_SETUP.md",
}


def explain_login(_status: int, body: Any) -> Refusal:
    """Read the token endpoint's error; RFC 6749, 5.2, and Google's `error_subtype`."""
    fields = body if isinstance(body, Mapping) else {}
    error = fields.get("error")
    if isinstance(error, Mapping):  # the other services' envelope: https://google.aip.dev/193
        return Refusal(str(error.get("status") or ""), str(error.get("message") or ""))
    code, said = str(fields.get("error") or ""), str(fields.get("error_description") or "")
    text = f"{fields.get('error_subtype') or ''} {said}".casefold()
    found = next((reason for reason, wording in _WORDINGS if wording.search(text)), "")
    if found and code in _AMBIGUOUS:
        return Refusal(found, f"{code}: {said or fields.get('error_subtype')}")
    return Refusal(code, said)
