"""The vendor, as far as the connector asks it: python3 mock_vendor.py [PORT]"""

import http.server
import json
import sys
import urllib.parse

TOKEN = "any-token"
PROJECTS = [{"id": "1", "name": "acme/shop"}, {"id": "2", "name": "acme/billing"}]
SEVERITIES = ["critical", "high", "medium", "low", "info"]
PAGE = 2


def findings(project):
    count = {"1": 5, "2": 3}.get(project, 0)
    common = {"project": project, "message": "made up"}
    return [
        {"id": f"{project}-{at + 1}", **common, "rule": f"rule-{at % 2}", "severity": SEVERITIES[at],
         "path": f"src/module{at}.py", "line": 7 + at, "fixed": at == 1}
        for at in range(count)
    ]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(address.query))
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            self.answer(401, {})
        elif address.path == "/projects":
            self.answer(200, PROJECTS)
        elif address.path == "/findings":
            found, page = findings(asked.get("project")), int(asked.get("page", 1))
            following = page + 1 if page * PAGE < len(found) else None
            self.answer(200, {"findings": found[(page - 1) * PAGE : page * PAGE], "next": following})
        else:
            self.answer(404, {})

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
