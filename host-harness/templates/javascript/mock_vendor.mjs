// The vendor, as far as the connector asks it: node mock_vendor.mjs [PORT]

import { createServer } from "node:http";

const TOKEN = "any-token";
const PROJECTS = [{ id: "1", name: "acme/shop" }, { id: "2", name: "acme/billing" }];
const SEVERITIES = ["critical", "high", "medium", "low", "info"];
const PAGE = 2;

const findings = (project) =>
    Array.from({ length: project === "1" ? 5 : 3 }, (_, at) => ({
        id: `${project}-${at + 1}`, project, rule: `rule-${at % 2}`, severity: SEVERITIES[at], message: "made up",
        path: `src/module${at}.py`, line: 7 + at, fixed: at === 1,
    }));

function answer({ pathname, searchParams }) {
    if (pathname === "/projects") return PROJECTS;
    if (pathname !== "/findings") return undefined;
    const project = searchParams.get("project");
    const page = Number(searchParams.get("page"));
    const all = PROJECTS.some((it) => it.id === project) ? findings(project) : [];
    const next = page * PAGE < all.length ? page + 1 : null;
    return { findings: all.slice((page - 1) * PAGE, page * PAGE), next };
}

const server = createServer((request, response) => {
    const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
    const body = isKnown ? answer(new URL(request.url, "http://vendor")) : {};
    response.writeHead(isKnown ? (body ? 200 : 404) : 401, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? {}));
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
