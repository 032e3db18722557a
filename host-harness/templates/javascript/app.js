// The connector {{name}}. Its vendor is invented and answers two requests:
//
// - `GET /projects`: `[{"id": "1", "name": "acme/shop"}]`
// - `GET /findings?project=1&page=1`: `{"findings": […], "next": 2}`
//
// Put your vendor in its place; `conformance` says what is wrong on the way.

import {
    elements, finding, get, guarded, invalidCursor, invalidSetting, number, parse, protocol, remember, remembered,
    rule, text, unsupported,
} from "./kit.js";

const ORIGIN = "https://vendor.example";
const TOKEN = "{{TOKEN}}";

// JSON Schema of the settings. A host shows it; checking is `configure`'s.
const SETTINGS = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    additionalProperties: false,
    properties: {
        origin: { type: "string", title: "Origin", description: "Where the vendor is.", default: ORIGIN },
    },
};

/// Each problem names its key, so that a form can show it there.
function readSettings(source) {
    let given;
    try {
        given = parse(source);
    } catch (error) {
        throw invalidSetting("", String(error));
    }
    if (given === null || typeof given !== "object" || Array.isArray(given)) throw invalidSetting("", "is no JSON object");
    for (const [key, value] of Object.entries(given)) {
        if (!Object.hasOwn(SETTINGS.properties, key)) throw invalidSetting(key, "is not known");
        if (typeof value !== "string") throw invalidSetting(key, "is no text");
    }
    return { origin: ORIGIN, ...given };
}

function ask(settings, path) {
    const source = get(settings.origin, path, TOKEN);
    try {
        return [source, parse(source)];
    } catch (error) {
        throw protocol(`GET ${path.split("?")[0]}`, String(error));
    }
}

function list(settings) {
    const [, listed] = ask(settings, "/projects");
    const isProject = (it) => typeof it?.id === "string" && typeof it?.name === "string";
    if (!Array.isArray(listed) || !listed.every(isProject)) throw protocol("GET /projects", "no list of projects");
    return listed;
}

// What a cursor holds.
const MOST_PAGES = 999_999_999;

/// The cursor holds which project of the scope is read, and which of its pages: one request a call.
function fetchFindings({ kind, scope, cursor }) {
    if (kind.tag !== "sast") throw unsupported("other kinds than `sast`");
    if (scope.tag !== "projects") throw unsupported("a read of all projects at once");
    const settings = remembered("settings");
    const place = cursor === undefined ? [, "0", "1"] : /^(\d{1,9})-(\d{1,9})$/.exec(cursor);
    const [position, page] = place ? [Number(place[1]), Number(place[2])] : [NaN, NaN];
    const project = scope.val[position];
    if (!project) {
        // Never an end that nobody has seen: it would prove that the rest is gone.
        if (cursor !== undefined) throw invalidCursor(cursor);
        return { records: [], next: { tag: "complete" }, diagnostics: [] };
    }
    const [source, answer] = ask(settings, `/findings?project=${encodeURIComponent(project.id)}&page=${page}`);
    let bodies;
    try {
        bodies = elements(source, "findings");
    } catch (error) {
        throw protocol("GET /findings", String(error));
    }
    let next = { tag: "complete" };
    if (answer.next !== undefined && answer.next !== null) {
        // What is no later page is no end either: what comes after it was not read.
        const isLater = number(answer.next, page + 1) !== undefined && answer.next <= MOST_PAGES;
        if (!isLater) throw protocol("GET /findings", "`next` is no later page");
        next = { tag: "cursor", val: `${position}-${answer.next}` };
    } else if (position + 1 < scope.val.length) next = { tag: "cursor", val: `${position + 1}-1` };
    return { records: bodies.map(raw), next, diagnostics: [] };
}

/// A record as it came. What it means is `normalize`'s, which may be done again years later.
function raw(body) {
    const found = JSON.parse(body);
    const project = text(found?.project);
    return { kind: { tag: "sast" }, id: text(found?.id), project: project && { id: project }, body };
}

