"""A person's login at Google: made here in a browser, or handed over as an authorised user's file.

https://developers.google.com/identity/protocols/oauth2/native-app
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filesync.auth.consent import Consent, ask, code_form
from filesync.auth.files import TokenFile
from filesync.auth.google.credentials_file import AuthorizedUser, OAuthClient
from filesync.auth.google.refusals import OF_CLIENT, OF_PERSON
from filesync.auth.google.service import METADATA_ONLY, TokenService, billed_to, lacking
from filesync.auth.logins import Client, StoredLogin, login_file, moment, to_login, to_refreshed
from filesync.auth.tokens import Token, TokenKey, bearer, fingerprint
from filesync.auth.user_login import Person
from filesync.core.errors import AuthError, RefusedError
from filesync.core.model import Identity
from filesync.http import Connector, Explain, Route, Secret

if TYPE_CHECKING:
    from google.oauth2.credentials import Credentials

ABOUT = Route("who is logged in", "GET", "/drive/v3/about", per_minute=60)

_GUIDE = "see 'A person' in OAUTH_SETUP.md"
_ADVICE = {**OF_CLIENT, **OF_PERSON}


def file_path(tokens: Path, credentials: str) -> Path:
    """Name the file of the login that `filesync auth google login` makes: one for each named set."""
    return tokens / TokenKey("google-user", "", "", (), credentials).file_name()


def log_in_command(credentials: str) -> str:
    """Write the command that makes a new login."""
    return "filesync auth google login" + (f" --credentials {shlex.quote(credentials)}" if credentials else "")


@dataclass(frozen=True, slots=True)
class Sources:
    """What a person's login is made of: its file, and for an authorised user's the file that it began with."""

    file: TokenFile[StoredLogin]
    again: str  # what to do to log in again
    wider: str  # what to do to log in again with more rights
    guide: str = _GUIDE
    seed: AuthorizedUser | None = None


def stored(tokens: Path, connector: Connector, credentials: str) -> Sources:
    """Point to the login that `filesync auth google login` made."""
    command = log_in_command(credentials)
    file = login_file(file_path(tokens, credentials), connector.clock, connector.stop, f"log in again: {command}")
    return Sources(file, f"log in again: {command}", f"log in again: {command} --discover")


def handed_over(user: AuthorizedUser, tokens: Path, connector: Connector) -> Sources:
    """Point to our copy of an authorised user's login: that file is somebody else's and stays as it is."""
    # the secret too: one that was corrected in the file has to be tried at once
    credential = fingerprint(f"{user.refresh_token.reveal()} {user.client_secret.reveal()}")
    key = TokenKey("google-authorized-user", user.client_id, user.token_uri, (), credential=credential)
    path, again = tokens / key.file_name(), f"make the file anew ({user.file.source})"
    file = login_file(path, connector.clock, connector.stop, f"remove it: it is only our copy of {user.file.source}")
    return Sources(file, again, again, "see 'An authorised user's file' in OAUTH_SETUP.md", user)


@dataclass(frozen=True, slots=True)
class DriveAddress:
    """Where Drive is, and what its refusals mean; it is asked once who a person is."""

    base_url: str
    explain: Explain


class GoogleUser:
    """A person at Google, an Authoriser."""

    flow = "user"

    def __init__(
        self, sources: Sources, connector: Connector, drive: DriveAddress, scopes: tuple[str, ...], project: str = ""
    ) -> None:
        self.sources = sources
        self._connector = connector
        self._drive = drive
        self._scopes = scopes
        seed = sources.seed
        self._project = billed_to(project or (seed.quota_project if seed else ""))
        missing = f"nobody is logged in to Google ({sources.file.path} is missing): {sources.again}; {_GUIDE}"
        self.person = Person(
            self.flow,
            sources.file,
            self._refresh,
            self._who,
            missing,
            connector.redactor,
            connector.clock,
            self._seed if seed else None,
        )

    def headers(self) -> Mapping[str, str]:
        granted = self.person.kept().scopes
        missing = lacking(granted, self._scopes) if granted else None
        if missing:
            again = self.sources.again if missing in METADATA_ONLY else self.sources.wider
            raise AuthError(f"the login was not granted {missing}; {again}, and allow it; {self.sources.guide}")
        return {**self.person.headers(), **self._project}

    def renew(self, rejected: Mapping[str, str]) -> None:
        self.person.renew(rejected)

    @property
    def account(self) -> str:
        kept = self.sources.file.read()
        return kept.user if kept and kept.user else "the person who is logged in"

    def identity(self) -> Identity:
        return self.person.identity()

    def _seed(self) -> StoredLogin:
        seed, now = self.sources.seed, moment(self._connector.clock)
        assert seed is not None  # noqa: S101  it is asked for only where there is one
        client = Client(seed.client_id, seed.client_secret, seed.token_uri)
        return StoredLogin(client, (), Token("", now, now), seed.refresh_token, None, now)

    def _refresh(self, login: StoredLogin) -> StoredLogin:
        client = login.client
        service = _service(client, self._connector, self.sources)
        try:
            answer = service.refresh(to_credentials(client, login.refresh_token))
        except RefusedError as error:
            if error.reason == "invalid_grant":
                return replace(login, refused=self._refused(error), refused_at=None)
            if error.reason in _ADVICE:  # whoever mends these does it at Google, with the login as it is
                said = _with_guide(f"{error}; {_ADVICE[error.reason]}")
                return replace(login, refused=said, refused_at=moment(self._connector.clock))
            raise AuthError(f"{error}; {self.sources.again}; {_GUIDE}") from error
        return to_refreshed(login, answer, service.clock, refresh_life=None)

    def _refused(self, error: RefusedError) -> str:
        return (
            f"{error}; the login has expired or was ended: {self.sources.again}; if this happens every week, the "
            "OAuth app's publishing status is Testing: publish it, see 'Your own OAuth client' in OAUTH_SETUP.md"
        )

    def _who(self, access_token: str) -> str:
        return who({**bearer(access_token), **self._project}, self._connector, self._drive)


def to_credentials(client: Client, refresh_token: Secret) -> "Credentials":
    """Make google-auth's credentials of a person's login."""
    from google.oauth2.credentials import Credentials  # noqa: PLC0415  only a refresh needs it

    return Credentials(
        None,
        refresh_token=refresh_token.reveal(),
        token_uri=client.token_address,
        client_id=client.client_id,
        client_secret=client.client_secret.reveal(),
    )


class BrowserLogin:
    """Making a login with the team's own OAuth client, and ending one."""

    def __init__(self, sources: Sources, connector: Connector) -> None:
        self.file = sources.file
        self._sources = sources
        self._connector = connector

    def ask(self, client: OAuthClient, redirect: str, scopes: tuple[str, ...]) -> Consent:
        """Write the question; without `offline` and `consent` Google may give no refresh token."""
        more = {"access_type": "offline", "prompt": "consent"}
        consent = ask(client.auth_uri, client.client_id, redirect, scopes, more)
        self._connector.redactor.hide(consent.verifier.reveal())
        return consent

    def take(self, client: OAuthClient, consent: Consent, code: str, scopes: tuple[str, ...]) -> None:
        """Turn the code into a login and keep it, on disk before this returns; the one before is replaced then."""
        self._connector.redactor.hide(code)
        self._connector.redactor.hide(client.client_secret.reveal())
        self.file.put(lambda: self._exchange(client, consent, code, scopes))

    def end(self, login: StoredLogin) -> None:
        """Have Google forget the login. Raises what a request raises."""
        self._connector.redactor.hide(login.refresh_token.reveal())
        try:
            _service(login.client, self._connector, self._sources).revoke(login.refresh_token.reveal())
        except RefusedError as error:
            if error.reason != "invalid_token":  # it had ended already
                raise

    def _exchange(self, client: OAuthClient, consent: Consent, code: str, scopes: tuple[str, ...]) -> StoredLogin:
        owner = Client(client.client_id, client.client_secret, client.token_uri)
        service = _service(owner, self._connector, self._sources)
        proof = {"client_id": client.client_id, "client_secret": client.client_secret.reveal()}
        try:
            answer = service.token({**code_form(consent, code), **proof})
        except RefusedError as error:
            raise AuthError(_with_guide(f"{error}; {_ADVICE.get(error.reason, 'start again')}")) from error
        login = to_login(answer, owner, service.clock, refresh_life=None)
        login = replace(login, scopes=login.scopes or tuple(sorted(scopes)))
        missing = lacking(login.scopes, scopes)
        if missing:
            raise AuthError(f"{missing} was not allowed: log in again and leave its box ticked; {_GUIDE}")
        return login


