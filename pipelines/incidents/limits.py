"""From which measure on something is an incident: the file of limits, read and checked. Measuring belongs to observe.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, PlainValidator, TypeAdapter, ValidationError

from pipelines.errors import BadSettings
from pipelines.paths import SQL_DIR

STANDARD = SQL_DIR / "incidents" / "limits.yml"


def _above_zero_or_off(value: object) -> float | None:
    # Every kind measures 0 of what is well, so a limit of 0 would open an incident of everything, for ever.
    if value is False:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < inf:
        return float(value)
    raise ValueError("must be a number above 0, or off")


Limit = Annotated[float | None, PlainValidator(_above_zero_or_off)]


class KindLimits(BaseModel):
    """The limit of a kind, and those of single subjects; None (`off` in YAML) switches it off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Limit
    subjects: Mapping[str, Limit] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits, by kind."""

    by_kind: Mapping[str, KindLimits]

    def of(self, kind: str, subject: str, task_id: str | None = None) -> float | None:
        """Return the limit of a subject: its own, else that of its task, else that of the kind; None is off."""
        limits = self.by_kind[kind]
        own = next((name for name in (subject, task_id) if name in limits.subjects), None)
        return limits.limit if own is None else limits.subjects[own]


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
        raise BadSettings(
            f"{where}: {fault['msg'].removeprefix('Value error, ')}; sql/incidents/limits.yml shows the form"
        ) from error
