"""What to say of a name that is not there: the names that are nearest to it, or all that there are."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 5
# Names of one house are long and alike: half of the signs in common is near enough to help.
ALIKE = 0.5


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a clause for an error's sentence. A name without its schema or table is near to the whole one."""
    names = list(known)
    short = {whole.rpartition(".")[2]: whole for whole in names}
    wanted = name.lower()
    near = get_close_matches(wanted, names, MOST, ALIKE)
    near = near or [short[one] for one in get_close_matches(wanted, short, MOST, ALIKE)]
    return f"the nearest: {', '.join(near)}" if near else f"there are: {', '.join(names)}"
