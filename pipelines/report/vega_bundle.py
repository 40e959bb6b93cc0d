"""The charting library as one piece of JavaScript, taken from vl-convert and kept for the next time.

Bundling costs seconds of computing and gives the same text for one version, so the user's cache keeps it.
"""

import gzip
import zlib
from importlib.metadata import version
from pathlib import Path

from pipelines.user_cache import cache_dir, keep


def javascript() -> str:
    """Return Vega, Vega-Lite and Vega-Embed, which set `window.vegaEmbed`. Nothing here uses the network."""
    try:
        kept = cache_dir() / f"vega-{version('vl-convert-python')}.js.gz"
    except RuntimeError:  # A user without a home.
        return _bundled()
    text = _kept(kept)
    if not text:
        text = _bundled()
        keep(kept, gzip.compress(text.encode()))
    return text


def _bundled() -> str:
    import vl_convert

    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # The stub forgets the default.


def _kept(kept: Path) -> str:
    try:
        # A damaged file fails its checksum, or is empty.
        return gzip.decompress(kept.read_bytes()).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return ""
