"""Where messages go: a webhook, a mail server, a file, a command, each named by a URL in RECOUP_INCIDENT_SINKS.

When a message is sent, and again, belongs to outbox.py. A URL may hold a secret, so only its kind and a hash are shown.
"""

import hashlib
import json
import os
import shlex
import smtplib
import ssl
import subprocess
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import httpx

from pipelines.errors import BadSettings
from pipelines.settings import Settings, is_loopback

TIMEOUT_SECONDS = 20
LAST_TRIES_BYTES = 1_000_000
Message = Mapping[str, Any]
Send = Callable[[Message], None]


class SinkFailed(Exception):
    """A sink did not take a message; it is tried again later."""


def sinks_of(settings: Settings) -> dict[str, Send]:
    """Return the sinks by name. Raises BadSettings for an entry of another form, naming its place and never its value."""
    sinks, faults = usable_sinks(settings)
    if faults:
        raise faults[0]
    return sinks


def usable_sinks(settings: Settings) -> tuple[dict[str, Send], list[BadSettings]]:
    """Return the sinks by name, and what is wrong with the other entries: one that is misspelt silences no other."""
    text = settings.incident_sinks.get_secret_value() if settings.incident_sinks else ""
    sinks, faults = dict[str, Send](), list[BadSettings]()
    for position, entry in enumerate(text.split(), start=1):
        try:
            sinks[_name(entry)] = _sink(entry, position)
        except BadSettings as error:
            faults.append(error)
    return sinks, faults


def _name(entry: str) -> str:
    return f"{urlsplit(entry).scheme}-{hashlib.sha256(entry.encode()).hexdigest()[:8]}"


def _sink(entry: str, position: int) -> Send:
    url = urlsplit(entry)
    where = f"RECOUP_INCIDENT_SINKS, entry {position}"
    if url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname or "")):
        return lambda message: _post(entry, message)
    if url.scheme in ("smtp", "smtps"):
        addresses = _addresses(url)
        if not url.hostname or not addresses.get("from") or not addresses.get("to"):
            raise BadSettings(
                f"{where}: write smtp://user:password@host:587?from=a@b.example&to=c@d.example,e@f.example"
            )
        return lambda message: _mail(url, message)
    if url.scheme == "file" and url.path.startswith("/"):
        return lambda message: _append(Path(unquote(url.path)), message)
    if url.scheme == "command" and url.path.startswith("/"):
        return lambda message: _call(unquote(url.path), message)
    forms = "https://, smtp://, smtps://, file:/ or command:/"
    raise BadSettings(f"{where} is no sink: entries begin with {forms}, with a space between them")


def _post(url: str, message: Message) -> None:
    # Slack and its like read <!channel> in a title as a call to everybody, and want these three signs written so.
    text = str(message["text"]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    try:
        answer = httpx.post(
            url, json={**message, "text": text}, headers={"Idempotency-Key": message["key"]}, timeout=TIMEOUT_SECONDS
        )
    except httpx.HTTPError as error:
        raise SinkFailed(f"the webhook did not answer ({type(error).__name__})") from None
    if not answer.is_success:
        raise SinkFailed(f"the webhook answered {answer.status_code}")


def _addresses(url: SplitResult) -> Mapping[str, list[str]]:
    # A plus is a part of many addresses, and no space as in a form.
    return parse_qs(url.query.replace("+", "%2B"))


def _mail(url: SplitResult, message: Message) -> None:
    addresses = _addresses(url)
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = message["subject_line"], addresses["from"][0], ",".join(addresses["to"])
    mail["Message-ID"] = f"<{message['key']}@recoup-warehouse>"
    mail.set_content(message["text"])
    try:
        with _mail_server(url) as server:
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        raise SinkFailed(f"the mail server did not take it ({type(error).__name__})") from None


def _mail_server(url: SplitResult) -> smtplib.SMTP:
    """Connect, by TLS wherever the server knows it; a password goes only to a server that proved who it is."""
    host = url.hostname or ""
    context = ssl.create_default_context()
    if not url.username or is_loopback(host):  # as mail servers do among themselves: better than none
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if url.scheme == "smtps":
        return smtplib.SMTP_SSL(host, url.port or 0, timeout=TIMEOUT_SECONDS, context=context)
    server = smtplib.SMTP(host, url.port or 0, timeout=TIMEOUT_SECONDS)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=context)
    elif url.username and not is_loopback(host):
        server.close()
        raise SinkFailed("the mail server offers no TLS, so the password was not sent to it")
    return server


def _append(path: Path, message: Message) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            # What is there already was written by a try that could not be noted any more, so by the last ones.
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_TRIES_BYTES))
            if message["key"].encode() not in file.read():
                file.write(json.dumps(dict(message)).encode() + b"\n")
    except OSError as error:
        raise SinkFailed(f"the file cannot be written ({error.strerror})") from None


def _call(command: str, message: Message) -> None:
    try:
        subprocess.run(  # noqa: S603 (the user's own command; the message goes to its standard input)
            shlex.split(command), input=json.dumps(dict(message)).encode(), timeout=TIMEOUT_SECONDS, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise SinkFailed(f"the command failed ({type(error).__name__})") from None
