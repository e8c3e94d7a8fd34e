"""The app in its own name, or as one member of the account."""

from collections.abc import Mapping
from pathlib import Path

from filesync.auth.autodesk.app import READ_ONLY, TOKEN, LoginService, refused
from filesync.auth.token_login import FetchedLogin
from filesync.auth.tokens import Token, TokenKey, fingerprint, to_token
from filesync.core.errors import RefusedError
from filesync.core.model import Identity
from filesync.http import Connector


class TwoLegged(FetchedLogin):
    """The app in its own name (client_credentials), or as one member with `act_as_user`; an Authoriser."""

    flow = "two_legged"

    def __init__(
        self, service: LoginService, connector: Connector, tokens: Path, *, act_as_user: str | None = None
    ) -> None:
        self._service = service
        self._acting = {"x-user-id": act_as_user} if act_as_user else {}
        app = service.app
        # One token serves every act_as_user: the header says for whom, not the token.
        credential = fingerprint(app.client_secret.reveal())
        address = app.base_url.rstrip("/")
        key = TokenKey("autodesk-two-legged", app.client_id, address, READ_ONLY, credential=credential)
        super().__init__(key, tokens, connector)

    def headers(self) -> Mapping[str, str]:
        return {**super().headers(), **self._acting}

    def identity(self) -> Identity:
        return Identity(self.flow, self._service.app.client_id, self._acting.get("x-user-id", ""))

    def _fetch(self) -> Token:
        form = {"grant_type": "client_credentials", "scope": " ".join(READ_ONLY)}
        try:
            return to_token(self._service.ask(TOKEN, form), self._service.clock)
        except RefusedError as error:
            raise refused(error, self._service.app, "see 'Two-legged' in OAUTH_SETUP.md") from error
