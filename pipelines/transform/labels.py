"""How people read a column or a metric: its label, and the format of its numbers (d3's).

The semantic layer and the Superset bundle take both from here. What a metric means is in its model's .yml.
"""

import re

# How people read a unit: 0.04 cents must not become $0.00, and a fleet's daily spend may be cents.
_FORMATS = {"ratio": ".1%", "usd": "$,.4f"}
_WHOLE_NUMBER = ",.0f"
_COUNTED = re.compile("(run|task|tick|poll|attempt)_count")


def label(name: str) -> str:
    """Return a column's or metric's name as people read it: `rescued_run_count` is `Rescued runs`."""
    text = _COUNTED.sub(r"\1s", name).replace("_count", "").replace("_", " ").removesuffix(" usd")
    text = re.sub(r"\bid$", "ID", text)
    return text if len(text) == 1 else text[:1].upper() + text[1:] + (" (USD)" if name.endswith("_usd") else "")


def number_format(unit: str) -> str:
    """Return the format of a number of this unit."""
    return _FORMATS.get(unit, _WHOLE_NUMBER)
