"""TLS: which certificates are trusted, and its errors in words: may it pass by itself, and who can mend it.

The authorities are read once for all connections, where `requests` would read them for each.
"""

import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests.adapters
import requests.utils
from urllib3.util.ssl_ import create_urllib3_context

from filesync.core.errors import causes

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # what `requests` takes, in this order
NOT_READ = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # what OpenSSL itself takes, and `requests` does not

_PROXY = "the proxy of HTTPS_PROXY or HTTP_PROXY"
_IN_CHARGE = "the operator of the service, or of a TLS-inspecting proxy in between,"
_WAY = "HTTPS_PROXY if it is set; a network's login page may be in between"
_LONGEST = 300  # characters of a path or a reason that are shown

# OpenSSL's numbers of why a certificate is refused: include/openssl/x509_vfy.h.in
_NOT_IN_TIME = {9, 10, 11, 12}  # not yet valid, expired; the same of a list of revocations
_OF_NO_AUTHORITY = {2, 18, 19, 20, 21, 27, 28}  # an issuer that is missing, signed itself, or is not trusted
_OF_ANOTHER_HOST = {62, 63, 64}
_ONLY_STRICT = range(80, 94)  # VERIFY_X509_STRICT, since https://docs.python.org/3/whatsnew/3.13.html#ssl

# What a transfer that was damaged on its way, or a server in trouble, says: the next try may succeed.
_PASSING = {
    "BAD_RECORD_MAC",
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
    "SSLV3_ALERT_BAD_RECORD_MAC",
    "TLSV1_ALERT_DECRYPTION_FAILED",
    "TLSV1_ALERT_DECRYPT_ERROR",
    "TLSV1_ALERT_INTERNAL_ERROR",
    "TLSV1_ALERT_USER_CANCELLED",
    "UNEXPECTED_EOF_WHILE_READING",
}
_TOO_OLD = {
    "BAD_PROTOCOL_VERSION_NUMBER",
    "NO_PROTOCOLS_AVAILABLE",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
    "UNSUPPORTED_SSL_VERSION",
    "VERSION_TOO_LOW",
    "WRONG_SSL_VERSION",
}
_NO_TLS = {
    "HTTPS_PROXY_REQUEST",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",  # how OpenSSL 3.2 and newer also call a wrong version number
    "UNKNOWN_PROTOCOL",
    "WRONG_VERSION_NUMBER",
}
_WANTS_CERTIFICATE = {
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "SSLV3_ALERT_NO_CERTIFICATE",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "TLSV1_ALERT_ACCESS_DENIED",
    "TLSV1_ALERT_UNKNOWN_CA",
}
_UNSAFE = {
    "CA_KEY_TOO_SMALL",
    "CA_MD_TOO_WEAK",
    "DH_KEY_TOO_SMALL",
    "EE_KEY_TOO_SMALL",
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    "WRONG_CIPHER_RETURNED",
    "WRONG_SIGNATURE_TYPE",
}
_OTHER_NAME = {"TLSV1_ALERT_UNRECOGNIZED_NAME", "TLSV1_UNRECOGNIZED_NAME"}
_HANDSHAKES = (
    (_NO_TLS, "the server there speaks no TLS: check the address, and {way}"),
    (_OTHER_NAME, "another host answers there: check the address, and {way}"),
    (_TOO_OLD, "{other} must offer TLS 1.2 or newer"),
    (_UNSAFE, "{other} must be updated: its encryption is not safe"),
    (_WANTS_CERTIFICATE, "a client's certificate is demanded, and filesync has none: {other} must do without"),
)
_NO_WAY = "the two sides agree on no way to encrypt, or a client's certificate is demanded: {other} knows"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment that names certificate authorities."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name} ({shown_path(self.value)})"


@dataclass(frozen=True, slots=True)
class Authorities:
    """Who is trusted: those of `bundle` instead of the usual ones; nobody looks at what else is set.

    `unread` is such a variable that only `.env` sets, `ignored` one that is for other programs.
    """

    bundle: Variable | None = None
    unread: Variable | None = None
    ignored: Variable | None = None

    def problem(self) -> str:
        """Return why those that are set cannot be used; '' when they can, or none are set."""
        problem = problem_of(Path(self.bundle.value)) if self.bundle else ""
        mend = "set it to a file of certificate authorities, in PEM, or unset it"
        return f"{self.bundle} {problem}; {mend}" if problem else ""


def authorities(environ: Mapping[str, str], read: str | None = None) -> Authorities:
    """Find out who is trusted; `read` is the path that `requests` found itself, '' for none, None: nobody asked it.

    `environ` may have what `.env` sets, and `requests` finds nothing of that.
    """
    bundle, ignored = _first_set(BUNDLES, environ), _first_set(NOT_READ, environ)
    if read is None or (bundle and bundle.value == read):
        return Authorities(bundle, ignored=ignored)
    if read:
        return Authorities(Variable(" or ".join(BUNDLES), read), ignored=ignored)
    return Authorities(unread=bundle, ignored=ignored)


def problem_of(path: Path) -> str:
    """Return why a file or folder gives no authorities; '' when it does."""
    try:
        if path.is_dir():
            # the only names that OpenSSL looks for: https://docs.openssl.org/3.0/man1/openssl-rehash/
            return "" if any(path.glob("*.[0-9]")) else "is a folder without what `openssl rehash` makes"
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return "holds no certificate that can be read"
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None  # a NUL in the path is a ValueError
        return f"cannot be read: {reason or 'it is no path'}"
    return ""


