"""What Autodesk's refusals of a login mean to the person who must act."""

from filesync.auth.autodesk.app import App
from filesync.errors import AuthError, RefusedError

_OF_APP = {
    "invalid_client": "check {named}; see 'Create the app' in OAUTH_SETUP.md",
    "unauthorized_client": "this kind of app may not log in this way; see 'Which login' in OAUTH_SETUP.md",
    "invalid_scope": "the app may not ask for data:read: enable the Data Management API for it; "
    "see 'Create the app' in OAUTH_SETUP.md",
    "AUTH-001": "enable the Data Management and Autodesk Construction Cloud APIs for the app; "
    "see 'Create the app' in OAUTH_SETUP.md",
}


def refused(error: RefusedError, app: App, otherwise: str) -> AuthError:
    """Make the error that says what to do: by the service's own code where it concerns the app, else `otherwise`."""
    return AuthError(f"{error}; {_OF_APP.get(error.reason, otherwise).replace('{named}', app.named)}")
