"""From which measure on something is an incident: the file of limits, read and checked. Measuring belongs to observe.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StrictBool,
    StrictFloat,
    StrictInt,
    TypeAdapter,
    ValidationError,
)

from pipelines.errors import BadSettings
from pipelines.paths import SQL_DIR

STANDARD = SQL_DIR / "incidents" / "limits.yml"


def _only_off(value: bool) -> bool:
    if value:
        raise ValueError("must be a number, or off")
    return value


# Strict, since 0 is a limit and no `off`.
Limit = Annotated[StrictBool, AfterValidator(_only_off)] | StrictInt | StrictFloat


class KindLimits(BaseModel):
    """The limit of a kind, and those of single subjects; False (`off` in YAML) switches it off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Limit
    subjects: Mapping[str, Limit] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits, by kind."""

    by_kind: Mapping[str, KindLimits]

    def of(self, kind: str, subject: str) -> float | None:
        """Return the limit of a subject; None when it is switched off."""
        limits = self.by_kind[kind]
        limit = limits.subjects.get(subject, limits.limit)
        return None if limit is False else float(limit)


def read_limits(own: Path | None) -> Limits:
    """Read the standard limits, and over them those of a user's file. Raises BadSettings naming the file and the place."""
    standard = _read(STANDARD)
    if own is None:
        return Limits(standard)
    chosen = _read(own)
    unknown = sorted(chosen.keys() - standard.keys())
    if unknown:
        raise BadSettings(f"{own}: there is no kind of incident called {unknown[0]}; known are {', '.join(standard)}")
    return Limits({**standard, **chosen})


def _read(path: Path) -> dict[str, KindLimits]:
    try:
        return TypeAdapter(dict[str, KindLimits]).validate_python(yaml.safe_load(path.read_text("utf-8")) or {})
    except OSError as error:
        raise BadSettings(f"{path} cannot be read ({error.strerror}); see RECOUP_INCIDENT_LIMITS_FILE") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = f"{path}, {'.'.join(str(part) for part in fault['loc']) or 'the whole file'}"
        raise BadSettings(f"{where}: {fault['msg']}; sql/incidents/limits.yml shows the form") from error
