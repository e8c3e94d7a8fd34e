"""The app in its own name, or as one member of the account."""

from collections.abc import Mapping
from pathlib import Path

from filesync.auth.autodesk.app import READ_ONLY, TOKEN, LoginService
from filesync.auth.autodesk.refusals import refused
from filesync.auth.files import TokenFile
from filesync.auth.tokens import Token, TokenKey, bearer, bearer_token, fingerprint, of_bytes, to_token
from filesync.errors import RefusedError
from filesync.model import Identity


class TwoLegged:
    """The app in its own name (client_credentials), or as one member with `act_as_user`; an Authoriser."""

    def __init__(self, service: LoginService, tokens: Path, *, act_as_user: str | None = None) -> None:
        self._service = service
        self._acting = {"x-user-id": act_as_user} if act_as_user else {}
        app = service.app
        # One token serves every act_as_user: the header says for whom, not the token.
        credential = fingerprint(app.client_secret.reveal())
        address = app.base_url.rstrip("/")
        key = TokenKey("autodesk-two-legged", app.client_id, address, READ_ONLY, credential=credential)
        self.file = TokenFile(tokens / key.file_name(), service.clock, service.stop, of_bytes)

    def headers(self) -> Mapping[str, str]:
        token = self.file.current(self._fetch).usable()
        self._service.redactor.hide(token)
        return {**bearer(token), **self._acting}

    def renew(self, rejected: Mapping[str, str]) -> None:
        self.file.forget(bearer_token(rejected))

    def identity(self) -> Identity:
        return Identity("two_legged", self._service.app.client_id, self._acting.get("x-user-id", ""))

    def _fetch(self, _kept: Token | None) -> Token:
        form = {"grant_type": "client_credentials", "scope": " ".join(READ_ONLY)}
        try:
            return to_token(self._service.ask(TOKEN, form), self._service.clock)
        except RefusedError as error:
            raise refused(error, "see 'Two-legged' in OAUTH_SETUP.md") from error
