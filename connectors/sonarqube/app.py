"""The connector of SonarQube Server and SonarQube Cloud.

Reads vulnerabilities (issues with an impact on security) and security hotspots over the
Web API. `README.md` says which parts of it, and where they are documented.
"""

import datetime
import json
import urllib.parse

# `strptime` imports it when it is first called, which is too late in a component.
import _strptime  # noqa: F401

from wit_world import exports
from wit_world.imports import model as t

import kit
from kit import guarded, number, record, text

VERSION = "0.1.0"
ORIGIN = "https://sonarcloud.io"
TOKEN = "SONAR_TOKEN"
PAGE_SIZE = 500

# What the vendor gives of one search at most: a page behind it is refused with 400.
MOST_RESULTS = 10_000

SETTINGS = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "origin": {
            "type": "string",
            "title": "Origin",
            "description": "Where SonarQube is, without a path.",
            "default": ORIGIN,
        },
        "organization": {
            "type": "string",
            "title": "Organization",
            "description": "Key of the organization. SonarQube Cloud needs it, SonarQube Server has none.",
            "default": "",
        },
        "hotspots": {
            "type": "boolean",
            "title": "Security hotspots",
            "description": "Whether security hotspots are read beside vulnerabilities.",
            "default": True,
        },
        "page_size": {
            "type": "integer",
            "title": "Page size",
            "description": "Records of one request.",
            "minimum": 1,
            "maximum": PAGE_SIZE,
            "default": PAGE_SIZE,
        },
    },
}


def read_settings(source):
    """Settings with their defaults. Each problem names its key, so that a form can show it there."""
    try:
        given = kit.parse(source)
    except ValueError as error:
        raise kit.invalid_setting("", str(error)) from None
    if not isinstance(given, dict):
        raise kit.invalid_setting("", "is no JSON object")
    known = SETTINGS["properties"]
    for key, value in given.items():
        if key not in known:
            raise kit.invalid_setting(key, "is not known")
        kind = {"string": str, "boolean": bool, "integer": int}[known[key]["type"]]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise kit.invalid_setting(key, f"must be of the type {known[key]['type']}")
        if kind is int and not known[key]["minimum"] <= value <= known[key]["maximum"]:
            raise kit.invalid_setting(key, f"must be from {known[key]['minimum']} to {known[key]['maximum']}")
    settings = {key: given.get(key, it["default"]) for key, it in known.items()}
    if not settings["origin"].startswith(("https://", "http://")):
        raise kit.invalid_setting("origin", "must begin with `https://`")
    return settings


def ask(settings, path, query):
    """An answer of the Web API, as text and as values."""
    if settings["organization"]:
        query = {**query, "organization": settings["organization"]}
    address = path + ("?" + urllib.parse.urlencode(query) if query else "")
    source = kit.get(settings["origin"], address, TOKEN)
    try:
        answer = kit.parse(source)
    except ValueError as error:
        raise kit.protocol(f"GET {path}", str(error)) from None
    if not isinstance(answer, dict):
        raise kit.protocol(f"GET {path}", "no object")
    return source, answer


def total(path, answer):
    """How many results a search has."""
    paging = answer.get("paging")
    found = number(paging.get("total")) if isinstance(paging, dict) else None
    if found is None:
        raise kit.protocol(f"GET {path}", "no `paging.total`")
    return found


# ---- Reading ------------------------------------------------------------------------------

ISSUES, HOTSPOTS = "/api/issues/search", "/api/hotspots/search"


class Place:
    """Where a read goes on: which project of its scope, which list of it, which page, and
    from which moment on, where a list is longer than one search."""

    def __init__(self, project=0, path=ISSUES, page=1, after=None):
        self.project, self.path, self.page, self.after = project, path, page, after

    def written(self):
        return json.dumps([1, self.project, self.path, self.page, self.after])

    @classmethod
    def read(cls, cursor):
        try:
            version, project, path, page, after = json.loads(cursor)
        except (TypeError, ValueError):
            raise kit.invalid_cursor(cursor) from None
        is_right = version == 1 and number(project) is not None and number(page, 1) is not None
        if not is_right or path not in (ISSUES, HOTSPOTS) or not isinstance(after, (str, type(None))):
            raise kit.invalid_cursor(cursor)
        return cls(project, path, page, after)


