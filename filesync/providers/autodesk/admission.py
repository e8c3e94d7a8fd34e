"""What each login needs before ACC shows it anything: the words for a login that works and sees nothing.

https://aps.autodesk.com/en/docs/ssa/v1/tutorials/getting-started-with-ssa/task2-provision-the-ssa-to-a-hub/
"""

from collections.abc import Mapping

_INTEGRATION = (
    "an account admin adds its client id under Account Admin > Settings > Custom Integrations; "
    "see 'Add the app to the account' in OAUTH_SETUP.md"
)
_NOTHING_SHOWN: Mapping[str, str] = {
    "two_legged": f"the account does not know this app: {_INTEGRATION}",
    "three_legged": f"the account does not know this app, and the person's login alone is not enough: {_INTEGRATION}",
    "service_account": (
        f"the account does not know this app ({_INTEGRATION}), or the service account is in no project yet: invite "
        "its e-mail address to each project; see 'Secure Service Account' in OAUTH_SETUP.md"
    ),
}
_NOT_A_MEMBER: Mapping[str, str] = {
    "two_legged": "and with act_as_user that this user is a member of the project",
    "three_legged": "and that the person who is logged in is a member of the project",
    "service_account": "and that the service account's e-mail address was invited to the project; "
    "see 'Secure Service Account' in OAUTH_SETUP.md",
}


def nothing_shown(flow: str) -> str:
    """Say why a login of that flow is shown no hub, or a hub without projects, and what to do."""
    return _NOTHING_SHOWN[flow]


def not_a_member(flow: str) -> str:
    """Say what else to check when a login of that flow does not see a project."""
    return _NOT_A_MEMBER[flow]
