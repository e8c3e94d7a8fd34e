"""Certificates, proxies and other people's settings: the usual environment variables, and nothing else."""

import ssl
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from filesync.core.errors import ConfigError, NetworkError, ResponseError, TlsError
from tests.support.http_loopback import PAGE, Handler, Say, Service, World, running


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate for 127.0.0.1 that only its own file vouches for; the key is in the file too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "filesync tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        made.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain),
    )
    return path


@pytest.fixture
def tls_service(certificate: Path) -> Iterator[Service]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    service = Service()
    service.scheme = "https"
    service.socket = context.wrap_socket(service.socket, server_side=True, do_handshake_on_connect=False)
    with running(service):
        yield service


def test_a_private_authority_is_trusted_by_the_usual_variable(
    world: World, tls_service: Service, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert world.connect(tls_service.url).get(PAGE, "/pages").status == 200


def test_authorities_are_read_once_for_all_connections(
    world: World, tls_service: Service, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    tls_service.says(Say(200, headers={"Connection": "close"}), Say(200))
    connection = world.connect(tls_service.url)
    assert connection.get(PAGE, "/pages").status == 200
    certificate.write_text("these are none any more")
    assert connection.get(PAGE, "/pages").status == 200
    assert len({request.port for request in tls_service.requests}) == 2


def test_a_service_that_speaks_no_tls_is_not_retried(world: World, service: Service) -> None:
    with pytest.raises(TlsError, match="no TLS connection"):
        world.connect(service.url.replace("http:", "https:")).get(PAGE, "/pages")
    assert len(world.attempts) == 1


def test_a_connection_cut_under_tls_is_retried(
    world: World, tls_service: Service, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(handler: Handler) -> None:
        handler.close_connection = True

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    tls_service.says(cut, Say(200))
    assert world.connect(tls_service.url).get(PAGE, "/pages").status == 200
    assert len(world.attempts) == 2


def test_a_handshake_that_is_cut_is_retried(world: World) -> None:
    class Cutting(Service):
        def process_request(self, request: Any, _client: object) -> None:
            request.recv(4096)
            request.close()

    with running(Cutting()) as service, pytest.raises(NetworkError, match="dropped"):
        world.connect(service.url.replace("http:", "https:")).get(PAGE, "/pages")
    assert len(world.attempts) == 6


def test_a_proxy_is_used_by_the_usual_variable(world: World, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Service()) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        world.connect(service.url).get(PAGE, "/pages")
    assert [request.path for request in proxy.requests] == [f"{service.url}/pages"]
    assert service.requests == []


def test_a_proxy_that_refuses_is_named_without_its_password(
    world: World, tls_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Service()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:not-a-secret@"))
        with pytest.raises(NetworkError, match="proxy of HTTPS_PROXY or HTTP_PROXY does not let") as raised:
            world.connect(tls_service.url).get(PAGE, "/pages")
    assert "not-a-secret" not in str(raised.value)


def test_a_proxy_that_is_not_there_is_no_proxy_that_refuses(
    world: World, tls_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(NetworkError, match=r"HTTP_PROXY cannot be reached \(Connection refused\)"):
        world.connect(tls_service.url).get(PAGE, "/pages")


@pytest.mark.parametrize("address", ["http://user:not-a-secret@[", "http://", "http://user:not-a-secret@:80:80"])
def test_a_proxy_address_that_is_none_is_a_mistake_in_the_settings(
    world: World, service: Service, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", address)
    with pytest.raises(ConfigError, match="HTTP_PROXY") as raised:
        world.connect(service.url).get(PAGE, "/pages")
    assert "not-a-secret" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_header_that_cannot_be_sent_is_not_shown(world: World, service: Service) -> None:
    class Badge:
        def headers(self) -> dict[str, str]:
            return {"Authorization": "Bearer not-a-secret\u20ac"}

        def renew(self, rejected: object) -> None: ...

    with pytest.raises(ResponseError, match="a header cannot be sent") as raised:
        world.connect(service.url, authoriser=Badge()).get(PAGE, "/pages")
    assert "not-a-secret" not in "".join(traceback.format_exception(raised.value))
    assert service.requests == []


def test_a_netrc_file_does_not_replace_the_token(
    world: World, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Badge:
        def headers(self) -> dict[str, str]:
            return {"Authorization": "Bearer ours"}

        def renew(self, rejected: object) -> None: ...

    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    world.connect(service.url, authoriser=Badge()).get(PAGE, "/pages")
    assert service.requests[0].headers["Authorization"] == "Bearer ours"


def test_cookies_are_not_kept(world: World, service: Service) -> None:
    connection = world.connect(service.url)
    service.says(Say(200, {}, {"Set-Cookie": "session=1; Path=/"}))
    connection.get(PAGE, "/pages")
    connection.get(PAGE, "/pages")
    assert service.requests[1].headers["Cookie"] is None
