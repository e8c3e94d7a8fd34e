"""Which of Google's logins an endpoint uses.

In this order: what GOOGLE_CREDENTIALS_PATH names (a file, or `application_default`), the default key file, the login
made with `filesync auth google login`, then the files of Application Default Credentials. A virtual machine's own
account is asked for only when `application_default` is named: nobody wants a request to a host they did not choose.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from filesync.auth.google.credentials_file import AuthorizedUser, GoogleServiceAccountKey, read_credentials
from filesync.auth.google.federated import FederatedAccount
from filesync.auth.google.metadata import MachineAccount
from filesync.auth.google.service import METADATA_ONLY, Account
from filesync.auth.google.service_account import GoogleServiceAccount
from filesync.auth.google.user import DriveAddress, GoogleUser, file_path, handed_over, log_in_command, stored
from filesync.core.errors import AuthError
from filesync.http import Connector, Explain

DEFAULT_KEY_PATH = "./credentials/google-service-account.json"
APPLICATION_DEFAULT = "application_default"
VARIABLE = "GOOGLE_CREDENTIALS_PATH"

_BASE_URL = "https://www.googleapis.com"
_UNIVERSE = "GOOGLE_CLOUD_UNIVERSE_DOMAIN"
_ADC = "GOOGLE_APPLICATION_CREDENTIALS"
_GCLOUD_FILE = "application_default_credentials.json"


class CredentialKind(StrEnum):
    FILE = "file"
    STORED = "stored"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a login comes from; `variable` is how messages name a file's origin."""

    kind: CredentialKind
    path: Path | None = None
    variable: str = VARIABLE

    def __str__(self) -> str:
        return str(self.path or "this machine's account")


def source_of(variables: Mapping[str, str], path: Callable[[str], Path], credentials: str = "") -> Source:
    """Find the login's source without asking anybody. Raises AuthError when there is none."""
    chosen = preferred_to_person(variables, path, credentials)
    if chosen:
        return chosen
    login = file_path(path("tokens"), credentials)
    if login.exists():
        return Source(CredentialKind.STORED, login)
    found = None if credentials else _application_default(variables, path)
    if found is None:
        raise AuthError(_nothing(path, credentials))
    return found


def preferred_to_person(
    variables: Mapping[str, str], path: Callable[[str], Path], credentials: str = ""
) -> Source | None:
    """Return what comes before the login made with `filesync auth google login`, if anything does."""
    named = variables.get(VARIABLE, "").strip()
    if named == APPLICATION_DEFAULT:
        return _application_default(variables, path) or Source(CredentialKind.MACHINE)
    if named:
        return Source(CredentialKind.FILE, path(named), _setting(credentials))
    default = path(DEFAULT_KEY_PATH)
    return Source(CredentialKind.FILE, default) if not credentials and default.exists() else None


def _setting(credentials: str) -> str:
    return f"google_credentials_path of credentials {credentials!r}" if credentials else VARIABLE


def login_of(  # noqa: PLR0913  a login is where it comes from, what it may do and whom it stands for
    variables: Mapping[str, str],
    connector: Connector,
    path: Callable[[str], Path],
    credentials: str = "",
    *,
    explain: Explain,
    subject: str | None = None,
    scopes: tuple[str, ...] = METADATA_ONLY,
) -> Account:
    """Make the login; nothing is asked yet. `explain` reads Drive's refusals.

    Raises AuthError that names what is missing.
    """
    project = variables.get("GOOGLE_CLOUD_QUOTA_PROJECT", "").strip()
    source, tokens = source_of(variables, path, credentials), path("tokens")
    drive = DriveAddress(variables.get("CONNECTOR_GOOGLE_BASE_URL", "").strip() or _BASE_URL, explain)
    if source.kind is CredentialKind.FILE and source.path:
        found = read_credentials(source.path, source.variable, variables.get(_UNIVERSE, "").strip())
        if isinstance(found, GoogleServiceAccountKey):
            return GoogleServiceAccount(found, connector, tokens, scopes=scopes, subject=subject, project=project)
        if not isinstance(found, AuthorizedUser):
            _refuse_subject(subject)
            return FederatedAccount(found, connector, tokens, scopes, project)
        sources = handed_over(found, tokens, connector)
    elif source.kind is CredentialKind.STORED:
        sources = stored(tokens, connector, credentials)
    else:
        _refuse_subject(subject)
        return MachineAccount(connector, tokens, scopes, variables.get("GCE_METADATA_HOST", "").strip(), project)
    _refuse_subject(subject)
    return GoogleUser(sources, connector, drive, scopes, project)


def _application_default(variables: Mapping[str, str], path: Callable[[str], Path]) -> Source | None:
    """Find a file of Application Default Credentials.

    https://cloud.google.com/docs/authentication/application-default-credentials
    """
    named = variables.get(_ADC, "").strip()
    if named:
        return Source(CredentialKind.FILE, path(named), _ADC)
    folder = variables.get("CLOUDSDK_CONFIG", "").strip()
    home = variables.get("HOME", "").strip()
    if not folder and not home:
        return None
    file = (path(folder) if folder else Path(home) / ".config" / "gcloud") / _GCLOUD_FILE
    return Source(CredentialKind.FILE, file, "gcloud") if file.exists() else None


def _refuse_subject(subject: str | None) -> None:
    if subject is not None:
        raise AuthError(
            f"subject {subject} needs a service account's key with domain-wide delegation, and this login is another "
            "one; see 'Act for a person' in OAUTH_SETUP.md"
        )


def _nothing(path: Callable[[str], Path], credentials: str) -> str:
    login = log_in_command(credentials)
    if credentials:
        return (
            f"credentials {credentials!r} have no Google login: give google_credentials_path, or run: {login}; "
            "see 'Which login' in OAUTH_SETUP.md"
        )
    return (
        f"{VARIABLE}: there is no Google login: put a service account's key at {path(DEFAULT_KEY_PATH)}, "
        f"or run: {login}; see 'Which login' in OAUTH_SETUP.md"
    )
