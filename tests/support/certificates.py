"""Certificates made while a test runs, good and bad ones, and TLS servers on loopback that show them."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.http_loopback import Service

DAY = timedelta(days=1)
_PEM = serialization.Encoding.PEM


@dataclass
class Authority:
    """An authority of a test's own; `folder` takes what it issues."""

    folder: Path
    is_critical: bool = True  # its basic constraints
    says_usage: bool = True
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def name(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority of a test")])

    @property
    def bundle(self) -> Path:
        """Write the authority's own certificate."""
        path = self.folder / "authority.pem"
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = (
            self._begun(self.name, self.key, -30 * DAY, 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=self.is_critical)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        )
        builder = builder.add_extension(usage, critical=True) if self.says_usage else builder
        path.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(_PEM))
        return path

    def issue(
        self, host: str = "127.0.0.1", *, begins: timedelta = -DAY, ends: timedelta = DAY, names_issuer: bool = True
    ) -> Path:
        """Write a certificate for a host, valid from and until so long after now, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a service of a test")])
        alternative = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        builder = self._begun(name, key, begins, ends).add_extension(
            x509.SubjectAlternativeName([alternative]), critical=False
        )
        if names_issuer:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        made = builder.sign(self.key, hashes.SHA256())
        path = self.folder / f"{x509.random_serial_number()}.pem"
        plain = serialization.NoEncryption()
        path.write_bytes(
            made.public_bytes(_PEM) + key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, plain),
        )
        return path

    def _begun(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, begins: timedelta, ends: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
        )


def serving(certificate: Path, adjust: Callable[[ssl.SSLContext], None] = lambda _: None) -> Service:
    """Make a service that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    adjust(context)
    service = Service()
    service.scheme = "https"
    service.socket = context.wrap_socket(service.socket, server_side=True, do_handshake_on_connect=False)
    return service
