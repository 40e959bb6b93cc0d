"""A Superset of its own on loopback, for trying the bundle and for its test. Not a way to run Superset for others.

Runs in .venv-superset: python docs/bi/superset/serve.py --home FOLDER [--port 8088]. Everybody who can reach the port
is its administrator. Importing the bundle is left to Superset's own API.
"""

import argparse
import io
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

ADMIN = "admin"
CONFIGURATION = """
SECRET_KEY = {secret!r}
SQLALCHEMY_DATABASE_URI = "sqlite:///{home}/superset.db?check_same_thread=false"
DATA_DIR = {home!r}
TALISMAN_ENABLED = False
RATELIMIT_ENABLED = False
CONTENT_SECURITY_POLICY_WARNING = False
LOG_LEVEL = "WARNING"
FAB_ADD_SECURITY_API = True
"""


class Recorder:
    """Keeps what the browser's charts ask and get, one file per request."""

    def __init__(self, app: Callable[..., Iterable[bytes]], folder: Path) -> None:
        self._app, self._folder, self._numbers = app, folder, count()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass a request on; write down those for chart data."""
        if environ["PATH_INFO"] != "/api/v1/chart/data" or environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start_response)
        asked = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(asked)
        environ.pop("HTTP_ACCEPT_ENCODING", None)  # a compressed answer could not be read here
        status: list[str] = []

        def start(line: str, *rest: Any) -> Any:
            status.append(line)
            return start_response(line, *rest)

        answered = b"".join(self._app(environ, start))
        record = {"asked": json.loads(asked), "status": status[0], "answered": json.loads(answered)}
        (self._folder / f"{next(self._numbers):04}.json").write_text(json.dumps(record))
        return [answered]


def main() -> None:
    """Prepare the home folder on first use, then serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="where its own database lives")
    parser.add_argument("--port", type=int, default=8088)
    parser.add_argument("--password", default=ADMIN, help=f"of the user {ADMIN}, for the API")
    parser.add_argument("--record", type=Path, help="folder for what charts ask and get")
    options = parser.parse_args()
    app = create(options.home.resolve(), options.password)
    if options.record:
        app.wsgi_app = Recorder(app.wsgi_app, options.record)
    sys.stdout.write(f"Superset at http://127.0.0.1:{options.port}\n")
    sys.stdout.flush()
    app.run("127.0.0.1", options.port, threaded=True)


def create(home: Path, password: str) -> Any:
    """Return the Flask application; the first time that takes half a minute."""
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "superset_config.py"
    if not configuration.exists():
        configuration.write_text(CONFIGURATION.format(secret=secrets.token_urlsafe(42), home=str(home)))
    os.environ["SUPERSET_CONFIG_PATH"] = str(configuration)
    from flask_migrate import upgrade
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        import superset

        security = app.appbuilder.sm
        if not (home / "ready").exists():
            upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
            app.appbuilder.add_permissions(update_perms=True)
            security.sync_role_definitions()
            security.add_user(ADMIN, "Ad", "Min", "admin@localhost", security.find_role("Admin"), password=password)
            (home / "ready").touch()
    _let_browsers_in(app)
    return app


def _let_browsers_in(app: Any) -> None:
    @app.before_request
    def enter() -> None:
        from flask import request
        from flask_login import current_user, login_user

        if not current_user.is_authenticated and "Authorization" not in request.headers:
            login_user(app.appbuilder.sm.find_user(ADMIN))


if __name__ == "__main__":
    main()