def who(headers: Mapping[str, str], connector: Connector, drive: DriveAddress) -> str:
    """Ask Drive whose token the headers carry: an e-mail address, else an id.

    https://developers.google.com/workspace/drive/api/reference/rest/v3/about/get
    """
    connection = connector.connect(
        base_url=drive.base_url,
        routes=(ABOUT,),
        client_key="about",
        authoriser=_Fixed(headers),
        explain=drive.explain,
    )
    answer = connection.get(ABOUT, "/drive/v3/about", {"fields": "user(emailAddress,permissionId)"})
    user = answer.body.get("user")
    user = user if isinstance(user, Mapping) else {}
    names = (user.get(name) for name in ("emailAddress", "permissionId"))
    return next((name for name in names if isinstance(name, str) and name.isprintable() and name), "")


@dataclass(frozen=True, slots=True)
class _Fixed:
    """One token, come what may."""

    sent: Mapping[str, str] = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        return self.sent

    def renew(self, rejected: Mapping[str, str]) -> None:
        """Leave it: there is no other."""


def _with_guide(text: str) -> str:
    """Point to the section about persons' logins, unless the text points to a better one."""
    return text if "OAUTH_SETUP.md" in text else f"{text}; {_GUIDE}"


def _service(client: Client, connector: Connector, sources: Sources) -> TokenService:
    source = sources.seed.file.source if sources.seed else str(sources.file.path)
    return TokenService(client.token_address, client.client_id, connector, source)
