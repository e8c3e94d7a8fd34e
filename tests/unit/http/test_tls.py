"""TLS that cannot be had: OpenSSL's reason, who mends it, and an exit code that says that waiting does not."""

import json
import os
import socket
import ssl
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from urllib3.util.ssl_ import create_urllib3_context

from filesync.core.errors import ConfigError, DeliveryError, FilesyncError, NetworkError, TlsError
from filesync.http import tls
from filesync.notify.webhook import Post, post
from tests.support.certificates import DAY, Authority, serving
from tests.support.homes import Acc
from tests.support.http_loopback import PAGE, Say, Service, World, running

NOW = datetime.now(UTC)
HELLO = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def refusal(world: World, address: str, kind: type[FilesyncError] = TlsError) -> str:
    with pytest.raises(kind) as raised:
        world.connect(address).get(PAGE, "/pages")
    assert type(raised.value) is kind
    return str(raised.value)


def is_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at certificates as Python 3.13 does, whichever this is."""

    def strict() -> ssl.SSLContext:
        context = create_urllib3_context()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(tls, "create_urllib3_context", strict)


# --- certificates ---------------------------------------------------------------------------

CLOCK = f"this machine's clock says {NOW:%Y}-"
REFUSED = {
    "expired": ({"begins": -9 * DAY, "ends": -DAY}, "certificate has expired", CLOCK),
    "not yet valid": ({"begins": DAY, "ends": 9 * DAY}, "certificate is not yet valid", CLOCK),
    "another host": ({"host": "files.example.com"}, "IP address mismatch", "another host answers there"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_certificate_that_is_refused_is_said_as_openssl_says_it_with_who_mends_it(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fault, reason, mend = REFUSED[name]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with running(serving(authority.issue(**fault))) as service:  # type: ignore[arg-type]
        world.clock.at = NOW
        said = refusal(world, service.url)
    assert f"its certificate is not trusted: {reason}" in said
    assert mend in said
    assert "set REQUESTS_CA_BUNDLE" not in said
    assert (len(world.attempts), service.requests) == (1, [])


def test_an_authority_nobody_knows_names_what_is_set_and_what_is_read(
    world: World, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authority(tmp_path / "other")
    other.folder.mkdir()
    with running(serving(authority.issue())) as service:
        said = refusal(world, service.url)
        assert "unable to get local issuer certificate; if a proxy inspects your TLS connections, set" in said
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
        said = refusal(world, service.url)
        assert f"filesync does not read SSL_CERT_FILE ({authority.bundle}): set REQUESTS_CA_BUNDLE" in said
        for variable in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.setenv(variable, str(other.bundle))
            said = refusal(world, service.url)
            assert f"{variable} ({other.bundle}) counts instead of the usual authorities, and lacks" in said
            assert "set REQUESTS_CA_BUNDLE" not in said


def test_a_bundle_that_only_dotenv_names_is_said_to_reach_no_request(tmp_path: Path, authority: Authority) -> None:
    world = World(tmp_path, environ={"REQUESTS_CA_BUNDLE": str(authority.bundle)})
    with running(serving(authority.issue())) as service:
        said = refusal(world, service.url)
    assert f"REQUESTS_CA_BUNDLE ({authority.bundle}) is set in .env, which reaches no request from there" in said


def test_an_authority_that_signed_itself_is_said_so(world: World, authority: Authority) -> None:
    chain = authority.folder / "chain.pem"
    chain.write_bytes(authority.issue().read_bytes() + authority.bundle.read_bytes())
    with running(serving(chain)) as service:
        assert "not trusted: self-signed certificate in certificate chain" in refusal(world, service.url)


STRICT: dict[str, dict[str, Any]] = {
    "Missing Authority Key Identifier": {},
    "Basic Constraints of CA cert not marked critical": {"is_critical": False},
    "CA cert does not include key usage extension": {"says_usage": False},
}


@pytest.mark.parametrize("reason", STRICT)
def test_what_only_newer_pythons_refuse_is_said_so(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """The third one is GSA-TTS/cg-egress-proxy#96: curl and older Pythons go through the same proxy."""
    authority = Authority(tmp_path, **STRICT[reason])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    is_strict(monkeypatch)
    with running(serving(authority.issue(names_issuer=bool(STRICT[reason])))) as service, running(Service()) as other:
        said = refusal(world, service.url)
        monkeypatch.setenv("HTTP_PROXY", service.url)
        behind = refusal(World(tmp_path / "behind"), other.url)
    assert f"its certificate is not trusted: {reason}; Python 3.13 and newer refuse what older ones took" in said
    assert f"HTTP_PROXY is not trusted: {reason}; Python 3.13 and newer refuse" in behind
    assert "run filesync with Python 3.12" in said


