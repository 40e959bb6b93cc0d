"""The settings of the lake, and the forms they must have; its secrets are in settings.py.

Opening what they name belongs to lake/connection.py.
"""

from typing import Any

from pydantic import BaseModel, Field, ValidationInfo, field_validator

POSTGRES, S3 = "postgres:", "s3://"


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
