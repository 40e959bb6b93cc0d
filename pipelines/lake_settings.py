"""The settings of the lake and of shards, and the forms they must have; secrets are in settings.py.

Opening what they name belongs to lake/connection.py.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from pipelines.errors import BadSettings

POSTGRES, S3 = "postgres:", "s3://"
SHARD = re.compile(r"[a-z][a-z0-9_]{0,29}")
SHARDS_NEED = {
    "lake_catalog": "RECOUP_LAKE_CATALOG and RECOUP_LAKE_DATA, since shards meet in a lake",
    "privacy_key": "RECOUP_PRIVACY_KEY, the same for all shards, since hashes by several keys do not compare",
}


class SettingsOfTheLake(BaseModel):
    """Where the lake lies: nothing is written to one unless catalog and data are both named."""

    lake_catalog: str | None = None
    lake_data: str | None = Field(default=None, validate_default=True)
    lake_s3_endpoint: str | None = None
    lake_s3_region: str = "us-east-1"
    lake_kept_days: int = Field(default=30, ge=1, le=36_500)

    @field_validator("lake_catalog", "lake_data", "lake_s3_endpoint", mode="before")
    @classmethod
    def _blank_is_no_lake(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("lake_catalog")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        # The catalog's address is shown in messages.
        if value is not None and "password=" in value.lower():
            raise ValueError("must hold no password; RECOUP_LAKE_CATALOG_PASSWORD is the place for it")
        if value is not None and "://" in value:
            raise ValueError("must be like postgres:host=db.example dbname=recoup user=recoup, or the name of a file")
        return value

    @field_validator("lake_s3_endpoint")
    @classmethod
    def _an_origin(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with https:// (or http:// on a network of your own)")
        return value

    @field_validator("lake_data")
    @classmethod
    def _both_or_neither(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "lake_catalog" in info.data and (value is None) != (info.data["lake_catalog"] is None):
            raise ValueError("and RECOUP_LAKE_CATALOG belong together: set both or neither")
        return value

    @property
    def has_lake(self) -> bool:
        """True when publishing writes into a lake, too."""
        return self.lake_catalog is not None


class SettingsOfShards(BaseModel):
    """Which part of a warehouse with several pollers this is; as a rule it is the whole.

    Must come before the other settings among the bases of a class: what it is checked against is then read already.
    """

    shard: str | None = None
    shards: Annotated[tuple[str, ...], NoDecode] = ()
    # After `shards`, which it is checked against.
    executor: Literal["in_process", "celery", "k8s"] = "in_process"

    @field_validator("shard", mode="before")
    @classmethod
    def _blank_is_no_shard(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("shard")
    @classmethod
    def _a_name_with_all_it_needs(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            _check_shards([value], info.data)
        return value

    @field_validator("shards", mode="before")
    @classmethod
    def _split_shards(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("shards")
    @classmethod
    def _names_with_all_they_need(cls, values: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if values and info.data.get("shard"):
            raise ValueError("and RECOUP_SHARD exclude each other: a home polls for a shard, or it gathers several")
        if values:
            _check_shards(values, info.data)
        return tuple(dict.fromkeys(values))

    @field_validator("executor")
    @classmethod
    def _for_shards(cls, value: str, info: ValidationInfo) -> str:
        if value != "in_process" and "shards" in info.data and not (info.data["shards"] or info.data.get("shard")):
            raise ValueError(
                "says where Dagster runs the polls of shards, and is set where RECOUP_SHARDS or RECOUP_SHARD is; "
                "all else runs in one process"
            )
        return value

    def refuse_gatherer(self, what: str) -> None:
        """Raise BadSettings in a warehouse that gathers shards, which has no archive; `what` cannot be done there."""
        if self.shards:
            raise BadSettings(
                f"this warehouse gathers the shards {', '.join(self.shards)}, and their archives are there: {what}. "
                "Here `recoup-warehouse poll` gathers what they handed over"
            )


def _check_shards(names: Iterable[str], settings: Mapping[str, Any]) -> None:
    """Raise ValueError when a name has not the form of one, or when the other settings do not go with shards."""
    if not all(map(SHARD.fullmatch, names)):
        raise ValueError("must be of small letters, digits and _, a letter first, at most 30")
    for name, told in SHARDS_NEED.items():
        if name in settings and settings[name] is None:
            raise ValueError(f"also needs {told}")
    data = str(settings.get("lake_data") or "")
    if data.startswith(S3) and "/" not in data.removeprefix(S3).rstrip("/"):
        raise ValueError("also needs a folder in the bucket of RECOUP_LAKE_DATA, beside which those of shards lie")
