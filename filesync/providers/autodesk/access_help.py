"""What each login needs before ACC shows it anything: the words for a login that works and sees nothing.

https://aps.autodesk.com/en/docs/ssa/v1/tutorials/getting-started-with-ssa/task2-provision-the-ssa-to-a-hub/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
_NOT_THE_USER: Mapping[str, str] = {
    "two_legged": "an account knows this app, but not the user: check act_as_user, and make this user a member",
    "three_legged": "an account knows this app, but not the person who is logged in: make the person a member",
    "service_account": "an account knows this app, but the service account is in no project yet: invite its e-mail "
    "address to each project; see 'Secure Service Account' in OAUTH_SETUP.md",
}
_NOT_A_MEMBER: Mapping[str, str] = {
    "two_legged": "and with act_as_user that this user is a member of the project",
    "three_legged": "and that the person who is logged in is a member of the project",
    "service_account": "and that the service account's e-mail address was invited to the project; "
    "see 'Secure Service Account' in OAUTH_SETUP.md",
}
_NOT_LET_IN: Mapping[str, str] = {  # by what Autodesk's own blog says that the status of a warning means
    "401": "an account there knows the app, but not this login's user: make the user a member of a project there",
    "403": "no account there knows the app (ordinary where you have none): "
    "see 'Add the app to the account' in OAUTH_SETUP.md",
}


@dataclass(frozen=True, slots=True)
class RegionWarning:
    """Why GET hubs shows nothing of a region: an HTTP status as text, and the service's own sentence.

    https://forge.autodesk.com/blog/errors-when-retrieving-hubs
    """

    region: str
    status: str
    detail: str

    @property
    def is_outage(self) -> bool:
        return self.status.startswith("5")

    @property
    def is_of_user(self) -> bool:
        """Return whether the app is let in there and the user is not; without an account there, it is the app."""
        return self.status == "401"


def regions_in_words(warnings: Sequence[RegionWarning]) -> str:
    """Return what each region answered, those with the same answer together; '' when there is nothing to say."""
    regions: dict[tuple[str, str], list[str]] = {}
    for warning in warnings:
        why = _NOT_LET_IN.get(warning.status) or warning.detail
        regions.setdefault((warning.status, why), []).append(warning.region)
    said = [f"{', '.join(names)}: {status} {why}".rstrip() for (status, why), names in regions.items()]
    return f"; regions where this login is shown no hub: {'; '.join(said)}" if said else ""


def nothing_shown(flow: str, warnings: Sequence[RegionWarning] = ()) -> str:
    """Return why a login of that flow is shown no hub, or a hub without projects, and what to do."""
    if any(warning.is_of_user for warning in warnings):
        return _NOT_THE_USER[flow]
    return _NOTHING_SHOWN[flow]


def not_a_member(flow: str) -> str:
    """Return what else to check when a login of that flow does not see a project."""
    return _NOT_A_MEMBER[flow]
