"""What every connector in Python needs: requests, records byte for byte, errors, a bucket.

A module that is not imported when the component is built is not there when it runs, so
everything is imported at the top.
"""

import dataclasses
import email.utils
import json
import os
import re
import typing

from componentize_py_types import Err
from wit_world.imports import model as t
from wit_world.imports import outgoing_handler, store
from wit_world.imports import types as http

# Most bytes of one answer: the memory of a sandbox is bounded.
MAX_BODY_BYTES = 16 << 20

# Deepest nesting that is read. Python's own guard does not know how small the stack of a
# sandbox is.
MAX_DEPTH = 200


# ---- Data ---------------------------------------------------------------------------------


def record(kind, /, **given):
    """A record of the contract: what is not given is absent, or an empty list."""
    for field in dataclasses.fields(kind):
        if field.name not in given:
            if type(None) in typing.get_args(field.type):
                given[field.name] = None
            elif typing.get_origin(field.type) in (list, typing.List):
                given[field.name] = []
    return kind(**given)


def text(value):
    """A text, or none. Half a pair of surrogates, which no text may hold, is replaced."""
    if not isinstance(value, str):
        return None
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def number(value, least=0):
    """A number that the contract can hold, or none."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and least <= value < 1 << 32 else None


# ---- Errors -------------------------------------------------------------------------------


def error(code, detail="", **more):
    """An error of the contract, to be raised. `code` says who must act."""
    return Err(record(t.Error, code=t.ErrorCode[code.upper().replace("-", "_")], detail=detail, **more))


def unsupported(what):
    return error("unsupported", what)


def protocol(endpoint, what):
    """An answer that is not what the vendor's API promises."""
    return error("protocol", what, subject=endpoint)


def invalid_setting(key, problem):
    return error("invalid-settings", problems=[t.SettingProblem(key=key, problem=problem)])


def invalid_cursor(cursor):
    return error("invalid-cursor", cursor[:200])


def guarded(function):
    """Turns what nobody expected into an error: as an exception it would be a trap."""

    def called(*args):
        try:
            return function(*args)
        except Err:
            raise
        except Exception as failure:
            raise error("internal", f"{type(failure).__name__}: {failure}") from failure

    return called


# ---- JSON ---------------------------------------------------------------------------------

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


def parse(source):
    """Reads JSON; a ValueError says what is wrong with it."""
    depth = 0
    for sign in re.findall(r"[\[\]{}]", _STRING.sub("", source)):
        depth += 1 if sign in "[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    return json.loads(source)


def elements(source, name):
    """The elements of the list `name` of an object, each as the text that it came as."""
    at = _SPACE.match(source, 0).end()
    if source[at : at + 1] != "{":
        raise ValueError("it is no object")
    at = _SPACE.match(source, at + 1).end()
    while source[at : at + 1] == '"':
        key, at = _DECODER.raw_decode(source, at)
        at = _SPACE.match(source, at).end() + 1
        at = _SPACE.match(source, at).end()
        if key == name:
            return _elements(source, at)
        _, at = _DECODER.raw_decode(source, at)
        at = _SPACE.match(source, at).end()
        if source[at : at + 1] == ",":
            at = _SPACE.match(source, at + 1).end()
    raise ValueError(f"it has no `{name}`")


def _elements(source, at):
    if source[at : at + 1] != "[":
        raise ValueError("it has no list where one is promised")
    found = []
    at = _SPACE.match(source, at + 1).end()
    while source[at : at + 1] != "]":
        _, end = _DECODER.raw_decode(source, at)
        found.append(source[at:end])
        at = _SPACE.match(source, end).end()
        if source[at : at + 1] == ",":
            at = _SPACE.match(source, at + 1).end()
    return found


# ---- HTTP ---------------------------------------------------------------------------------


def get(origin, path, variable):
    """What is at a path, as text. `variable` holds the secret, or what stands for it.

    It never waits to try again: that is the host's, which calls again with the same cursor.
    """
    endpoint = "GET " + path.split("?")[0]
    scheme, _, authority = origin.partition("://")
    secret = os.environ.get(variable, "")
    request = http.OutgoingRequest(http.Fields.from_list([("authorization", f"Bearer {secret}".encode())]))
    request.set_scheme(http.Scheme_Http() if scheme == "http" else http.Scheme_Https())
    request.set_authority(authority.rstrip("/"))
    request.set_path_with_query(path)
    try:
        future = outgoing_handler.handle(request, None)
    except Err as failure:
        raise _unreachable(origin, failure.value) from None
    with future.subscribe() as ready:
        ready.block()
    answered = future.get().value
    if isinstance(answered, Err):
        raise _unreachable(origin, answered.value)
    response = answered.value
    status, headers = response.status(), response.headers()
    wait = _retry_after(headers)
    body = _body(response, status)
    if status == 200:
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise protocol(endpoint, "bytes that are not UTF-8") from None
    if status == 401:
        raise error("unauthorized", "the vendor does not know the token", status=status)
    if status == 403:
        raise error("forbidden", f"the vendor refuses {endpoint}", status=status)
    if status == 429:
        raise error("rate-limited", status=status, retry_after_ms=wait)
    if status >= 500:
        raise error("unavailable", status=status, retry_after_ms=wait)
    raise Status(status, endpoint, body)


class Status(Exception):
    """Another status, which means something at some endpoints and is a fault at the others."""

    def __init__(self, status, endpoint, body):
        self.status, self.endpoint, self.body = status, endpoint, body

    def fault(self):
        return protocol(self.endpoint, f"status {self.status}")


def _unreachable(origin, code):
    if isinstance(code, (http.ErrorCode_HttpRequestDenied, http.ErrorCode_DestinationIpProhibited)):
        return error("egress-denied", subject=origin)
    return error("unavailable", type(code).__name__.removeprefix("ErrorCode_"))


def _retry_after(headers):
    """What the vendor asks to wait: seconds, or until a moment by its own clock."""

    def one(name):
        values = headers.get(name)
        return values[0].decode("latin-1") if values else ""

    asked = one("retry-after")
    if asked.isdecimal():
        return min(int(asked), 1 << 32) * 1000
    try:
        until, now = (email.utils.parsedate_to_datetime(it) for it in (asked, one("date")))
    except (TypeError, ValueError):
        return None
    return max(0, int((until - now).total_seconds() * 1000))


def _body(response, status):
    chunks, size = [], 0
    with response.consume() as body:
        with body.stream() as stream:
            while True:
                try:
                    chunk = stream.blocking_read(64 << 10)
                except Err as failure:
                    if type(failure.value).__name__ == "StreamError_Closed":
                        break
                    raise error("unavailable", "the answer broke off", status=status) from None
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise error("limit", f"an answer of more than {MAX_BODY_BYTES} bytes")
    return b"".join(chunks)


# ---- The bucket ---------------------------------------------------------------------------


def remember(key, value):
    _bucket(lambda bucket: bucket.set(key, json.dumps(value).encode()))


def remembered(key):
    """What `configure` has kept."""
    kept = _bucket(lambda bucket: bucket.get(key))
    if kept is None:
        raise error("not-configured")
    return json.loads(kept)


def _bucket(use):
    try:
        with store.open("connector") as bucket:
            return use(bucket)
    except Err as failure:
        raise error("internal", f"the bucket: {failure.value}") from None
