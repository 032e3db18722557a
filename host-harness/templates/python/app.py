"""The connector {{name}}. Its vendor is invented and answers two requests:

- `GET /projects`: `[{"id": "1", "name": "acme/shop"}]`
- `GET /findings?project=1&page=1`: `{"findings": […], "next": 2}`

Put your vendor in its place; `harness conformance` says what is wrong on the way.
"""

import json
import re
import urllib.parse

from wit_world import exports
from wit_world.imports import model as t

import kit
from kit import guarded, number, record, text

ORIGIN = "https://vendor.example"
TOKEN = "{{TOKEN}}"

# JSON Schema of the settings. A host shows it; checking is `configure`'s.
SETTINGS = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "origin": {"type": "string", "title": "Origin", "description": "Where the vendor is.", "default": ORIGIN},
    },
}

# Where a read goes on: which project of the scope, and which of its pages.
CURSOR = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)
MOST_PAGES = 999_999_999


def read_settings(source):
    """Each problem names its key, so that a form can show it there."""
    try:
        given = kit.parse(source)
    except ValueError as error:
        raise kit.invalid_setting("", str(error)) from None
    if not isinstance(given, dict):
        raise kit.invalid_setting("", "is no JSON object")
    for key, value in given.items():
        if key not in SETTINGS["properties"]:
            raise kit.invalid_setting(key, "is not known")
        if not isinstance(value, str):
            raise kit.invalid_setting(key, "is no text")
    return {"origin": ORIGIN, **given}


def ask(settings, path):
    """An answer, as text and as values."""
    endpoint = "GET " + path.split("?")[0]
    try:
        source = kit.get(settings["origin"], path, TOKEN)
        return source, kit.parse(source)
    except kit.Status as status:
        raise status.fault() from None
    except ValueError as error:
        raise kit.protocol(endpoint, str(error)) from None


def projects(settings):
    _, listed = ask(settings, "/projects")
    named = isinstance(listed, list) and all(
        isinstance(it, dict) and text(it.get("id")) and text(it.get("name")) for it in listed
    )
    if not named:
        raise kit.protocol("GET /projects", "no list of projects")
    return [record(t.Project, id=text(it["id"]), name=text(it["name"])) for it in listed]


def fetch(request):
    """One page, by one request."""
    if not isinstance(request.kind, t.Kind_Sast):
        raise kit.unsupported("other kinds than `sast`")
    if not isinstance(request.scope, t.Scope_Projects):
        raise kit.unsupported("a read of all projects at once")
    settings, scope, cursor = kit.remembered("settings"), request.scope.value, request.cursor
    place = CURSOR.fullmatch("0-1" if cursor is None else cursor)
    if place is None:
        raise kit.invalid_cursor(cursor)
    position, page = int(place[1]), int(place[2])
    if position >= len(scope):
        # Never an end that nobody has seen: it would prove that the rest is gone.
        if cursor is not None:
            raise kit.invalid_cursor(cursor)
        return t.RawPage(records=[], next=t.NextPage_Complete(), diagnostics=[])
    project = urllib.parse.quote(scope[position].id, safe="")
    source, answer = ask(settings, f"/findings?project={project}&page={page}")
    try:
        bodies = kit.elements(source, "findings")
    except ValueError as error:
        raise kit.protocol("GET /findings", str(error)) from None
    following, after = t.NextPage_Complete(), answer.get("next")
    if after is not None:
        # What is no later page is no end either: what comes after it was not read.
        if number(after, page + 1) is None or after > MOST_PAGES:
            raise kit.protocol("GET /findings", "`next` is no later page")
        following = t.NextPage_Cursor(f"{position}-{after}")
    elif position + 1 < len(scope):
        following = t.NextPage_Cursor(f"{position + 1}-1")
    return t.RawPage(records=[raw(body) for body in bodies], next=following, diagnostics=[])


def raw(body):
    """A record as it came. What it means is `normalize`'s, which may be done again years later."""
    found = json.loads(body)
    found = found if isinstance(found, dict) else {}
    project = text(found.get("project"))
    of = t.ProjectRef(id=project, name=None) if project else None
    return t.RawRecord(kind=t.Kind_Sast(), id=text(found.get("id")), project=of, body=body, gist=None)