def query(place, project, since, size):
    """What is asked for of a project."""
    paged = {"ps": size, "p": place.page}
    if place.path == HOTSPOTS:
        return {"project": project.id, **paged}
    asked = {"componentKeys": project.id, "impactSoftwareQualities": "SECURITY", "s": "CREATION_DATE", "asc": "true"}
    # Both bounds are inclusive; what comes twice is one record to the host.
    after = place.after or since
    return {**asked, **({"createdAfter": after} if after else {}), **paged}


def following(place, issues, count, size, settings, projects):
    """The place after a page, or none at the end."""
    if place.page * size < count:
        if not issues:
            raise kit.protocol(f"GET {place.path}", "an empty page before the end of the list")
        if (place.page + 1) * size <= MOST_RESULTS:
            return Place(place.project, place.path, place.page + 1, place.after)
        last = json.loads(issues[-1]).get("creationDate")
        if place.path == HOTSPOTS or not isinstance(last, str) or last == place.after:
            raise kit.error("limit", f"more than {MOST_RESULTS} results of one search")
        return Place(place.project, place.path, 1, last)
    if place.path == ISSUES and settings["hotspots"]:
        return Place(place.project, HOTSPOTS)
    if place.project + 1 < len(projects):
        return Place(place.project + 1)
    return None


def fetch(request):
    if not isinstance(request.kind, t.Kind_Sast):
        raise kit.unsupported("other kinds than `sast`")
    if not isinstance(request.scope, t.Scope_Projects):
        raise kit.unsupported("a read of all projects at once")
    settings = kit.remembered("settings")
    projects = request.scope.value
    place = Place() if request.cursor is None else Place.read(request.cursor)
    if place.project >= len(projects):
        # Never an end that nobody has seen: it would prove that the rest is gone.
        if request.cursor is not None:
            raise kit.invalid_cursor(request.cursor)
        return t.RawPage(records=[], next=t.NextPage_Complete(), diagnostics=[])
    project, size = projects[place.project], settings["page_size"]
    since = None if request.since is None else moment_text(request.since)
    try:
        source, answer = ask(settings, place.path, query(place, project, since, size))
    except kit.Status as status:
        if status.status == 404:
            raise kit.error("project-not-found", subject=project.name, status=404) from None
        raise status.fault() from None
    name = "issues" if place.path == ISSUES else "hotspots"
    try:
        bodies = kit.elements(source, name)
    except ValueError as error:
        raise kit.protocol(f"GET {place.path}", str(error)) from None
    following_place = following(place, bodies, total(place.path, answer), size, settings, projects)
    next_page = t.NextPage_Cursor(following_place.written()) if following_place else t.NextPage_Complete()
    records = [raw(body, project) for body in bodies]
    return t.RawPage(records=records, next=next_page, diagnostics=[])


def raw(body, project):
    found = json.loads(body)
    key = text(found.get("key")) if isinstance(found, dict) else None
    of = t.ProjectRef(id=project.id, name=project.name)
    return t.RawRecord(kind=t.Kind_Sast(), id=key or None, project=of, body=body, gist=None)


