"""Proxies and certificate authorities: what the variables of the network say, and whether it can be so."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from filesync.core.key_material import quotable
from filesync.doctor.findings import Finding, Skipped, fail, ok, warn
from filesync.http import tls
from filesync.runtime.environment import problem_with

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
_PATIENCE = 5.0  # seconds to connect


def check_proxies(
    environ: Mapping[str, str], written: Mapping[str, str], *, offline: bool
) -> Iterator[Finding | Skipped]:
    """Look at the proxies of the environment; `written` is what `.env` says, which reaches no request."""
    yield from _in_vain("proxy", (*_PROXIES, "NO_PROXY"), environ, written)
    found = {name: value for name in _PROXIES if (value := _value(environ, name))}
    for name, value in found.items():
        yield _proxy(name, value, offline=offline)
    for entry in filter(None, map(str.strip, _value(environ, "NO_PROXY").split(","))):
        if "://" in entry:
            fix = "write names of hosts, domains or addresses with commas between them"
            yield warn("network", "proxy", f"NO_PROXY: {quotable(entry, 80)} is the name of no host", fix, "NO_PROXY")
    if not found:
        yield ok("network", "proxy", "none is set")


def check_authorities(environ: Mapping[str, str], written: Mapping[str, str]) -> Iterator[Finding]:
    """Look at the file of certificate authorities that is to be trusted."""
    yield from _in_vain("authorities", tls.BUNDLES, environ, written)
    trusted = tls.authorities(environ)
    named = trusted.bundle or trusted.ignored
    problem = problem_with(named.name, named.value) if named else ""
    if named and problem:  # it may be a key: not repeated, not tried
        fix = f"set {named.name} to the file of your certificate authority, in PEM, or unset it"
        yield fail("network", "authorities", f"{named.name}: {problem}", fix, named.name)
    elif trusted.bundle:
        yield _bundle(trusted.bundle)
    elif trusted.ignored:
        name = trusted.ignored.name
        detail = (
            f"{name} is set to {tls.shown_path(trusted.ignored.value)}, and is not what filesync's requests look at"
        )
        yield warn("network", "authorities", detail, "set REQUESTS_CA_BUNDLE as well", name)
    else:
        yield ok("network", "authorities", "those that come with the program")


def _in_vain(
    check: str, names: tuple[str, ...], environ: Mapping[str, str], written: Mapping[str, str]
) -> Iterator[Finding]:
    for name in names:
        if _value(written, name) and not _value(environ, name):
            fix = "set it in the environment of filesync: above its line in the crontab, or with systemctl edit"
            yield warn("network", check, f".env sets {name}, which reaches no request from there", fix, name)


def _value(values: Mapping[str, str], name: str) -> str:
    """Read a variable as `requests` does: written small first."""
    return values.get(name.lower()) or values.get(name) or ""


def _proxy(name: str, value: str, *, offline: bool) -> Finding | Skipped:
    """Judge one proxy; its address is not repeated, for it may hold a password."""
    example = f"set {name} to an address such as http://proxy.example.com:3128, or unset it"
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, usual = parts.hostname, _PORTS[parts.scheme]
        port = parts.port or usual
    except (ValueError, KeyError):
        return fail("network", "proxy", f"{name}: is not the address of a proxy", example, name)
    problem = problem_with(name, value) or ("" if host else "names no host")
    if problem:
        return fail("network", "proxy", f"{name}: {problem}", example, name)
    if parts.scheme.startswith("socks") and not _has_socks():
        return fail(
            "network", "proxy", f"{name}: SOCKS needs a package that is not installed", "pip install pysocks", name
        )
    if offline:
        return ok("network", "proxy", f"{name}: {_shown(parts)}; not asked", name)
    try:
        socket.create_connection((host, port), timeout=_PATIENCE).close()
    except OSError as error:
        detail = f"{name}: {_shown(parts)} cannot be reached: {error.strerror or error}"
        return fail("network", "proxy", detail, f"start the proxy, or correct {name} (NO_PROXY makes exceptions)", name)
    return ok("network", "proxy", f"{name}: {_shown(parts)} is there", name)


def _shown(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"


def _has_socks() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415  hardly ever asked

    return find_spec("socks") is not None


def _bundle(variable: tls.Variable) -> Finding:
    name, path = variable.name, Path(variable.value)
    problem = tls.problem_of(path)
    if problem:
        fix = f"set {name} to the file of your certificate authority, in PEM, or unset it"
        return fail("network", "authorities", f"{variable} {problem}", fix, name)
    if path.is_dir():
        return ok("network", "authorities", f"{name}: the folder {path}", name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    return ok("network", "authorities", f"{name}: {path}, {context.cert_store_stats()['x509_ca']} authorities", name)
