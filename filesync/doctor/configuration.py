"""The configuration: the variables, connector.yaml, what is odd in it, and what its endpoints' logins lack."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from filesync.config import Config, ConfigProblems
from filesync.config.problems import ConfigProblem
from filesync.core.errors import ConfigError
from filesync.doctor.findings import Finding, counted, fail, ok, warn


def check_variables(mistakes: Sequence[str], misnamed: Sequence[str], env: Path) -> Finding:
    """Judge the environment and `.env`; `misnamed` says of names in it what was probably meant."""
    if mistakes:
        more = f" ({counted(len(mistakes), 'mistake')})" if len(mistakes) > 1 else ""
        return fail("configuration", "variables", f"{mistakes[0]}{more}", f"correct it in the environment or in {env}")
    if misnamed:
        return warn("configuration", "variables", "; ".join(misnamed), f"correct the name in {env}, or remove it")
    return ok("configuration", "variables", "every variable can be read")


def check_file(config: Config | None, error: ConfigError | None, path: Path) -> Finding:
    """Judge connector.yaml: what was made of it, or why nothing could be."""
    if isinstance(error, ConfigProblems):
        number = len(error.mistakes)
        first = str(error.mistakes[0])
        return fail(
            "configuration", "file", f"{counted(number, 'mistake')}; the first: {first}", "filesync config check"
        )
    if error or config is None:
        fix = "filesync init, then copy the example and fill it in"
        if os.path.lexists(path):
            fix = "put a readable file there; then: filesync config check"
        return fail("configuration", "file", str(error), fix)
    active = sum(each.is_active for each in config.endpoints)
    sets = [each for each in config.sets if each.template.is_active]
    if not active and not sets:
        return warn("configuration", "file", f"{path}: no endpoint is active", "activate one: is_active: true")
    said = f", {counted(len(sets), 'set')}" if sets else ""
    return ok("configuration", "file", f"{path}: {counted(len(config.endpoints), 'endpoint')}, {active} active{said}")


def check_remarks(notices: Sequence[ConfigProblem]) -> Iterator[Finding]:
    """Repeat what `config check` remarks, such as endpoints that overlap."""
    for each in notices:
        yield warn("configuration", "remarks", str(each), "change it in connector.yaml, or leave it if it is intended")
    if not notices:
        yield ok("configuration", "remarks", "none")


def check_logins(missing: Sequence[str], known: Sequence[str]) -> Iterator[Finding]:
    """Name endpoints that cannot be opened; what is `known` of a login is said once, where the logins are."""
    others = [each for each in missing if not any(problem in each for problem in known)]
    for each in others:
        yield fail(
            "configuration", "logins", each, "set what it names; then: filesync config check", each.partition(":")[0]
        )
    if not others:
        yield ok(
            "configuration", "logins", "every active endpoint has what its login needs" if not missing else "see below"
        )
