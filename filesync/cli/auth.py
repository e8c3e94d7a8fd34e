"""`filesync auth`: log in once in a browser, see how the logins are, log out."""

import contextlib
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any, NoReturn

import typer  # noqa: TID251  the command layer

from filesync.app.home import Home
from filesync.app.logins import (
    SERVICES,
    config_of,
    connector_of,
    endpoints_of,
    google_user,
    has_sets,
    login_states,
    three_legged,
)
from filesync.auth import autodesk as autodesk_logins
from filesync.auth import google as google_logins
from filesync.auth.consent import Consent, redirect_uri
from filesync.auth.logins import DamagedLoginError
from filesync.auth.loopback import Listener, Reception, read_pasted
from filesync.auth.user_login import NOBODY, Person
from filesync.cli.options import AsJson
from filesync.cli.output.rows import View, choose, show
from filesync.cli.output.table import Column
from filesync.cli.stdin_lines import typed_lines
from filesync.cli.terminal import Terminal, home_and_terminal
from filesync.config import Endpoint
from filesync.core.errors import (
    AuthError,
    FilesyncError,
    RefusedError,
    ResponseError,
    TlsError,
    TransientError,
    UsageError,
)
from filesync.core.identity import check_identity
from filesync.core.model import Identity
from filesync.http import Connector
from filesync.runtime.settings import Settings

_PLAIN: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None, "no_args_is_help": True}
_PATIENCE = 600.0  # seconds for a person to sign in and consent
_LOGIN_NEEDED = 77
_CLIENT_FILE = "./credentials/google-oauth-client.json"

app = typer.Typer(**_PLAIN, help="Log in to a service, see how the logins are, log out.")
autodesk = typer.Typer(**_PLAIN, help="Autodesk's logins.")
google = typer.Typer(**_PLAIN, help="Google's logins.")
app.add_typer(autodesk, name="autodesk")
app.add_typer(google, name="google")

Port = Annotated[
    int, typer.Option("--port", min=1, max=65_535, metavar="N", help="The port of the registered callback address.")
]
NoBrowser = Annotated[
    bool, typer.Option("--no-browser", help="Print the address; accept the address that it leads to, pasted back.")
]
CredentialsName = Annotated[
    str | None,
    typer.Option("--credentials", metavar="NAME", help="A named set in connector.yaml; else the environment."),
]


@autodesk.command("login")
def log_in_to_autodesk(
    ctx: typer.Context, *, port: Port = 8765, no_browser: NoBrowser = False, credentials: CredentialsName = None
) -> None:
    """Log in as a person: consent in a browser, then filesync keeps the login alive.

    http://localhost:8765/callback must be registered as a callback address of the app.
    """
    home, terminal = home_and_terminal(ctx)
    settings, connector = _settings(home, credentials), connector_of(home)
    login = three_legged(settings, connector)
    login.file.check_writable()
    preferred = autodesk_logins.preferred_to_person(settings.variables, settings.credentials)
    if preferred:
        terminal.complain(f"this login will not be used: {preferred}")
    consent = login.ask(redirect_uri(port))
    login.take(consent, _consented(home, terminal, connector, consent, port, no_browser=no_browser))
    identity = _welcome(terminal, "autodesk", login.person())
    if identity and not preferred:
        _take_effect(home, terminal, settings, "autodesk", identity)


@google.command("login")
def log_in_to_google(  # noqa: PLR0913  one parameter for each option
    ctx: typer.Context,
    *,
    client: Annotated[
        str, typer.Option("--client", metavar="PATH", help="The OAuth client's JSON file, from the Cloud console.")
    ] = _CLIENT_FILE,
    discover: Annotated[
        bool,
        typer.Option("--discover", help="Also ask for the scope that finds shared drives by name (drive.readonly)."),
    ] = False,
    port: Port = 8765,
    no_browser: NoBrowser = False,
    credentials: CredentialsName = None,
) -> None:
    """Log in as a person, with an OAuth client of your own (type Desktop app)."""
    home, terminal = home_and_terminal(ctx)
    settings, connector = _settings(home, credentials), connector_of(home)
    oauth_client = google_logins.read_client(settings.path(client))
    finds_drives = discover or has_sets(home, "google", settings.credentials)
    scopes = google_logins.READ_ONLY if finds_drives else google_logins.METADATA_ONLY
    user = google_user(settings, connector)
    sign_in = google_logins.BrowserLogin(user.sources, connector)
    sign_in.file.check_writable()
    preferred = google_logins.preferred_to_person(settings.variables, settings.path, settings.credentials)
    if preferred:
        terminal.complain(f"this login will not be used: {preferred} comes first: move it away, or unset what names it")
    consent = sign_in.ask(oauth_client, redirect_uri(port), scopes)
    code = _consented(home, terminal, connector, consent, port, no_browser=no_browser)
    sign_in.take(oauth_client, consent, code, scopes)
    identity = _welcome(terminal, "google", user.person)
    if identity and not preferred:
        _take_effect(home, terminal, settings, "google", identity)


