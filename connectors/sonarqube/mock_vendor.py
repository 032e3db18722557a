"""The parts of SonarQube's Web API that the connector asks for, with made-up projects.

    python3 mock_vendor.py [PORT]

It answers as the reference says: pages, `paging`, 401 without the token, 404 for hotspots of
a project that does not exist, 400 for results behind the ten thousandth.
"""

import http.server
import json
import sys
import urllib.parse

TOKEN = "sqp_0123456789abcdef0123456789abcdef01234567"

PROJECTS = [("acme:shop", "acme/shop"), ("acme:billing", "acme/billing"), ("acme:docs", "acme/docs")]

IMPACTS = ["BLOCKER", "HIGH", "MEDIUM", "LOW", "INFO"]
STATES = [
    ("OPEN", None, "OPEN"),
    ("CONFIRMED", None, "CONFIRMED"),
    ("RESOLVED", "WONTFIX", "ACCEPTED"),
    ("RESOLVED", "FALSE-POSITIVE", "FALSE_POSITIVE"),
    ("CLOSED", "FIXED", "FIXED"),
    ("REOPENED", None, "OPEN"),
]
RULES = ["python:S3649", "java:S2076", "javascript:S5131", "java:S5542", "python:S2068"]


def issues(project):
    count = {"acme:shop": 23, "acme:billing": 9}.get(project, 0)
    return [issue(project, number) for number in range(count)]


def issue(project, number):
    status, resolution, simple = STATES[number % len(STATES)]
    path = f"{project}:src/main/module{number % 4}/handler.py"
    span = {"startLine": 10 + number, "endLine": 11 + number, "startOffset": 4, "endOffset": 20}
    found = {
        "key": f"AX{project[5:]}{number:04}",
        "rule": RULES[number % len(RULES)],
        "severity": "MAJOR",
        "component": path,
        "project": project,
        "line": 10 + number,
        "hash": f"{number:032x}",
        "textRange": span,
        "flows": [],
        "status": status,
        "issueStatus": simple,
        "message": f"Change this code to not use data that a user controls ({number}).",
        "effort": "30min",
        "author": "developer@example.com",
        "tags": ["cwe", "owasp-a3"],
        "creationDate": f"2024-03-{1 + number % 28:02}T10:00:00+0200",
        "updateDate": "2024-04-01T08:00:00+0000",
        "type": "VULNERABILITY",
        "impacts": [{"softwareQuality": "SECURITY", "severity": IMPACTS[number % len(IMPACTS)]}],
    }
    if resolution:
        found["resolution"] = resolution
    if number % 5 == 0:
        steps = [{"component": path, "textRange": {**span, "startLine": at, "endLine": at}, "msg": "step"} for at in (11, 7, 3)]
        found["flows"] = [{"locations": steps}]
    return found


def hotspots(project):
    count = {"acme:shop": 5, "acme:billing": 3}.get(project, 0)
    states = [("TO_REVIEW", None), ("REVIEWED", "SAFE"), ("REVIEWED", "FIXED"), ("REVIEWED", "ACKNOWLEDGED")]
    found = []
    for number in range(count):
        status, resolution = states[number % len(states)]
        found.append(
            {
                "key": f"HS{project[5:]}{number:04}",
                "component": f"{project}:src/main/crypto.py",
                "project": project,
                "securityCategory": "weak-cryptography",
                "vulnerabilityProbability": ["HIGH", "MEDIUM", "LOW"][number % 3],
                "status": status,
                "line": 5 + number,
                "message": "Make sure that this algorithm is safe here.",
                "creationDate": "2024-02-01T10:00:00+0100",
                "updateDate": "2024-02-02T10:00:00+0100",
                "ruleKey": "python:S4790",
                **({"resolution": resolution} if resolution else {}),
            }
        )
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(address.query))
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {})
        known = {
            "/api/system/status": lambda: {"id": "2F1A0C3B-AYx0", "version": "2025.1.0", "status": "UP"},
            "/api/authentication/validate": lambda: {"valid": True},
            "/api/components/search": lambda: self.page(asked, "components", self.projects()),
            "/api/issues/search": lambda: self.page(asked, "issues", self.issues(asked)),
            "/api/hotspots/search": lambda: self.page(asked, "hotspots", hotspots(asked.get("project"))),
        }
        if address.path not in known:
            return self.answer(404, {"errors": [{"msg": "Unknown url : " + address.path}]})
        if address.path == "/api/hotspots/search" and asked.get("project") not in dict(PROJECTS):
            return self.answer(404, {"errors": [{"msg": f"Project '{asked.get('project')}' not found"}]})
        if int(asked.get("p", 1)) * int(asked.get("ps", 100)) > 10_000:
            return self.answer(400, {"errors": [{"msg": "Can return only the first 10000 results."}]})
        self.answer(200, known[address.path]())

    @staticmethod
    def projects():
        return [{"key": key, "name": name, "qualifier": "TRK", "project": key} for key, name in PROJECTS]

    @staticmethod
    def issues(asked):
        found = issues(asked.get("componentKeys"))
        found.sort(key=lambda it: it["creationDate"])
        return [it for it in found if it["creationDate"][:10] >= asked.get("createdAfter", "")[:10]]

    @staticmethod
    def page(asked, name, found):
        size, number = int(asked.get("ps", 100)), int(asked.get("p", 1))
        shown = found[(number - 1) * size : number * size]
        return {"paging": {"pageIndex": number, "pageSize": size, "total": len(found)}, name: shown}

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