def is_final(error: BaseException) -> bool:
    """Return whether a certificate or handshake was refused; a connection cut or damaged under TLS may pass."""
    found = _errors(error)
    passing = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    return bool(found) and not any(isinstance(each, passing) or each.reason in _PASSING for each in found)


def explain(error: BaseException, trusted: Authorities, now: datetime, *, at_proxy: bool) -> str:
    """Return why there is no TLS connection, and what mends it; `now` is what this machine's clock says.

    `at_proxy`: it was the way to a proxy that failed, not the way through it.
    """
    found = _errors(error)
    for each in found:
        if isinstance(each, ssl.SSLCertVerificationError):
            head = f"the certificate of {_PROXY} is not trusted" if at_proxy else "its certificate is not trusted"
            return f"{head}: {_reason(each)}; {_on_certificate(each.verify_code, trusted, now)}"
    return f"no TLS connection: {_reason(found[0])}; {_on_handshake(found[0].reason or '', at_proxy=at_proxy)}"


def shown_path(text: str) -> str:
    """Show the value of a variable that is a path; anything else may be what nobody should read."""
    return text if text.isprintable() and len(text) <= _LONGEST and "{" not in text else "its value is no path"


def _errors(error: BaseException) -> Sequence[ssl.SSLError]:
    return [cause for cause in causes(error) if isinstance(cause, ssl.SSLError)]


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's words: never the error's whole text, which begins and ends with Python's."""
    said = (error.reason or "no reason given").replace("_", " ").lower()
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message or said
    return "".join(char if char.isprintable() else " " for char in said)[:_LONGEST].strip(" .")


def _on_certificate(code: int, trusted: Authorities, now: datetime) -> str:
    if code in _NOT_IN_TIME:
        held = f", and {trusted.bundle} must hold no old one" if trusted.bundle else ""
        return (
            f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC: set it if that is wrong (timedatectl set-ntp true); "
            f"if it is right, {_IN_CHARGE} must renew the certificate{held}"
        )
    if code in _OF_ANOTHER_HOST:
        return f"another host answers there: check the address, and {_WAY}"
    if code in _ONLY_STRICT:
        # Python does not say so itself, and the same certificate was taken before it was upgraded.
        return (
            "Python 3.13 and newer refuse what older ones took: its authority (often that of a TLS-inspecting "
            "proxy) must issue it anew, as RFC 5280 wants it; until then run filesync with Python 3.12"
        )
    if code in _OF_NO_AUTHORITY:
        return _on_authority(trusted)
    return f"{_IN_CHARGE} must mend it"


def _on_authority(trusted: Authorities) -> str:
    if trusted.bundle:
        return (
            f"{trusted.bundle} counts instead of the usual authorities, and lacks the one that signed this: add it, in "
            "PEM (that of the service, or of a TLS-inspecting proxy)"
        )
    if trusted.unread:
        # filesync.doctor.network says so too
        return f"{trusted.unread} is set in .env, which reaches no request from there: set it in the environment"
    if trusted.ignored:
        return f"filesync does not read {trusted.ignored}: set REQUESTS_CA_BUNDLE"
    return "if a proxy inspects your TLS connections, set REQUESTS_CA_BUNDLE to the file of its certificate authority"


def _on_handshake(reason: str, *, at_proxy: bool) -> str:
    if at_proxy and reason in _NO_TLS:
        return f"{_PROXY} speaks plain http: write its address with http://"
    found = (said for reasons, said in _HANDSHAKES if reason in reasons)
    return next(found, _NO_WAY).format(other=_PROXY if at_proxy else _IN_CHARGE, way=_WAY)


def _first_set(names: Sequence[str], environ: Mapping[str, str]) -> Variable | None:
    return next((Variable(name, environ[name]) for name in names if environ.get(name)), None)


class TrustingAdapter(requests.adapters.HTTPAdapter):
    """Connects as its parent does. The usual 140 authorities take 20 ms of CPU, which each of a crew would pay for."""

    def __init__(self, connections: int, bundle: Callable[[], str]) -> None:
        """Trust a proxy that is spoken to over TLS as `bundle` says, '' for the usual authorities."""
        self._bundle = bundle
        self._trusted: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        super().__init__(pool_connections=connections, pool_maxsize=connections)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Put the context where the parent names the authorities. Raises OSError when these cannot be read."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        bundle = requests.utils.DEFAULT_CA_BUNDLE_PATH if verify is True else str(verify)
        return host, {"ssl_context": self._context(bundle)} if host["scheme"] == "https" else {}

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """Return the context that the parent would make of what `cert_verify` leaves behind."""
        if proxy.lower().startswith("https:") and proxy not in self.proxy_manager:
            bundle = self._bundle() or requests.utils.DEFAULT_CA_BUNDLE_PATH
            proxy_kwargs["proxy_ssl_context"] = self._context(bundle)
        return super().proxy_manager_for(proxy, **proxy_kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the connection as it is: the parent would have it read the authorities again."""

    def _context(self, bundle: str) -> ssl.SSLContext:
        with self._lock:
            if bundle not in self._trusted:
                context = create_urllib3_context()
                context.load_verify_locations(**{"capath" if Path(bundle).is_dir() else "cafile": bundle})
                self._trusted[bundle] = context
            return self._trusted[bundle]