SEVERITIES = ("critical", "high", "medium", "low", "info")


def remark(level, code, index, key, message):
    level = t.DiagnosticLevel[level]
    return t.Diagnostic(level=level, code=code, index=index, id=key, pointer=None, message=message)


def finding(index, found, remarks):
    """A finding; a ValueError says why it is none."""
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    for key in ("id", "project", "rule", "path"):
        if not text(found.get(key)):
            raise ValueError(f"it has no `{key}`")
    key, said = text(found["id"]), text(found.get("severity"))
    # The mapping is total: what it does not know is said.
    severity = said if said in SEVERITIES else "unknown"
    if severity == "unknown":
        remarks.append(remark("WARNING", "unknown-severity", index, key, "the severity is not known"))
    return record(
        t.Finding,
        index=index,
        id=key,
        # What stays when the code moves: never a line number.
        identity=t.Identity(key=key, algorithm="vendor-id", aliases=[]),
        kind=t.Kind_Sast(),
        project=t.ProjectRef(id=text(found["project"]), name=None),
        title=text(found["rule"]),
        message=text(found.get("message")),
        rule_id=text(found["rule"]),
        severity=t.Severity[severity.upper()],
        vendor_severity=said,
        security=True,
        location=record(t.Location, path=text(found["path"]), start_line=number(found.get("line"), 1)),
        lifecycle=record(
            t.Lifecycle,
            triage=record(t.Triage, state=t.TriageState_Untriaged()),
            status=t.Status_Fixed() if found.get("fixed") is True else t.Status_Open(),
        ),
    )


def normalize_records(records):
    findings, rules, remarks = [], {}, []
    for index, source in enumerate(records):
        try:
            one = finding(index, kit.parse(source.body), remarks)
        except (ValueError, RecursionError) as error:
            # It never fails the others, and never goes without a word.
            remarks.append(remark("ERROR", "unreadable", index, source.id, str(error)))
            continue
        findings.append(one)
        rules.setdefault(one.rule_id, record(t.Rule, id=one.rule_id))
    return t.Normalized(findings=findings, rules=list(rules.values()), packages=[], diagnostics=remarks)


class Source(exports.Source):
    """The exported functions."""

    def describe(self):
        secret = t.SecretNeed(
            variable=TOKEN,
            description="A token of the vendor; the mock vendor takes `any-token`",
            placement=t.SecretPlacement_Bearer(),
        )
        return t.Manifest(
            id="{{name}}",
            name="{{name}}",
            version="0.1.0",
            contract_version="0.2.0",
            vendor="Nobody",
            kinds=[t.KindSupport(kind=t.Kind_Sast(), on_by_default=True)],
            settings_schema=json.dumps(SETTINGS),
            origins=[t.OriginNeed(purpose="The vendor's API", default=ORIGIN, setting="origin")],
            secrets=[secret],
            formats=[],
            webhook=None,
            oauth=None,
            write_back=None,
        )

    @guarded
    def configure(self, settings):
        settings = read_settings(settings)
        # A request that needs the secret: this call is also "test connection".
        projects(settings)
        kit.remember("settings", settings)
        return t.Connection(
            deployment=t.Deployment(id="1", slug="{{name}}", name=None),
            kinds=[t.KindAccess(kind=t.Kind_Sast(), access=t.Access_Readable())],
            deployment_wide=False,
            diagnostics=[],
        )

    @guarded
    def list_projects(self, cursor):
        settings = kit.remembered("settings")
        # There is one page: no cursor is of this connector.
        if cursor is not None:
            raise kit.invalid_cursor(cursor)
        return t.ProjectPage(projects=projects(settings), next=None, diagnostics=[])

    @guarded
    def fetch_findings(self, request):
        return fetch(request)

    def fetch_scan(self, id):
        raise kit.unsupported("scans")

    def write_decisions(self, batch):
        raise kit.unsupported("decisions")

    @guarded
    def normalize(self, input):
        if not isinstance(input, t.RawInput_Records):
            raise kit.unsupported("files")
        return normalize_records(input.value)

    def interpret_event(self, body):
        raise kit.unsupported("events")
