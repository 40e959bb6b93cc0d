"""All settings, typed: the only place that reads their values from the environment or `.env`.

Elsewhere the environment is passed on to Dagster (cli/dev_server.py), its names are listed
(cli/doctor/settings_and_api.py), the user's cache folder is looked up in it (user_cache.py), and Dagster's home
(orchestrate/dagster_home.py); a home is put into it where there is none (cli/main.py), and RECOUP_HOME by `--home`.
Which `.env` is read, and from where relative paths begin, is chosen in home.py.
"""

import ipaddress
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipelines.errors import BadSettings
from pipelines.home import find_home
from pipelines.lake_settings import SettingsOfShards, SettingsOfTheLake
from pipelines.paths import Layout


class PrivateColumn(StrEnum):
    """Columns that leave only a hash and a size unless RECOUP_PRIVACY_KEEP names them."""

    PROMPT = "prompt"
    OWNER_EMAIL = "owner_email"
    PAYLOAD = "payload"
    OUTPUT = "output"
    STACK_TRACE = "stack_trace"
    ENV_USER = "env_user"


UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class SettingsOfTheLog(BaseSettings):
    """What is needed to say anything at all, and what must never be said; readable when other settings are wrong."""

    model_config = SettingsConfigDict(env_prefix="RECOUP_", extra="ignore", frozen=True, hide_input_in_errors=True)

    log_format: Literal["text", "json"] = "text"
    api_key: SecretStr | None = None
    privacy_key: SecretStr | None = None
    serve_token: SecretStr | None = None
    incident_sinks: SecretStr | None = None
    heartbeat_url: SecretStr | None = None
    lake_catalog_password: SecretStr | None = None
    lake_s3_key_id: SecretStr | None = None
    lake_s3_secret: SecretStr | None = None

    @classmethod
    def tolerant(cls) -> "SettingsOfTheLog":
        """Read what can be read."""
        try:
            return cls(_env_file=find_home().env_file)
        except (BadSettings, ValueError):
            return SettingsOfTheLog.model_construct()

    def secrets(self) -> tuple[str, ...]:
        """Return the values of all secret settings that are set; of several addresses, each."""
        values = {name: value.get_secret_value() for name, value in self if isinstance(value, SecretStr)}
        addresses = values.pop("incident_sinks", "").split()
        return (*addresses, *(stripped for value in values.values() if (stripped := value.strip())))