def moment_text(micros):
    moment = datetime.datetime.fromtimestamp(micros // 1_000_000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S+0000")


# ---- Normalizing --------------------------------------------------------------------------

IMPACTS = {"BLOCKER": "CRITICAL", "HIGH": "HIGH", "MEDIUM": "MEDIUM", "LOW": "LOW", "INFO": "INFO"}
SEVERITIES = {"BLOCKER": "CRITICAL", "CRITICAL": "HIGH", "MAJOR": "MEDIUM", "MINOR": "LOW", "INFO": "INFO"}


def moment(value):
    """A moment as the vendor writes it: 2013-05-13T17:55:39+0200."""
    try:
        at = datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z")
    except (TypeError, ValueError):
        return None
    return int(at.timestamp()) * 1_000_000 if 1990 <= at.year < 2100 else None


def objects(value):
    return [it for it in value if isinstance(it, dict)] if isinstance(value, list) else []


def severity(found):
    """Its severity, and the vendor's word for it."""
    for impact in objects(found.get("impacts")):
        if impact.get("softwareQuality") == "SECURITY":
            return IMPACTS.get(impact.get("severity"), None), text(impact.get("severity"))
    if "vulnerabilityProbability" in found:
        return IMPACTS.get(word(found, "vulnerabilityProbability")), text(found["vulnerabilityProbability"])
    return SEVERITIES.get(word(found, "severity")), text(found.get("severity"))


def word(found, key):
    value = found.get(key)
    return value if isinstance(value, str) else None


def lifecycle(found):
    """What the analysis saw, what people decided, and the sum of both."""
    status, resolution = word(found, "status"), word(found, "resolution")
    said = word(found, "issueStatus") or word(found, "simpleStatus")
    state, triage, reason, overall = t.ScanState_Unresolved(), t.TriageState_Untriaged(), None, t.Status_Open()
    outcome = said or resolution or status
    if outcome in ("FALSE_POSITIVE", "FALSE-POSITIVE", "ACCEPTED", "WONTFIX", "SAFE", "ACKNOWLEDGED"):
        triage, overall = t.TriageState_Ignored(), t.Status_Ignored()
        reason = {"WONTFIX": "accepted"}.get(outcome, outcome.lower().replace("-", "_"))
    elif outcome == "FIXED":
        overall = t.Status_Fixed()
        # Who resolves an issue by hand says so before the next analysis has seen it.
        state = t.ScanState_Unresolved() if status == "RESOLVED" else t.ScanState_Fixed()
    elif outcome == "REMOVED":
        state, overall = t.ScanState_Removed(), t.Status_Fixed()
    elif outcome == "REOPENED" or (said == "OPEN" and status == "REOPENED"):
        triage = t.TriageState_Reopened()
    elif outcome == "CONFIRMED":
        triage = t.TriageState_Other("CONFIRMED")
    elif outcome not in ("OPEN", "TO_REVIEW"):
        overall = t.Status_Other(text(outcome)) if outcome else t.Status_Unknown()
    return t.Lifecycle(
        scan_state=state,
        triage=t.Triage(state=triage, reason=reason, comment=None, at=None),
        status=overall,
        created_at=moment(found.get("creationDate")),
        relevant_since=None,
        state_changed_at=moment(found.get("closeDate")),
    )


def location(place, project):
    """Where it is. Columns of the vendor count from 0."""
    component = word(place, "component") or ""
    prefix, separator, path = component.partition(project + ":") if project else ("", "", "")
    path = path if separator and not prefix else ""
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or ".." in parts:
        return None
    found = place.get("textRange")
    found = found if isinstance(found, dict) else {"startLine": place.get("line")}
    start, end = number(found.get("startLine"), 1), number(found.get("endLine"), 1)
    end = end if start and end and end >= start else None

    def column(offset):
        at = number(found.get(offset))
        return None if at is None or not start else at + 1

    return t.Location(
        path=text(path),
        start_line=start,
        start_column=column("startOffset"),
        end_line=end,
        end_column=column("endOffset") if end else None,
    )


def flow(found, component, project):
    """The first flow, from its source to where it does harm. The vendor lists it backwards."""
    flows = objects(found.get("flows"))
    steps = [
        (place, it)
        for it in reversed(objects(flows[0].get("locations")) if flows else [])
        if (place := location({"component": component, **it}, project))
    ]
    roles = [t.FlowRole.STEP] * len(steps)
    if len(steps) > 1:
        roles[0], roles[-1] = t.FlowRole.SOURCE, t.FlowRole.SINK
    return [t.FlowStep(role=role, location=place, content=None) for role, (place, _) in zip(roles, steps)]


def finding(index, source, found, remarks):
    """The finding of an issue or a hotspot; a ValueError says why it is none."""
    key, message = text(found.get("key")), text(found.get("message"))
    rule, project = text(found.get("rule") or found.get("ruleKey")), word(found, "project")
    if not key:
        raise ValueError("it has no `key`")
    level, said = severity(found)
    if level is None:
        remarks.append(remark("WARNING", "unknown-severity", index, key, f"the severity is {said or 'not given'}"))
    tags = found.get("tags")
    category = text(found.get("securityCategory"))
    component = word(found, "component")
    return record(
        t.Finding,
        index=index,
        id=key,
        # The vendor follows an issue when its line moves, and keeps its key.
        identity=t.Identity(key=key, algorithm="sonarqube-key", aliases=[]),
        kind=t.Kind_Sast(),
        project=source.project or t.ProjectRef(id=text(project), name=None),
        title=message or rule or key,
        message=message,
        rule_id=rule or (f"hotspot:{category}" if category else None),
        severity=t.Severity[level or "UNKNOWN"],
        vendor_severity=said,
        categories=[text(tag) for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        security=True,
        location=location(found, project),
        flow=flow(found, component, project),
        lifecycle=lifecycle(found),
    )


def remark(level, code, index, key, message):
    return t.Diagnostic(
        level=t.DiagnosticLevel[level], code=code, index=index, id=key, pointer=None, message=message
    )


def normalize_records(records):
    findings, rules, remarks = [], {}, []
    for index, source in enumerate(records):
        try:
            found = kit.parse(source.body)
            if not isinstance(found, dict):
                raise ValueError("it is no object")
            one = finding(index, source, found, remarks)
        except (ValueError, TypeError, RecursionError) as error:
            # It never fails the others, and never goes without a word.
            remarks.append(remark("ERROR", "unreadable", index, source.id, str(error)))
            continue
        findings.append(one)
        if one.rule_id and one.rule_id not in rules:
            category = text(found.get("securityCategory"))
            classes = [category] if category else []
            rules[one.rule_id] = record(t.Rule, id=one.rule_id, vulnerability_classes=classes)
    return t.Normalized(findings=findings, rules=list(rules.values()), packages=[], diagnostics=remarks)


# ---- The exported functions ---------------------------------------------------------------


class Source(exports.Source):
    def describe(self):
        return t.Manifest(
            id="sonarqube",
            name="SonarQube",
            version=VERSION,
            contract_version="0.2.0",
            vendor="Sonar",
            kinds=[t.KindSupport(kind=t.Kind_Sast(), on_by_default=True)],
            settings_schema=json.dumps(SETTINGS),
            origins=[t.OriginNeed(purpose="The Web API of SonarQube", default=ORIGIN, setting="origin")],
            secrets=[
                t.SecretNeed(
                    variable=TOKEN,
                    description="A user token (My Account, Security) of somebody who may browse the projects",
                    placement=t.SecretPlacement_Bearer(),
                )
            ],
            formats=[],
            webhook=None,
            oauth=None,
            write_back=None,
        )

    @guarded
    def configure(self, settings):
        settings = read_settings(settings)
        try:
            _, status = ask(settings, "/api/system/status", {})
            _, validation = ask(settings, "/api/authentication/validate", {})
            _, projects = ask(settings, "/api/components/search", {"qualifiers": "TRK", "ps": 1})
        except kit.Status as other:
            raise other.fault() from None
        server, state = text(status.get("id")), status.get("status")
        if not server or not isinstance(state, str):
            raise kit.protocol("GET /api/system/status", "no `id` or no `status`")
        if state not in ("UP", "DB_MIGRATION_NEEDED"):
            raise kit.error("unavailable", f"the server is in the state {text(state)}")
        if not isinstance(validation.get("valid"), bool):
            raise kit.protocol("GET /api/authentication/validate", "no `valid`")
        if not validation["valid"]:
            raise kit.error("unauthorized", "the token is not valid")
        total("/api/components/search", projects)
        kit.remember("settings", settings)
        slug = settings["organization"] or settings["origin"].partition("://")[2]
        return t.Connection(
            deployment=t.Deployment(id=server, slug=slug, name=None),
            kinds=[t.KindAccess(kind=t.Kind_Sast(), access=t.Access_Readable())],
            deployment_wide=False,
            diagnostics=[],
        )

    @guarded
    def list_projects(self, cursor):
        settings = kit.remembered("settings")
        if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and 2 <= int(cursor) < 1 << 20):
            raise kit.invalid_cursor(cursor)
        page, path = int(cursor or 1), "/api/components/search"
        try:
            _, answer = ask(settings, path, {"qualifiers": "TRK", "ps": settings["page_size"], "p": page})
        except kit.Status as status:
            raise status.fault() from None
        projects, remarks = [], []
        for it in objects(answer.get("components")):
            key, name = text(it.get("key")), text(it.get("name"))
            if key:
                projects.append(record(t.Project, id=key, name=name or key))
            else:
                remarks.append(remark("ERROR", "unreadable", None, None, "a project without a key"))
        is_last = page * settings["page_size"] >= total(path, answer)
        return t.ProjectPage(projects=projects, next=None if is_last else str(page + 1), diagnostics=remarks)

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

