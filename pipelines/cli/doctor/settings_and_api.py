"""The doctor's look at settings, budgets and API: what is set and where, misspelt names, one GET with the key.

Values of secrets are never read here, only their names. Files and history are examined elsewhere.
"""

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path

import msgspec
from dotenv import dotenv_values

from pipelines.cli.doctor.finding import Finding, Level
from pipelines.clock import Clock
from pipelines.console.number_format import count, duration, shown_path
from pipelines.demo.simulated_api import KEY
from pipelines.errors import BadSettings, RecoupError
from pipelines.home import DOTENV, HOME, find_home
from pipelines.ingest.clock_check import MOST_AHEAD, WORTH_TELLING, clock_skew
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Request, Response
from pipelines.settings import Settings
from pipelines.transform.account_names import read_account_names
from pipelines.transform.budgets import read_budgets

PREFIX = "RECOUP_"


def known_variables() -> list[str]:
    """List the variables that settings.py reads."""
    return [PREFIX + name.upper() for name in Settings.model_fields]


def set_variables(env_file: Path | None) -> dict[str, str]:
    """Map each RECOUP_ variable that is set to where: the environment wins over .env."""
    in_file = dict.fromkeys(dotenv_values(env_file), ".env") if env_file else {}
    in_environment = dict.fromkeys(os.environ, "environment")
    origins = {name.upper(): source for name, source in (in_file | in_environment).items()}
    return {name: source for name, source in sorted(origins.items()) if name.startswith(PREFIX)}


def examine_settings() -> Iterator[Finding]:
    """Tell where settings come from, and name variables that nobody reads."""
    try:
        home = find_home()
    except BadSettings:
        return  # told by whoever loaded the settings
    origins, known = set_variables(home.env_file), known_variables()
    named = [f"{name} ({source})" for name, source in origins.items() if name in known]
    yield Finding("ok", "settings", ", ".join(named) + " set, the rest default" if named else "all default")
    yield Finding("ok", "settings", f"home is {home.folder}: {home.why}; relative settings begin there")
    missing = f"there is no {home.folder / DOTENV}; nothing was read"
    yield Finding("ok", "settings", f"{home.env_file} was read" if home.env_file else missing)
    for name in origins.keys() - set(known):
        close = get_close_matches(name, known, n=1)
        advice = f"did you mean {close[0]}?" if close else "see .env.example for every variable"
        yield Finding("warn", "settings", f"{name} ({origins[name]}) is not a setting", advice)
    yield from _env_file(home.env_file)


def _env_file(file: Path | None) -> Iterator[Finding]:
    names = dotenv_values(file) if file else {}
    if file and "RECOUP_API_KEY" in names and file.stat().st_mode & stat.S_IRWXO:
        text = f"{shown_path(file)} holds the key and others on this machine can read it"
        yield Finding("warn", "settings", text, f"chmod 600 {shown_path(file)}")
    if names.get(HOME):
        yield Finding("warn", "settings", f"{HOME} in {file} is not read, since the home leads to that file")


def examine_budgets(settings: Settings) -> Finding:
    """Read the file of budgets as the next build will."""
    try:
        budgets = read_budgets(settings)
    except BadSettings as error:
        return Finding("fail", "budgets", str(error))
    where = shown_path(settings.budgets_path)
    return Finding(
        "ok", "budgets", f"{count(len(budgets), 'budget')} in {where}" if budgets else f"none; they stand in {where}"
    )


def examine_account_names(settings: Settings) -> Finding:
    """Read the names of accounts as the next build will."""
    try:
        names = read_account_names(settings.layout)
    except BadSettings as error:
        return Finding("fail", "accounts", str(error))
    where = shown_path(settings.layout.account_names_file)
    return Finding(
        "ok", "accounts", f"{count(len(names), 'name')} in {where}" if names else f"no names; they stand in {where}"
    )


def examine_api(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Ask the API once for the tasks of the first account."""
    if settings.api_key is None:
        yield Finding(
            "warn",
            "api",
            "RECOUP_API_KEY is not set, so nothing was asked",
            "set it (in the environment or .env) to poll your own tasks; `recoup-warehouse demo` works without",
        )
        return
    account = next(iter(settings.account_ids), None)
    try:
        # One try: the doctor tells how it is now, and a person waits for it.
        with RecoupClient(settings.model_copy(update={"max_attempts": 1}), clock=clock) as client:
            response = client.get(Request.tasks(account_id=account))
        tasks = len(msgspec.json.decode(response.body)["tasks"])
    except RecoupError as error:
        yield Finding("fail", "api", str(error))
        return
    except (ValueError, KeyError, TypeError):
        yield Finding("fail", "api", f"{settings.api_url} answers something else than tasks", "check RECOUP_API_URL")
        return
    seconds = (response.received_at - response.requested_at).total_seconds()
    key = "the simulator's key" if settings.api_key.get_secret_value() == KEY else "the key"
    text = f"{settings.api_url} accepts {key} and shows {count(tasks, 'task')} in {seconds:.1f} s"
    yield Finding("ok" if tasks else "warn", "api", text, "" if tasks else "set RECOUP_ACCOUNT_IDS if you expect some")
    yield from _clock(response)


def _clock(response: Response) -> Iterator[Finding]:
    skew = clock_skew(response)
    if abs(skew) <= WORTH_TELLING:
        return
    side = "behind" if skew > timedelta() else "ahead of"
    text = f"the clock of this machine is {duration(abs(skew))} {side} the API's"
    level: Level = "fail" if -skew > MOST_AHEAD else "warn"
    yield Finding(level, "clock", text, "set the clock; polls are stamped and ordered by it")