@autodesk.command("status")
def show_autodesk(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Show who is logged in to Autodesk, how, and until when; exit code 77 when a login is needed."""
    _show(*home_and_terminal(ctx), "autodesk", json=json)


@google.command("status")
def show_google(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Show who is logged in to Google, how, and until when; exit code 77 when a login is needed."""
    _show(*home_and_terminal(ctx), "google", json=json)


@autodesk.command("logout")
def log_out_of_autodesk(ctx: typer.Context, *, credentials: CredentialsName = None) -> None:
    """End a person's login: at Autodesk, and here."""
    home, terminal = home_and_terminal(ctx)
    settings = _settings(home, credentials)
    login = three_legged(settings, connector_of(home))
    _log_out(terminal, "autodesk", login)
    _say_what_follows(terminal, settings)


@google.command("logout")
def log_out_of_google(ctx: typer.Context, *, credentials: CredentialsName = None) -> None:
    """End the login that `filesync auth google login` made: at Google, and here."""
    home, terminal = home_and_terminal(ctx)
    connector = connector_of(home)
    user = google_user(_settings(home, credentials), connector)
    _log_out(terminal, "google", google_logins.BrowserLogin(user.sources, connector))


def _settings(home: Home, credentials: str | None) -> Settings:
    config = config_of(home)
    if credentials is not None and credentials not in config.credentials:
        raise UsageError(f"no set of credentials is named {credentials[:200]!r} in {home.config_path}")
    return config.settings_for(credentials or "")


def _consented(  # noqa: PLR0913  who is asked, for what, and how
    home: Home, terminal: Terminal, connector: Connector, consent: Consent, port: int, *, no_browser: bool
) -> str:
    """Have a person consent, and give the code that proves it."""
    reception = Reception(consent, connector.redactor)
    with _listening(terminal, reception, port, by_hand=no_browser):
        if no_browser or not terminal.open_browser(consent.address):
            _offer_by_hand(terminal, consent, reception)
        else:
            terminal.note(f"a browser was opened; if it was not, go to:\n{consent.address}")
        terminal.note(f"waiting for up to {_PATIENCE / 60:.0f} minutes; Ctrl-C leaves everything as it was")
        return reception.code(home.clock, _PATIENCE)


def _listening(terminal: Terminal, reception: Reception, port: int, *, by_hand: bool) -> AbstractContextManager[Any]:
    try:
        return Listener(port, reception, terminal.note)
    except AuthError:
        if not by_hand:
            raise
        terminal.note(f"port {port} cannot be listened on, but the address can be pasted")
        return nullcontext()


def _offer_by_hand(terminal: Terminal, consent: Consent, reception: Reception) -> None:
    terminal.note("open this address in a browser on any machine:")
    terminal.write(f"{consent.address}\n")
    terminal.flush()
    terminal.note(
        f"then it leads to {consent.redirect_uri}?...: where that page cannot be shown, copy its address from the "
        "browser and paste it here"
    )
    lines = typed_lines(terminal.stdin, reception.is_over)
    threading.Thread(target=read_pasted, args=(lines, reception, terminal.note), name="pasted", daemon=True).start()


def _welcome(terminal: Terminal, service: str, person: Person) -> Identity | None:
    """Say who is logged in now and how long that lasts; the login is kept, whatever fails here."""
    try:
        identity = person.identity()
    except FilesyncError as error:
        terminal.complain(f"logged in, but {SERVICES[service]} does not say as whom: {error}")
        identity = None
    is_named = identity and not identity.user.startswith(NOBODY)
    user = identity.user if identity and is_named else "an account whose name the service does not show"
    terminal.note(f"logged in to {SERVICES[service]} as {user}; kept in {person.file.path}")
    _say_how_long(terminal, person)
    return identity


def _say_how_long(terminal: Terminal, person: Person) -> None:
    kept = person.file.read()
    if kept is None or kept.refresh_expires_at is None:
        return
    ends = f"{kept.refresh_expires_at:%Y-%m-%d}"
    if kept.lives_on:
        terminal.note(f"it stays alive as long as filesync runs; unused it ends {ends}")
    else:
        terminal.complain(
            f"this login ends {ends}, however often it is used, as it does while the OAuth app's publishing status is "
            "Testing: publish the app and log in again, see 'Your own OAuth client' in OAUTH_SETUP.md"
        )


def _take_effect(home: Home, terminal: Terminal, settings: Settings, service: str, identity: Identity) -> None:
    """Let the endpoints that waited for this login run at the next start; name those that were read by another one."""
    endpoints = endpoints_of(home, service, settings.credentials)
    stopped = {}
    for endpoint in endpoints:
        name = _name_to_accept(endpoint)
        try:
            check_identity(name, home.identity_of(endpoint), identity)
        except AuthError as refusal:
            stopped[name] = str(refusal)
    for name, said in stopped.items():
        terminal.complain(f"{name}: {said}")
    home.wake(endpoints)


def _name_to_accept(endpoint: Endpoint) -> str:
    """Name the endpoint, or the whole set that it belongs to."""
    return endpoint.membership.set_name if endpoint.membership else endpoint.name


def _show(home: Home, terminal: Terminal, service: str, *, json: bool) -> None:
    form = choose(json=json)
    states = login_states(home, service)
    show(terminal, form, _VIEW, [state.to_row() for state in states])
    if not json:
        for state in states:
            if state.problem or state.warning:
                terminal.complain(f"{state.credentials or 'environment'}: {state.problem or state.warning}")
    if any(state.problem for state in states):
        raise typer.Exit(_LOGIN_NEEDED)


def _log_out(terminal: Terminal, service: str, login: autodesk_logins.ThreeLegged | google_logins.BrowserLogin) -> None:
    path, said = login.file.path, SERVICES[service]
    if not path.exists():
        terminal.note(f"nobody is logged in to {said}: there is no {path}")
        return
    try:
        login.file.remove(login.end)
    except DamagedLoginError:
        login.file.remove_unseen()
        terminal.complain(f"{path} is removed; it was no whole login, so {said} could not be notified")
        raise typer.Exit(1) from None
    except RefusedError as problem:
        if problem.reason == "invalid_client":
            raise AuthError(
                f"{problem}; nothing was removed: mend the client's id or secret, then log out"
            ) from problem
        _remove_untold(terminal, service, login, problem)
    except (TransientError, ResponseError, TlsError) as problem:
        _remove_untold(terminal, service, login, problem)
    terminal.note(f"logged out of {said}; {path} is removed")


def _say_what_follows(terminal: Terminal, settings: Settings) -> None:
    """Say which login Autodesk's endpoints are read with from now on."""
    with contextlib.suppress(AuthError):
        flow = autodesk_logins.flow_of(settings.variables, settings.path("tokens"), settings.credentials)
        terminal.note(f"from now on syncs log in as the settings say: {flow}; see filesync auth autodesk status")


def _remove_untold(
    terminal: Terminal,
    service: str,
    login: autodesk_logins.ThreeLegged | google_logins.BrowserLogin,
    problem: FilesyncError,
) -> NoReturn:
    login.file.remove_unseen()
    terminal.complain(
        f"{login.file.path} is removed, but {SERVICES[service]} could not be notified: {problem}; the login stays "
        "valid there until it ends, or is revoked in the account's settings"
    )
    raise typer.Exit(problem.exit_code) from problem


def _identity(row: Any) -> str:
    return row["user"] or row["client"] or ""


def _day(text: str | None) -> str:
    return "" if text is None else f"{text[:10]} {text[11:16]}"


_MOODS = {"ok": "good", "expiring": "warn", "login_needed": "bad"}
_VIEW = View(
    "logins",
    (
        Column("CREDENTIALS", lambda row: row["credentials"] or "environment", rank=4),
        Column("STATE", lambda row: row["state"], mood=lambda row: _MOODS[row["state"]]),
        Column("FLOW", lambda row: row["flow"] or ""),
        Column("IDENTITY", _identity, least=20),
        Column("SCOPES", lambda row: " ".join(scope.rpartition("/")[2] for scope in row["scopes"]), rank=3),
        Column("ACCESS UNTIL (UTC)", lambda row: _day(row["access_expires_at"]), rank=2),
        Column("LOGIN UNTIL (UTC)", lambda row: _day(row["refresh_expires_at"]), spare=True),
        Column(
            "DAYS LEFT", lambda row: "" if row["days_left"] is None else f"{row['days_left']:g}", right=True, spare=True
        ),
        Column("MODE", lambda row: row["mode"] or "", rank=1, spare=True),
        Column("FILE", lambda row: row["file"] or "", rank=5, spare=True),
    ),
)