const SEVERITIES = ["critical", "high", "medium", "low", "info"];

function normalizeOne(index, body, remarks) {
    const found = parse(body);
    for (const key of ["id", "project", "rule", "path"])
        if (typeof found?.[key] !== "string" || !found[key]) throw new Error(`it has no \`${key}\``);
    const id = text(found.id);
    // The mapping is total: what it does not know is said.
    const severity = SEVERITIES.includes(found.severity) ? found.severity : "unknown";
    if (severity === "unknown")
        remarks.push({ level: "warning", code: "unknown-severity", index, id, message: "the severity is not known" });
    return finding({
        index,
        id,
        // What stays when the code moves: never a line number.
        identity: { key: id, algorithm: "vendor-id", aliases: [] },
        kind: { tag: "sast" },
        project: { id: text(found.project) },
        title: text(found.rule),
        message: text(found.message),
        ruleId: text(found.rule),
        severity,
        vendorSeverity: text(found.severity),
        security: true,
        location: { path: text(found.path), startLine: number(found.line, 1) },
        lifecycle: { triage: { state: { tag: "untriaged" } }, status: { tag: found.fixed === true ? "fixed" : "open" } },
    });
}

function normalize(input) {
    if (input.tag !== "records") throw unsupported("files");
    const result = { findings: [], rules: [], packages: [], diagnostics: [] };
    input.val.forEach((record, index) => {
        try {
            const found = normalizeOne(index, record.body, result.diagnostics);
            result.findings.push(found);
            if (!result.rules.some((known) => known.id === found.ruleId)) result.rules.push(rule({ id: found.ruleId }));
        } catch (error) {
            // It never fails the others, and never goes without a word.
            const message = text(String(error));
            result.diagnostics.push({ level: "error", code: "unreadable", index, id: record.id, message });
        }
    });
    return result;
}

/// This connector reads no files.
class DocumentReader {
    survey() {
        throw unsupported("files");
    }
    summarize() {
        throw unsupported("files");
    }
    read() {
        throw unsupported("files");
    }
    finish() {
        throw unsupported("files");
    }
}

export const source = {
    describe: () => ({
        id: "{{name}}",
        name: "{{name}}",
        version: "0.1.0",
        contractVersion: "0.2.0",
        vendor: "Nobody",
        kinds: [{ kind: { tag: "sast" }, onByDefault: true }],
        settingsSchema: JSON.stringify(SETTINGS),
        origins: [{ purpose: "The vendor's API", default: ORIGIN, setting: "origin" }],
        secrets: [
            {
                variable: TOKEN,
                description: "A token of the vendor; the mock vendor takes `any-token`",
                placement: { tag: "bearer" },
            },
        ],
        formats: [],
    }),
    configure: guarded((given) => {
        const settings = readSettings(given);
        // A request that needs the secret: this call is also "test connection".
        list(settings);
        remember("settings", settings);
        return {
            deployment: { id: "1", slug: "{{name}}" },
            kinds: [{ kind: { tag: "sast" }, access: { tag: "readable" } }],
            deploymentWide: false,
            diagnostics: [],
        };
    }),
    listProjects: guarded((cursor) => {
        const settings = remembered("settings");
        // There is one page: no cursor is of this connector.
        if (cursor !== undefined) throw invalidCursor(cursor);
        const projects = list(settings).map(({ id, name }) => ({ id: text(id), name: text(name), tags: [] }));
        return { projects, diagnostics: [] };
    }),
    fetchFindings: guarded(fetchFindings),
    fetchScan: () => {
        throw unsupported("scans");
    },
    writeDecisions: () => {
        throw unsupported("decisions");
    },
    normalize: guarded(normalize),
    interpretEvent: () => {
        throw unsupported("events");
    },
    DocumentReader,
};