def test_a_good_certificate_is_taken_by_strict_pythons(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    is_strict(monkeypatch)
    with running(serving(authority.issue())) as service:
        assert world.connect(service.url).get(PAGE, "/pages").status == 200


def a_missing_file(folder: Path) -> Path:
    return folder / "missing.pem"


def an_empty_file(folder: Path) -> Path:
    (folder / "empty.pem").touch()
    return folder / "empty.pem"


def a_web_page(folder: Path) -> Path:
    (folder / "page.pem").write_text("<html>")
    return folder / "page.pem"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (a_missing_file, "cannot be read: No such file or directory"),
        (an_empty_file, "holds no certificate that can be read"),
        (a_web_page, "holds no certificate that can be read"),
    ],
)
def test_a_bundle_that_cannot_be_used_is_named_with_its_variable(
    world: World,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], Path],
    problem: str,
) -> None:
    path = make(authority.folder)
    monkeypatch.setenv("CURL_CA_BUNDLE", str(path))
    with running(serving(authority.issue())) as service:
        said = refusal(world, service.url, ConfigError)
        with pytest.raises(DeliveryError) as raised:
            post(Post(service.url, b""), os.environ, NOW)
    for text in (said, str(raised.value)):
        assert f"CURL_CA_BUNDLE ({path}) {problem}; set it to a file of certificate authorities" in text


def test_a_folder_that_was_not_rehashed_is_said_so(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle.parent))
    with running(serving(authority.issue())) as service:
        said = refusal(world, service.url, ConfigError)
    assert f"REQUESTS_CA_BUNDLE ({authority.folder}) is a folder without what `openssl rehash` makes" in said


def test_a_bundle_that_is_pasted_instead_of_named_is_not_shown(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.issue().read_text())
    with running(serving(authority.issue())) as service:
        said = refusal(world, service.url, ConfigError)
    assert "REQUESTS_CA_BUNDLE (its value is no path) cannot be read" in said
    assert "BEGIN" not in said


# --- handshakes -----------------------------------------------------------------------------


class Alerting(Service):
    """Answers every handshake with these bytes and hangs up."""

    scheme = "https"

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.scheme = "https"
        self.answer = answer

    def process_request(self, request: Any, _client: object) -> None:
        request.recv(4096)
        request.sendall(self.answer)
        if not self.answer:  # a reset instead of an end
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.close()


def alert(number: int) -> bytes:
    """Write a fatal alert of TLS: RFC 8446, 6."""
    return bytes([21, 3, 3, 0, 2, 2, number])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (alert(70), "tlsv1 alert protocol version; the operator of the service, or of a TLS-inspecting proxy"),
        (alert(40), "alert handshake failure; the two sides agree on no way to encrypt"),
        (alert(116), "certificate required; a client's certificate is demanded, and filesync has none"),
        (alert(48), "tlsv1 alert unknown ca; a client's certificate is demanded"),
        (alert(112), "unrecognized name; another host answers there: check the address"),
        (HELLO, "the server there speaks no TLS: check the address, and HTTPS_PROXY if it is set"),
    ],
)
def test_a_handshake_that_is_refused_is_said_and_not_retried(world: World, answer: bytes, said: str) -> None:
    with running(Alerting(answer)) as service:
        text = refusal(world, service.url)
    assert "no TLS connection: " in text
    assert said in text
    assert len(world.attempts) == 1


