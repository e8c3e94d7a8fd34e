"""Logins that begin with another one: the exchange of another service's token, and impersonation.

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from filesync.runtime.clock import Clock
from filesync.simulators.drive.refusals import login
from filesync.simulators.drive.tokens import GoogleTokens
from filesync.simulators.keys import write_private
from filesync.simulators.messages import Call, HttpResponse, Refused

AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider"

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  the name of a kind
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_MAY_IMPERSONATE = {f"https://www.googleapis.com/auth/{name}" for name in ("iam", "cloud-platform")}
_LONGEST = 3600  # seconds


@dataclass(frozen=True, slots=True)
class Workload:
    """Somebody at another service: the token it is known by, and as whom Google lets it in."""

    subject_token: str
    principal: str


class Federation:
    """The pool's workloads, and who may impersonate which account.

    Tokens age by `clock`, but their ends are written by `wall`, because their readers know no simulated time.
    """

    def __init__(self, tokens: GoogleTokens, wall: Clock) -> None:
        self.base_url = ""
        self.workloads: list[Workload] = []
        self.creators: set[tuple[str, str]] = set()  # who has Service Account Token Creator on which account
        self._tokens = tokens
        self._wall = wall

    def add_workload(self, principal: str) -> Workload:
        """Let a workload in; on its own it is nobody whom Drive knows, unless the principal is a user there."""
        workload = Workload(f"subject-{secrets.token_hex(16)}", principal)
        self.workloads.append(workload)
        return workload

    def impersonation_url(self, email: str) -> str:
        return f"{self.base_url}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"

    def make_external_file(self, path: Path, source: Mapping[str, Any], impersonates: str = "") -> Path:
        """Write a workload identity's file as `gcloud iam workload-identity-pools create-cred-config` does."""
        fields: dict[str, Any] = {
            "universe_domain": "googleapis.com",
            "type": "external_account",
            "audience": AUDIENCE,
            "subject_token_type": _JWT,
            "token_url": f"{self.base_url}/v1/token",
            "credential_source": dict(source),
        }
        if impersonates:
            fields["service_account_impersonation_url"] = self.impersonation_url(impersonates)
        write_private(path, fields)
        return path

    def make_impersonated_file(self, path: Path, source: Path, email: str) -> Path:
        """Write the file of an account that the login in `source` impersonates, as gcloud does."""
        about = {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": self.impersonation_url(email),
        }
        write_private(path, {"delegates": [], "source_credentials": json.loads(source.read_text()), **about})
        return path

    def reply_subject_token(self, _call: Call) -> HttpResponse:
        """Stand in for the other service: give the first workload's token."""
        return HttpResponse.of_json({"id_token": self.workloads[0].subject_token})

    def reply_token(self, call: Call) -> HttpResponse:
        """Answer POST /v1/token."""
        form = dict(parse_qsl(call.body.decode("latin-1")))
        if form.get("grant_type") != _EXCHANGE or form.get("requested_token_type") != _ACCESS_TOKEN:
            raise login(400, "invalid_request", "Invalid value for grant_type or requested_token_type")
        if form.get("audience") != AUDIENCE:
            raise login(400, "invalid_target", "The target service indicated by the audience parameter is invalid.")
        token = form.get("subject_token", "")
        found = next((one.principal for one in self.workloads if one.subject_token == token), None)
        if found is None or form.get("subject_token_type") != _JWT:
            raise login(400, "invalid_grant", "The given credential is rejected by the attribute condition.")
        access = self._tokens.issue(found, form.get("scope", "").split())
        about = {"issued_token_type": _ACCESS_TOKEN, "token_type": "Bearer", "expires_in": self._tokens.lifetime}
        return HttpResponse.of_json({"access_token": access, **about})

    def reply_impersonation(self, call: Call) -> HttpResponse:
        """Answer POST /v1/projects/-/serviceAccounts/EMAIL:generateAccessToken."""
        grant = self._tokens.grant_of(call.headers.get("authorization", "").removeprefix("Bearer "))
        if grant is None:
            raise _refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        email = call.ids["account"].removesuffix(":generateAccessToken")
        body = json.loads(call.body)
        if not grant.scopes & _MAY_IMPERSONATE:
            raise _refusal(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")
        if (grant.email, email) not in self.creators:
            message = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
            raise _refusal(403, "PERMISSION_DENIED", message)
        life = re.fullmatch(r"(\d+)s", body.get("lifetime", f"{_LONGEST}s"))
        if life is None or not 0 < int(life[1]) <= _LONGEST or not body.get("scope"):
            raise _refusal(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        ends = self._wall.now() + timedelta(seconds=int(life[1]))
        access = self._tokens.issue(email, body["scope"])
        return HttpResponse.of_json({"accessToken": access, "expireTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"})


def _refusal(code: int, status: str, message: str) -> Refused:
    """Refuse as Google's newer services do: https://google.aip.dev/193."""
    return Refused(HttpResponse.of_json({"error": {"code": code, "message": message, "status": status}}, status=code))