class Settings(SettingsOfShards, SettingsOfTheLog, SettingsOfTheLake):
    """One field per environment variable, `RECOUP_` + the field's name in capitals."""

    home: Path = Path()

    api_url: str = "https://recoup-api.vercel.app"
    account_ids: CommaSeparated = ()
    artist_account_ids: CommaSeparated = ()
    task_ids: CommaSeparated = ()
    warehouse_dir: Path = Path("warehouse")
    budgets_file: Path | None = None
    reporting_timezone: str = "UTC"
    privacy_keep: Annotated[frozenset[PrivateColumn], NoDecode] = frozenset()
    snapshots_kept: int = Field(default=5, ge=3, le=1000)

    run_details: Literal["auto", "off"] = "auto"
    details_per_poll: int = Field(default=100, ge=0, le=10_000)
    concurrency: int = Field(default=4, ge=1, le=32)
    timeout_seconds: float = Field(default=90, ge=1, le=600)
    poll_seconds: float = Field(default=1800, ge=1, le=86_400)
    max_attempts: int = Field(default=5, ge=1, le=20)
    max_body_megabytes: int = Field(default=256, ge=1, le=4096)
    lock_wait_seconds: float = Field(default=60, ge=0, le=3600)
    memory_limit: str = Field(default="850MB", pattern=r"^\d+(MB|GB)$")
    incident_limits_file: Path | None = None
    digest: Literal["off", "daily"] = "off"
    metrics_file: Path | None = None

    schedules: bool = False
    nightly_at: str = Field(default="02:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    nightly_timezone: str | None = None
    poll_interval_min_seconds: int = Field(default=300, ge=30)
    poll_interval_max_seconds: int = Field(default=21_600, ge=60)
    poll_runs_kept: int = Field(default=200, ge=1)

    @field_validator("account_ids", "artist_account_ids", "task_ids", "privacy_keep", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("account_ids", "artist_account_ids", "task_ids")
    @classmethod
    def _distinct_uuids(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        # As the API writes them: an id in capitals is answered, and then equals no id in the answer.
        return tuple(dict.fromkeys(_uuid(position, value) for position, value in enumerate(values, start=1)))

    @field_validator(
        "api_key",
        "privacy_key",
        "serve_token",
        "budgets_file",
        "nightly_timezone",
        "incident_sinks",
        "incident_limits_file",
        "metrics_file",
        "heartbeat_url",
        "lake_catalog_password",
        "lake_s3_key_id",
        "lake_s3_secret",
        mode="before",
    )
    @classmethod
    def _blank_is_unset(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("api_url")
    @classmethod
    def _https_unless_loopback(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an origin like https://recoup-api.vercel.app")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("must be https: only loopback may be plain http, since the key travels with it")
        if parts.path.strip("/") or parts.query or parts.username:
            raise ValueError("must be an origin without path, query or credentials")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("warehouse_dir")
    @classmethod
    def _plain_path(cls, value: Path, info: ValidationInfo) -> Path:
        # DuckDB reads such a name as a pattern, and would load the files of a neighbour.
        path = str((info.data["home"] / value).absolute())
        odd = sorted(set(path) & set("*?[]{}")) or not path.isprintable()
        if odd:
            raise ValueError("must lie in folders whose names have none of * ? [ ] { } and no control characters")
        return value

    @field_validator("metrics_file")
    @classmethod
    def _as_collected(cls, value: Path | None) -> Path | None:
        if value is not None and value.suffix != ".prom":
            raise ValueError("must end with .prom, since node_exporter reads no other file")
        return value

    @field_validator("reporting_timezone", "nightly_timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        try:
            ZoneInfo(value or "UTC")
        except (KeyError, OSError, ValueError) as error:
            raise ValueError("must be an IANA zone like Europe/Berlin") from error
        return value

    @property
    def layout(self) -> Layout:
        """The files below `warehouse_dir`, absolute."""
        return Layout(self.at_home(self.warehouse_dir))

    @property
    def budgets_path(self) -> Path:
        """The file of budgets, absolute; only one that `budgets_file` names has to be there."""
        return self.at_home(self.budgets_file) if self.budgets_file else self.layout.budgets_file

    @property
    def incident_limits_path(self) -> Path | None:
        """The user's own file of limits, absolute."""
        return self.at_home(self.incident_limits_file) if self.incident_limits_file else None

    @property
    def metrics_path(self) -> Path | None:
        """The file of figures for a monitor, absolute."""
        return self.at_home(self.metrics_file) if self.metrics_file else None

    def at_home(self, path: Path) -> Path:
        """Resolve a setting's path: relative ones against the home, never against the current folder."""
        return (self.home / path.expanduser()).resolve()

    @property
    def is_filtered(self) -> bool:
        """True when filters make every poll partial, so that it can mark nothing deleted."""
        return bool(self.artist_account_ids or self.task_ids)

    @classmethod
    def load(cls, **overrides: Any) -> "Settings":
        """Read `.env` and the environment; overrides win. Raises BadSettings naming each variable, never its value."""
        found = find_home()
        try:
            return cls(**{"_env_file": found.env_file, "home": found.folder} | overrides)
        except UnicodeDecodeError:
            raise BadSettings(f"{found.env_file} is not UTF-8; save it as UTF-8") from None
        except ValidationError as error:
            faults = "; ".join(
                f"RECOUP_{'_'.join(str(part) for part in fault['loc'][:1]).upper()} "
                f"{fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors()
            )
            raise BadSettings(f"{faults}. See .env.example for every variable and its form") from error


def _uuid(position: int, value: str) -> str:
    if not UUID.fullmatch(value):
        form = "848cd58d-700f-4b38-ab4c-d9f52a1b2c3d"
        raise ValueError(f"holds no UUID at position {position}; write ids like {form}, comma-separated")
    return value.lower()


def is_loopback(host: str) -> bool:
    """Tell whether a host name can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