def test_an_old_version_that_the_service_wants_is_named(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_hello = bytes([22, 3, 1, 0, 49, 2, 0, 0, 45, 3, 1, *[7] * 32, 0, 0, 0x2F, 0, 0, 5, 255, 1, 0, 1, 0])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with running(Alerting(server_hello)) as service:
        assert "no TLS connection: unsupported protocol; " in refusal(world, service.url)


@pytest.mark.parametrize("reason", ["UNSAFE_LEGACY_RENEGOTIATION_DISABLED", "DH_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"])
def test_what_openssl_calls_unsafe_is_said_to_be_mended_at_the_other_side(reason: str) -> None:
    """Take the errors as they were reported: urllib3/urllib3#2653, psf/requests#4775, m-click/requests_pkcs12#34."""
    error = ssl.SSLError(1, f"[SSL: {reason}] as OpenSSL says it (_ssl.c:1007)")
    error.reason = reason
    said = tls.explain(error, tls.Authorities(), NOW, at_proxy=False)
    assert tls.is_final(error)
    assert f"no TLS connection: {reason.replace('_', ' ').lower()}; the operator of the service" in said
    assert "must be updated: its encryption is not safe" in said


def test_a_service_that_demands_a_clients_certificate_is_said_so(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def demand(context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.bundle)

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with running(serving(authority.issue(), demand)) as service:
        assert "a client's certificate is demanded" in refusal(world, service.url)


@pytest.mark.parametrize("number", [20, 80])
def test_what_may_pass_is_tried_again_and_is_temporary(world: World, number: int) -> None:
    with running(Alerting(alert(number))) as service:
        refusal(world, service.url, NetworkError)
    assert len(world.attempts) == 6


def test_a_reset_in_the_handshake_is_temporary(world: World) -> None:
    with running(Alerting(b"")) as service:
        refusal(world, service.url, NetworkError)
    assert len(world.attempts) == 6


# --- proxies --------------------------------------------------------------------------------


def test_a_proxy_that_speaks_plain_http_is_named(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(serving(authority.issue())) as service, running(Service()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("http:", "https:"))
        said = refusal(world, service.url)
    assert "the proxy of HTTPS_PROXY or HTTP_PROXY speaks plain http: write its address with http://" in said


def test_a_proxy_is_trusted_by_the_same_variable_and_its_certificate_is_told_from_the_services(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Service()) as service, running(serving(authority.issue())) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        said = refusal(world, service.url)
        assert "the certificate of the proxy of HTTPS_PROXY or HTTP_PROXY is not trusted: unable to get" in said
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
        again = World(authority.folder / "again")  # a pool of connections is made once
        assert again.connect(service.url).get(PAGE, "/pages").status == 200
    assert [request.path for request in proxy.requests] == [f"{service.url}/pages"]


# --- messages, and whole commands -----------------------------------------------------------


def test_a_message_that_cannot_be_sent_says_why(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    said = f"not trusted: certificate has expired; {CLOCK}"
    expired = authority.issue(ends=-DAY, begins=-9 * DAY)
    with running(serving(expired)) as service, pytest.raises(DeliveryError, match=said) as raised:
        post(Post(f"{service.url}/not-to-be-shown", b""), os.environ, NOW)
    assert "not-to-be-shown" not in str(raised.value)


def test_a_certificate_that_is_refused_is_not_called_temporary_by_any_command(
    acc: Acc, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    home, where = acc.home, {"REQUESTS_CA_BUNDLE": str(authority.bundle)}
    with running(serving(authority.issue(ends=-DAY, begins=-9 * DAY))) as service:
        service.says(Say(200))
        where["CONNECTOR_AUTODESK_BASE_URL"] = service.url
        home.environ |= where
        for command in (["sync", "--all"], ["endpoints", "check"], ["discover", "autodesk"]):
            ended = home.run(*command)
            assert ended.code == 1, (command, ended.err)
            assert "certificate has expired" in ended.out + ended.err
        assert home.query("SELECT error_type FROM sync_logs") == [{"error_type": "tls"}]
        found = json.loads(home.run("doctor", "--json").out)["findings"]
        (reach,) = [each for each in found if each["check"] == "reach"]
        assert (reach["level"], "certificate has expired" in reach["detail"]) == ("FAIL", True)
    assert service.requests == []


ASKING = (["sync", "--all"], ["endpoints", "check"], ["discover", "autodesk"], ["verify"], ["config", "check"])


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_a_bundle_that_cannot_be_read_is_a_wrong_configuration_for_every_command(acc: Acc, command: list[str]) -> None:
    acc.home.cli("sync")
    where = {"REQUESTS_CA_BUNDLE": str(acc.home.path / "missing.pem")}
    ended = acc.home.cli(*command, CONNECTOR_AUTODESK_BASE_URL="https://127.0.0.1:1", **where)
    assert ended.code == 78, ended.err
    assert "missing.pem) cannot be read: No such file or directory; set it to a file" in ended.out + ended.err
