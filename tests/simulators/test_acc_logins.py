"""The simulated ACC knows every login of Autodesk's, and refuses what Autodesk refuses."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from filesync.simulators.acc import CALLBACK, CLIENT_ID, CLIENT_SECRET
from filesync.simulators.clock import SimulatedClock
from tests.support.acc_site import Site, code_of, running

AUTH = (CLIENT_ID, CLIENT_SECRET)
PUBLIC = "public-client"
OTHER, OTHER_AUTH = "other-client", ("other-client", "not-a-secret")
VERIFIER = "a-verifier-of-at-least-43-characters-._~-0123456789"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


CHALLENGE = {"code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256"}


@pytest.fixture
def site() -> Iterator[Site]:
    with running() as site:
        site.acc.consent = "allow"
        site.acc.add_app(PUBLIC, None, callbacks=[CALLBACK])
        site.acc.add_app(OTHER, OTHER_AUTH[1], callbacks=[CALLBACK])
        yield site


@pytest.fixture
def account(site: Site) -> dict[str, str]:
    site.acc.wall = site.acc.clock
    return site.acc.add_service_account(CLIENT_ID)


def url(site: Site, name: str) -> str:
    return f"{site.acc.base_url}/authentication/v2/{name}"


def ask_consent(site: Site, **query: str | None) -> requests.Response:
    """Open the login in a browser; None takes a parameter away."""
    usual = {"response_type": "code", "client_id": CLIENT_ID, "redirect_uri": CALLBACK, "scope": "data:read"}
    return site.session.get(
        url(site, "authorize"), params={**usual, "state": "s-1", **query}, allow_redirects=False, timeout=5
    )


def brought(answer: requests.Response, callback: str = CALLBACK) -> dict[str, str]:
    """Read what the browser brings to the app."""
    assert answer.status_code == 302, answer.text
    address, _, query = answer.headers["Location"].partition("?")
    assert address == callback
    return {name: texts[0] for name, texts in parse_qs(query, strict_parsing=True).items()}


def code_for(site: Site, **query: str | None) -> str:
    return brought(ask_consent(site, **query))["code"]


def redeem(site: Site, code: str, auth: tuple[str, str] | None = AUTH, /, **form: str) -> requests.Response:
    usual = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    return site.ask_token({**usual, **form}, auth=auth)


def log_in(site: Site, **query: str | None) -> dict[str, Any]:
    answer = redeem(site, code_for(site, **query))
    assert answer.status_code == 200, answer.text
    site.headers = bearer(answer.json())
    tokens: dict[str, Any] = answer.json()
    return tokens


def refresh(site: Site, token: str, auth: tuple[str, str] | None = AUTH, /, **form: str) -> requests.Response:
    return site.ask_token({"grant_type": "refresh_token", "refresh_token": token, **form}, auth=auth)


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def works(site: Site, tokens: dict[str, Any]) -> bool:
    return (
        site.session.get(f"{site.acc.base_url}/project/v1/hubs", headers=bearer(tokens), timeout=5).status_code == 200
    )


def post(site: Site, name: str, auth: tuple[str, str] | None = AUTH, /, **form: str) -> requests.Response:
    return site.session.post(url(site, name), data=form, auth=auth, timeout=5)


# --- authorize ---


def test_consent_brings_a_code_and_the_state_to_the_callback(site: Site) -> None:
    answer = brought(ask_consent(site))
    assert set(answer) == {"code", "state"}
    assert answer["state"] == "s-1"
    assert set(brought(ask_consent(site, state=None))) == {"code"}


def test_a_callback_keeps_the_query_it_was_registered_with(site: Site) -> None:
    site.acc.register_callback(CLIENT_ID, f"{CALLBACK}?a=b")
    assert brought(ask_consent(site, redirect_uri=f"{CALLBACK}?a=b"))["a"] == "b"


@pytest.mark.parametrize(
    "query",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": f"{CALLBACK}/"},
        {"redirect_uri": CALLBACK.replace("8765", "8766")},
        {"redirect_uri": CALLBACK.replace("localhost", "127.0.0.1")},
        {"redirect_uri": f"{CALLBACK}?a=b"},
    ],
)
def test_where_the_app_or_its_callback_is_unknown_nobody_is_sent_there(site: Site, query: dict[str, str]) -> None:
    answer = ask_consent(site, **query)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"prompt": "consent"}, "invalid_request"),
        ({"scope": "data:write"}, "invalid_scope"),
        ({"scope": "data:read data:write"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": " ".join(["data:read"] * 51)}, "invalid_scope"),
        ({"state": "a b"}, "invalid_request"),
        ({"state": "a/b=="}, "invalid_request"),
        ({"code_challenge": CHALLENGE["code_challenge"]}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
        ({**CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({**CHALLENGE, "code_challenge": "x" * 42}, "invalid_request"),
        ({**CHALLENGE, "code_challenge": "x" * 129}, "invalid_request"),
        ({**CHALLENGE, "code_challenge": "x" * 42 + "="}, "invalid_request"),
        ({"client_id": PUBLIC}, "invalid_request"),
    ],
)
def test_every_other_mistake_is_told_to_the_app_with_its_state(
    site: Site, query: dict[str, str | None], error: str
) -> None:
    answer = brought(ask_consent(site, **query))
    assert set(answer) == {"error", "error_description", "state"}
    assert (answer["error"], answer["state"]) == (error, query.get("state", "s-1"))


def test_a_state_may_hold_letters_digits_and_four_marks(site: Site) -> None:
    assert brought(ask_consent(site, state="aZ0,._-"))["state"] == "aZ0,._-"


def test_a_person_is_asked_on_a_page_whose_form_brings_the_answer(site: Site) -> None:
    site.acc.consent = "ask"
    page = ask_consent(site)
    assert page.status_code == 200
    assert "data:read" in page.text
    assert "error" not in brought(decide(site, page, "allow"))
    denied = brought(decide(site, ask_consent(site), "deny"))
    assert (denied["error"], denied["state"], "code" in denied) == ("access_denied", "s-1", False)


def test_a_consent_page_can_be_answered_once_and_with_yes_or_no(site: Site) -> None:
    site.acc.consent = "ask"
    page = ask_consent(site)
    assert brought(decide(site, page, "allow"))["code"]
    again, neither = decide(site, page, "allow"), decide(site, ask_consent(site), "perhaps")
    unasked = post(site, "authorize/decision", None, ticket="none", decision="allow")
    assert [answer.status_code for answer in (again, neither, unasked)] == [400, 400, 400]


def decide(site: Site, page: requests.Response, decision: str) -> requests.Response:
    """Press a button of the page."""
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert action
    assert ticket
    form = {"ticket": ticket[1], "decision": decision}
    return site.session.post(site.acc.base_url + action[1], data=form, allow_redirects=False, timeout=5)


def test_the_switch_can_deny_at_once(site: Site) -> None:
    site.acc.consent = "deny"
    assert brought(ask_consent(site))["error"] == "access_denied"


# --- codes ---


def test_a_code_gets_an_access_token_and_a_refresh_token(site: Site) -> None:
    tokens = redeem(site, code_for(site)).json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3599)
    in_form = redeem(site, code_for(site), None, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    assert in_form.status_code == 200


def test_a_code_is_redeemed_by_its_app_alone_with_the_callback_it_came_to(site: Site) -> None:
    site.acc.register_callback(CLIENT_ID, "http://localhost:1/else")
    for answer in (
        redeem(site, code_for(site), OTHER_AUTH),
        redeem(site, code_for(site), redirect_uri="http://localhost:1/else"),
        redeem(site, "made-up"),
    ):
        assert code_of(answer) == (400, "invalid_grant")
    for missing in ({"code": ""}, {"redirect_uri": ""}):
        form = {"grant_type": "authorization_code", "code": code_for(site), "redirect_uri": CALLBACK, **missing}
        assert code_of(site.ask_token(form, auth=AUTH)) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("auth", "form", "refusal"),
    [
        (AUTH, {"client_id": CLIENT_ID}, (400, "invalid_request")),
        ((CLIENT_ID, "wrong"), {}, (401, "invalid_client")),
        (None, {"client_id": CLIENT_ID}, (401, "invalid_client")),
        (None, {}, (400, "invalid_request")),
    ],
)
def test_a_confidential_app_proves_itself_once(
    site: Site, auth: tuple[str, str] | None, form: dict[str, str], refusal: tuple[int, str]
) -> None:
    code = code_for(site)
    assert code_of(redeem(site, code, auth, **form)) == refusal
    assert redeem(site, code).status_code == 200


def test_a_code_lives_five_minutes(site: Site) -> None:
    young, old = code_for(site), code_for(site)
    site.acc.clock.advance(299)
    assert redeem(site, young).status_code == 200
    site.acc.clock.advance(1)
    assert code_of(redeem(site, old)) == (400, "invalid_grant")


def test_a_code_that_is_used_twice_kills_what_it_gave(site: Site) -> None:
    code = code_for(site)
    tokens = redeem(site, code).json()
    later = refresh(site, tokens["refresh_token"]).json()
    assert works(site, tokens)
    assert code_of(redeem(site, code)) == (400, "invalid_grant")
    assert not works(site, tokens)
    assert not works(site, later)
    assert code_of(refresh(site, later["refresh_token"])) == (400, "invalid_grant")


def test_another_app_cannot_kill_a_login_with_its_code(site: Site) -> None:
    code = code_for(site)
    tokens = redeem(site, code).json()
    assert code_of(redeem(site, code, OTHER_AUTH)) == (400, "invalid_grant")
    assert works(site, tokens)


def test_a_challenge_must_be_met_by_confidential_apps_too(site: Site) -> None:
    for form in ({}, {"code_verifier": VERIFIER + "x"}, {"code_verifier": challenge_of(VERIFIER)}):
        assert code_of(redeem(site, code_for(site, **CHALLENGE), **form)) == (400, "invalid_grant")
    assert redeem(site, code_for(site, **CHALLENGE), code_verifier=VERIFIER).status_code == 200
    assert code_of(redeem(site, code_for(site), code_verifier=VERIFIER)) == (400, "invalid_grant")


def test_a_verifier_that_is_too_short_is_refused_though_it_fits(site: Site) -> None:
    code = code_for(site, code_challenge=challenge_of("short"), code_challenge_method="S256")
    assert code_of(redeem(site, code, code_verifier="short")) == (400, "invalid_grant")


def test_a_public_app_has_no_secret_and_needs_a_verifier(site: Site) -> None:
    wanted = {"client_id": PUBLIC, **CHALLENGE}
    assert redeem(site, code_for(site, **wanted), None, client_id=PUBLIC, code_verifier=VERIFIER).status_code == 200
    code = code_for(site, **wanted)
    assert code_of(redeem(site, code, None, client_id=PUBLIC)) == (400, "invalid_request")
    proof = {"code_verifier": VERIFIER}
    with_secret = redeem(site, code, None, client_id=PUBLIC, client_secret="x", **proof)
    assert code_of(with_secret) == (401, "invalid_client")
    assert code_of(redeem(site, code, (PUBLIC, ""), **proof)) == (401, "invalid_client")


def test_a_public_app_has_no_tokens_of_its_own(site: Site) -> None:
    for grant in ("client_credentials", JWT_BEARER):
        answer = site.ask_token({"grant_type": grant, "scope": "data:read", "client_id": PUBLIC})
        assert code_of(answer) == (400, "unauthorized_client")


# --- refreshing ---


def test_every_refresh_gives_a_new_refresh_token_and_kills_the_old_one(site: Site) -> None:
    first = log_in(site)
    second = refresh(site, first["refresh_token"]).json()
    assert set(second) == set(first)
    assert second["refresh_token"] != first["refresh_token"]
    assert works(site, first)
    assert works(site, second)
    assert refresh(site, second["refresh_token"]).status_code == 200


def test_a_dead_refresh_token_that_is_used_again_ends_the_whole_login(site: Site) -> None:
    first, other = log_in(site), log_in(site)
    second = refresh(site, first["refresh_token"]).json()
    assert code_of(refresh(site, first["refresh_token"])) == (400, "invalid_grant")
    assert not works(site, first)
    assert not works(site, second)
    assert code_of(refresh(site, second["refresh_token"])) == (400, "invalid_grant")
    assert works(site, other)


def test_a_refresh_token_lives_fifteen_days(site: Site) -> None:
    young, old = log_in(site), log_in(site)
    site.acc.clock.advance(15 * 24 * 3600 - 1)
    renewed = refresh(site, young["refresh_token"]).json()
    site.acc.clock.advance(1)
    assert code_of(refresh(site, old["refresh_token"])) == (400, "invalid_grant")
    assert refresh(site, renewed["refresh_token"]).status_code == 200


def test_the_life_of_refresh_tokens_can_be_set(site: Site) -> None:
    site.acc.tokens.refresh_lifetime = 60
    tokens = log_in(site)
    site.acc.clock.advance(60)
    assert code_of(refresh(site, tokens["refresh_token"])) == (400, "invalid_grant")


def test_a_refresh_may_ask_for_less_but_not_for_more(site: Site) -> None:
    tokens = log_in(site, scope="data:read data:search")
    more = refresh(site, tokens["refresh_token"], scope="data:read account:read")
    assert code_of(more) == (400, "invalid_scope")
    less = refresh(site, tokens["refresh_token"], scope="data:read").json()
    assert post(site, "introspect", token=less["access_token"]).json()["scope"] == "data:read"


def test_a_refresh_token_is_its_apps_alone(site: Site) -> None:
    tokens = log_in(site)
    assert code_of(refresh(site, tokens["refresh_token"], OTHER_AUTH)) == (400, "invalid_grant")
    assert code_of(refresh(site, tokens["refresh_token"], None, client_id=PUBLIC)) == (400, "invalid_grant")
    assert code_of(refresh(site, "made-up")) == (400, "invalid_grant")
    assert code_of(site.ask_token({"grant_type": "refresh_token"}, auth=AUTH)) == (400, "invalid_request")
    assert refresh(site, tokens["refresh_token"]).status_code == 200


def test_a_public_app_refreshes_with_its_id_alone(site: Site) -> None:
    code = code_for(site, client_id=PUBLIC, **CHALLENGE)
    tokens = redeem(site, code, None, client_id=PUBLIC, code_verifier=VERIFIER).json()
    assert refresh(site, tokens["refresh_token"], None, client_id=PUBLIC).status_code == 200


def test_logins_can_be_ended_from_outside(site: Site) -> None:
    tokens = log_in(site)
    site.acc.revoke_logins()
    assert works(site, tokens)
    assert code_of(refresh(site, tokens["refresh_token"])) == (400, "invalid_grant")


# --- what a person sees ---


def test_a_persons_token_shows_what_the_person_may_see(site: Site) -> None:
    mine, file = site.acc.add_folder(site.root, "Mine"), site.acc.add_file(site.root, "a.pdf")
    member = site.acc.signed_in = site.acc.add_user("Mia Member")
    log_in(site)
    assert site.get("/project/v1/hubs").json()["data"] == []
    assert site.get(f"/project/v1/hubs/{site.hub}").status_code == 403
    site.acc.add_member(site.project, member, [mine])
    assert [hub["id"] for hub in site.get("/project/v1/hubs").json()["data"]] == [site.hub]
    assert len(site.get(f"/project/v1/hubs/{site.hub}/projects").json()["data"]) == 1
    assert site.top_names() == ["Mine"]
    assert site.get(site.contents(mine)).status_code == 200
    for path in (site.contents(site.root), site.item(file)):
        assert site.get(path).status_code == 403
    assert site.command(file).status_code == 403


def test_the_person_is_who_was_signed_in_at_the_consent(site: Site) -> None:
    tokens = log_in(site)
    site.acc.signed_in = site.acc.add_user("Later")
    told = post(site, "introspect", token=refresh(site, tokens["refresh_token"]).json()["access_token"]).json()
    assert told["userid"] == site.acc.default_user.id


def test_a_project_admin_can_ask_for_project_files_only(site: Site) -> None:
    site.acc.add_member(site.project, site.acc.default_user.id)
    log_in(site)
    assert site.top_names(projectFilesOnly="true", excludeDeleted="true") == ["Project Files"]


def test_nobody_speaks_for_another_with_a_persons_token(site: Site, account: dict[str, str]) -> None:
    user = site.acc.default_user.id
    site.acc.add_member(site.project, user)
    site.acc.add_member(site.project, account["service_account_id"])
    for tokens in (log_in(site), exchange(site, account).json()):
        answer = site.session.get(
            f"{site.acc.base_url}/project/v1/hubs", headers={**bearer(tokens), "x-user-id": user}, timeout=5
        )
        assert answer.status_code == 403


def test_a_persons_login_does_not_replace_the_custom_integration(site: Site) -> None:
    site.acc.add_member(site.project, site.acc.default_user.id)
    site.acc.add_app(CLIENT_ID, CLIENT_SECRET, hubs=(), callbacks=[CALLBACK])
    log_in(site)
    found = site.get("/project/v1/hubs").json()
    assert (found["data"], {one["HttpStatusCode"] for one in found["meta"]["warnings"]}) == ([], {"403"})
    assert site.get(site.contents(site.root)).status_code == 403


# --- service accounts ---


def encode(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def assertion(site: Site, account: dict[str, str], head: dict[str, str] | None = None, **claims: Any) -> str:
    """Sign the claims; None takes one away."""
    now = site.acc.clock.now().timestamp()
    usual = {"iss": CLIENT_ID, "sub": account["service_account_id"], "aud": site.token_url, "exp": now + 60}
    body = {name: value for name, value in {**usual, "scope": ["data:read"], **claims}.items() if value is not None}
    signed = f"{encode({'alg': 'RS256', 'kid': account['key_id'], **(head or {})})}.{encode(body)}"
    private = serialization.load_pem_private_key(account["private_key"].encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return f"{signed}.{encode(private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def present(site: Site, proof: str, auth: tuple[str, str] | None = AUTH, /, **form: str) -> requests.Response:
    return site.ask_token({"grant_type": JWT_BEARER, "assertion": proof, **form}, auth=auth)


def exchange(site: Site, account: dict[str, str], **claims: Any) -> requests.Response:
    return present(site, assertion(site, account, **claims))


def test_a_service_account_comes_with_its_key_and_an_address(account: dict[str, str]) -> None:
    assert set(account) == {"service_account_id", "key_id", "private_key", "email"}
    assert account["email"] == f"filesync@{CLIENT_ID}.adskserviceaccount.autodesk.com"


def test_an_assertion_gets_a_token_and_no_refresh_token(site: Site, account: dict[str, str]) -> None:
    answer = exchange(site, account).json()
    assert {**answer, "access_token": ""} == {"access_token": "", "token_type": "Bearer", "expires_in": 3599}
    in_form = present(site, assertion(site, account), None, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    assert in_form.status_code == 200


def test_a_service_account_sees_what_it_is_a_member_of(site: Site, account: dict[str, str]) -> None:
    site.headers = bearer(exchange(site, account).json())
    found = site.get("/project/v1/hubs").json()
    assert (found["data"], len(found["meta"]["warnings"])) == ([], 8)
    assert site.get(site.contents(site.root)).status_code == 403
    site.acc.add_member(site.project, account["service_account_id"], [site.root])
    assert len(site.get("/project/v1/hubs").json()["data"]) == 1
    assert site.top_names() == ["Project Files"]
    assert site.get(site.contents(site.root)).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": OTHER},
        {"iss": None},
        {"sub": "stranger"},
        {"sub": None},
        {"sub": ["x"]},
        {"aud": "https://developer.api.autodesk.com/authentication/v2/token"},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"scope": "data:read"},
        {"scope": []},
        {"scope": None},
        {"scope": [1]},
        {"head": {"alg": "HS256"}},
        {"head": {"alg": "none"}},
        {"head": {"kid": "another"}},
    ],
)
def test_every_claim_of_an_assertion_is_checked(site: Site, account: dict[str, str], claims: dict[str, Any]) -> None:
    answer = exchange(site, account, **claims)
    assert code_of(answer) == (400, "invalid_grant")
    assert answer.json()["error_description"] == "The 'assertion' is invalid."


@pytest.mark.parametrize(("seconds", "status"), [(1, 200), (300, 200), (301, 400), (0, 400), (-1, 400)])
def test_an_assertion_lives_at_most_five_minutes(
    site: Site, account: dict[str, str], seconds: int, status: int
) -> None:
    assert exchange(site, account, exp=site.acc.clock.now().timestamp() + seconds).status_code == status


def test_an_assertion_is_judged_by_the_wall_clock(site: Site, account: dict[str, str]) -> None:
    site.acc.wall = SimulatedClock(site.acc.clock.now() + timedelta(minutes=10), frozen=True)
    assert code_of(exchange(site, account)) == (400, "invalid_grant")


def test_by_default_the_wall_clock_is_the_machines(site: Site) -> None:
    account = site.acc.add_service_account(CLIENT_ID)
    assert exchange(site, account, exp=time.time() + 60).status_code == 200


def test_a_foreign_signature_is_refused(site: Site, account: dict[str, str]) -> None:
    other = site.acc.add_service_account(CLIENT_ID, "second")
    signed_by_other = {**account, "private_key": other["private_key"]}
    assert code_of(exchange(site, signed_by_other)) == (400, "invalid_grant")
    assert code_of(exchange(site, {**account, "key_id": other["key_id"]})) == (400, "invalid_grant")
    assert code_of(exchange(site, {**signed_by_other, "key_id": other["key_id"]})) == (400, "invalid_grant")


@pytest.mark.parametrize("proof", ["x", "a.b.c", f"{encode([])}.{encode([])}.x", f"{encode({})}.{encode({})}."])
def test_what_is_no_assertion_is_refused(site: Site, account: dict[str, str], proof: str) -> None:
    assert code_of(present(site, proof)) == (400, "invalid_grant")
    assert code_of(site.ask_token({"grant_type": JWT_BEARER}, auth=AUTH)) == (400, "invalid_request")


def test_a_service_account_belongs_to_its_app_which_proves_itself(site: Site, account: dict[str, str]) -> None:
    proof = assertion(site, account, iss=OTHER)
    assert code_of(present(site, proof, OTHER_AUTH)) == (400, "invalid_grant")
    assert code_of(present(site, assertion(site, account), (CLIENT_ID, "wrong"))) == (401, "invalid_client")


def test_an_assertions_scopes_are_the_apps_and_the_forms_are_the_assertions(
    site: Site, account: dict[str, str]
) -> None:
    assert code_of(exchange(site, account, scope=["data:read", "data:write"])) == (400, "invalid_scope")
    both = assertion(site, account, scope=["data:read", "data:search"])
    less = present(site, both, scope="data:search").json()["access_token"]
    assert post(site, "introspect", token=less).json()["scope"] == "data:search"
    assert code_of(present(site, both, scope="account:read")) == (400, "invalid_scope")


def test_a_disabled_service_account_gets_no_token_and_its_tokens_die(site: Site, account: dict[str, str]) -> None:
    tokens = exchange(site, account).json()
    assert works(site, tokens)
    site.acc.disable_service_account(account["service_account_id"])
    answer = exchange(site, account)
    assert code_of(answer) == (400, "invalid_grant")
    assert "not enabled" in answer.json()["error_description"]
    assert not works(site, tokens)


# --- revoke and introspect ---


def test_a_revoked_refresh_token_takes_its_login_with_it(site: Site) -> None:
    tokens, other = log_in(site), log_in(site)
    answer = post(site, "revoke", token=tokens["refresh_token"], token_type_hint="refresh_token")
    assert (answer.status_code, answer.content) == (200, b"")
    assert not works(site, tokens)
    assert code_of(refresh(site, tokens["refresh_token"])) == (400, "invalid_grant")
    assert works(site, other)


def test_a_revoked_access_token_goes_alone(site: Site) -> None:
    tokens = log_in(site)
    assert post(site, "revoke", token=tokens["access_token"], token_type_hint="access_token").status_code == 200
    assert not works(site, tokens)
    assert refresh(site, tokens["refresh_token"]).status_code == 200


def test_only_own_tokens_are_revoked(site: Site) -> None:
    tokens = log_in(site)
    for hint in ("access_token", "refresh_token"):
        answer = post(site, "revoke", OTHER_AUTH, token=tokens[hint], token_type_hint=hint)
        assert code_of(answer) == (400, "invalid_request")
    assert works(site, tokens)
    assert refresh(site, tokens["refresh_token"]).status_code == 200


def test_revoking_wants_an_app_a_token_and_a_hint(site: Site) -> None:
    hint = {"token_type_hint": "access_token"}
    assert code_of(post(site, "revoke", token="x")) == (400, "invalid_request")
    assert code_of(post(site, "revoke", **hint)) == (400, "invalid_request")
    assert code_of(post(site, "revoke", token="x", token_type_hint="other")) == (400, "invalid_request")
    assert code_of(post(site, "revoke", (CLIENT_ID, "wrong"), token="x", **hint)) == (401, "invalid_client")
    assert code_of(post(site, "revoke", None, token="x", **hint)) == (400, "invalid_request")
    assert post(site, "revoke", token="x", **hint).status_code == 200


def test_a_token_under_the_wrong_hint_is_not_found(site: Site) -> None:
    tokens = log_in(site)
    post(site, "revoke", token=tokens["access_token"], token_type_hint="refresh_token")
    assert works(site, tokens)


def test_a_public_app_revokes_and_asks_with_its_id(site: Site) -> None:
    code = code_for(site, client_id=PUBLIC, **CHALLENGE)
    tokens = redeem(site, code, None, client_id=PUBLIC, code_verifier=VERIFIER).json()
    about = post(site, "introspect", None, client_id=PUBLIC, token=tokens["access_token"])
    assert about.json()["client_id"] == PUBLIC
    form = {"token": tokens["refresh_token"], "token_type_hint": "refresh_token"}
    assert post(site, "revoke", None, client_id=PUBLIC, **form).status_code == 200
    assert not works(site, tokens)


def test_introspection_tells_what_a_token_is(site: Site) -> None:
    tokens = log_in(site)
    expires = int(site.acc.clock.now().timestamp()) + 3599
    told = post(site, "introspect", token=tokens["access_token"]).json()
    about = {"active": True, "scope": "data:read", "client_id": CLIENT_ID, "exp": expires}
    assert told == {**about, "userid": site.acc.default_user.id}
    two_legged = site.ask_token({"grant_type": "client_credentials", "scope": "data:read"}, auth=AUTH).json()
    assert post(site, "introspect", token=two_legged["access_token"]).json() == about


def test_introspection_of_what_is_dead_or_foreign_tells_nothing(site: Site) -> None:
    tokens = log_in(site)
    dead = {"active": False}
    assert post(site, "introspect", OTHER_AUTH, token=tokens["access_token"]).json() == dead
    assert post(site, "introspect", token="made-up").json() == dead
    assert code_of(post(site, "introspect")) == (400, "invalid_request")
    assert code_of(post(site, "introspect", (CLIENT_ID, "wrong"), token="x")) == (401, "invalid_client")
    site.acc.clock.advance(3599)
    assert post(site, "introspect", token=tokens["access_token"]).json() == dead


# --- limits, the log, and secrets that come back ---


@pytest.mark.parametrize(("name", "most"), [("token", 500), ("authorize", 500), ("revoke", 100), ("introspect", 500)])
def test_each_login_route_has_its_limit(site: Site, name: str, most: int) -> None:
    site.acc.limits.scale = 2 / most  # two a minute
    ask = ask_consent if name == "authorize" else lambda site: post(site, name, token="x")
    site.acc.clock.advance(60)
    assert [ask(site).status_code == 429 for _ in range(3)] == [False, False, True]


def test_another_apps_logins_have_a_budget_of_their_own(site: Site) -> None:
    site.acc.limits.scale = 1 / 500
    site.acc.clock.advance(60)
    assert [ask_consent(site, client_id=one).status_code for one in (CLIENT_ID, OTHER, OTHER)] == [302, 302, 429]
    statuses = [post(site, "introspect", auth, token="x").status_code for auth in (AUTH, OTHER_AUTH, OTHER_AUTH)]
    assert statuses == [200, 200, 429]


def test_no_request_of_a_login_counts_as_one_for_the_inventory(site: Site) -> None:
    site.acc.reset()
    site.acc.consent = "ask"
    code = brought(decide(site, ask_consent(site), "allow"))["code"]
    tokens = redeem(site, code).json()
    post(site, "introspect", token=tokens["access_token"])
    post(site, "revoke", token=tokens["access_token"], token_type_hint="access_token")
    names = {"authorize", "decision", "token", "introspect", "revoke"}
    assert {(request.route, request.token) for request in site.acc.requests} == {(name, True) for name in names}
    assert site.acc.count() == 0


def test_a_service_can_be_told_to_repeat_secrets(site: Site) -> None:
    site.acc.echoes_secrets = True
    sent = {"token": "my-token", "token_type_hint": "access_token", "client_secret": "my-secret"}
    for name in ("token", "revoke", "introspect"):
        answer = post(site, name, None, **sent)
        assert answer.status_code == 401
        assert all(secret in answer.json()["error_description"] for secret in sent.values())
    by_header = post(site, "token", (CLIENT_ID, "wrong"))
    assert by_header.request.headers["Authorization"] in by_header.json()["error_description"]
    site.headers = {"Authorization": "Bearer my-token"}
    assert "my-token" in site.get("/project/v1/hubs").json()["developerMessage"]
    site.log_in(scope="data:search")
    assert site.headers["Authorization"] in site.get("/project/v1/hubs").json()["developerMessage"]


def test_secrets_are_not_repeated_unasked(site: Site) -> None:
    assert "my-secret" not in post(site, "token", None, client_secret="my-secret").text


def test_tokens_are_the_same_in_every_run_and_tell_nothing(site: Site) -> None:
    with running() as again:
        again.acc.consent = "allow"
        assert code_for(again) == code_for(site)
    assert urlsplit(ask_consent(site).headers["Location"]).query.count(CLIENT_ID) == 0
