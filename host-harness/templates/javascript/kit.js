// What every connector in JavaScript needs: requests, records byte for byte, errors, a bucket.

import { getEnvironment } from "wasi:cli/environment@0.2.12";
import { handle } from "wasi:http/outgoing-handler@0.2.12";
import { Fields, OutgoingRequest } from "wasi:http/types@0.2.12";
import { open } from "wasi:keyvalue/store@0.2.0-draft";

// Most bytes of one answer: the memory of a sandbox is bounded.
const MAX_BODY_BYTES = 16 << 20;

// Deepest nesting that is read: the stack of a sandbox is small.
const MAX_DEPTH = 200;

// ---- Errors: what is thrown is the contract's `error` ---------------------------------------

/// `code` says who must act.
export const fail = (code, detail = "", more = {}) => ({ code, detail, didYouMean: [], problems: [], ...more });
export const unsupported = (what) => fail("unsupported", what);
export const protocol = (endpoint, what) => fail("protocol", what, { subject: endpoint });
export const invalidCursor = (cursor) => fail("invalid-cursor", cursor.slice(0, 200));
export const invalidSetting = (key, problem) => fail("invalid-settings", "", { problems: [{ key, problem }] });

/// Turns what nobody expected into an error: otherwise it would be a trap.
export function guarded(called) {
    return (...given) => {
        try {
            return called(...given);
        } catch (error) {
            throw typeof error?.code === "string" ? error : fail("internal", String(error));
        }
    };
}

// ---- Data ----------------------------------------------------------------------------------

/// A text that may stand in a record of the contract: no half of a surrogate pair.
export const text = (value) => (typeof value === "string" ? value.toWellFormed() : undefined);

/// A number that the contract can hold.
export const number = (value, least = 0) =>
    Number.isInteger(value) && value >= least && value < 2 ** 32 ? value : undefined;

/// A finding: the lists that are not given are empty, and nobody has decided on it.
export function finding(given) {
    const lists = ["categories", "flow", "tickets", "reviewComments", "fixRequests", "fixFailures"];
    return {
        ...Object.fromEntries(lists.map((name) => [name, []])),
        lifecycle: { triage: { state: { tag: "untriaged" } }, status: { tag: "open" } },
        ...given,
    };
}

/// A rule: the lists that are not given are empty.
export function rule(given) {
    const lists = ["subcategories", "vulnerabilityClasses", "cwes", "owasp", "technologies", "references"];
    return { ...Object.fromEntries(lists.map((name) => [name, []])), ...given };
}

// ---- JSON ----------------------------------------------------------------------------------

/// Where the value at a place of a JSON text ends.
function skip(source, at, depth = 0) {
    const first = source[at];
    if (first === '"') {
        for (at++; source[at] !== '"'; at++) if (source[at] === "\\") at++;
        return at + 1;
    }
    if (first === "{" || first === "[") {
        for (; ; at++) {
            const sign = source[at];
            if (sign === '"') at = skip(source, at) - 1;
            else if (sign === "{" || sign === "[") depth++;
            else if ((sign === "}" || sign === "]") && --depth === 0) return at + 1;
        }
    }
    while (at < source.length && !",]} \t\n\r".includes(source[at])) at++;
    return at;
}

const space = (source, at) => {
    while (" \t\n\r".includes(source[at] ?? "x")) at++;
    return at;
};

/// Reads JSON; what is wrong with it is thrown.
export function parse(source) {
    let depth = 0;
    for (let at = 0; at < source.length; at++) {
        const sign = source[at];
        if (sign === '"') {
            for (at++; at < source.length && source[at] !== '"'; at++) if (source[at] === "\\") at++;
        } else if (sign === "{" || sign === "[") {
            if (++depth > MAX_DEPTH) throw new Error(`it is nested more than ${MAX_DEPTH} deep`);
        } else if (sign === "}" || sign === "]") depth--;
    }
    return JSON.parse(source);
}

/// The elements of the list `name` of an object that was parsed, each as the text that it came as.
export function elements(source, name) {
    let at = space(source, space(source, 0) + 1);
    while (source[at] === '"') {
        const end = skip(source, at);
        const key = JSON.parse(source.slice(at, end));
        at = space(source, space(source, end) + 1);
        if (key === name && source[at] === "[") return items(source, at);
        at = space(source, skip(source, at));
        if (source[at] === ",") at = space(source, at + 1);
    }
    throw new Error(`it has no list \`${name}\``);
}

function items(source, at) {
    const found = [];
    for (at = space(source, at + 1); source[at] !== "]"; ) {
        const end = skip(source, at);
        found.push(source.slice(at, end));
        at = space(source, end);
        if (source[at] === ",") at = space(source, at + 1);
    }
    return found;
}

// ---- HTTP ----------------------------------------------------------------------------------

/// What is at a path, as text. `variable` holds the secret, or what stands for it. It never
/// waits to try again: that is the host's, which calls again with the same cursor.
export function get(origin, path, variable) {
    const endpoint = `GET ${path.split("?")[0]}`;
    const [scheme, authority] = origin.split("://");
    const secret = getEnvironment().find(([name]) => name === variable)?.[1] ?? "";
    const authorization = new TextEncoder().encode(`Bearer ${secret}`);
    const request = new OutgoingRequest(Fields.fromList([["authorization", authorization]]));
    request.setScheme({ tag: scheme === "http" ? "HTTP" : "HTTPS" });
    request.setAuthority(authority.replace(/\/+$/, ""));
    request.setPathWithQuery(path);
    let answered;
    try {
        const future = handle(request, undefined);
        future.subscribe().block();
        answered = future.get().val;
    } catch (error) {
        throw unreachable(origin, error.payload ?? error);
    }
    if (answered.tag === "err") throw unreachable(origin, answered.val);
    const response = answered.val;
    const status = response.status();
    const wait = retryAfter(response.headers());
    const bytes = body(response, status);
    if (status === 200) {
        try {
            return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
        } catch {
            throw protocol(endpoint, "bytes that are not UTF-8");
        }
    }
    if (status === 401) throw fail("unauthorized", "the vendor does not know the token", { status });
    if (status === 403) throw fail("forbidden", `the vendor refuses ${endpoint}`, { status });
    if (status === 429) throw fail("rate-limited", "", { status, retryAfterMs: wait });
    if (status >= 500) throw fail("unavailable", "", { status, retryAfterMs: wait });
    throw protocol(endpoint, `status ${status}`);
}

function unreachable(origin, code) {
    const denied = ["HTTP-request-denied", "destination-IP-prohibited"];
    if (denied.includes(code?.tag)) return fail("egress-denied", "", { subject: origin });
    return fail("unavailable", String(code?.tag ?? code));
}

/// What the vendor asks to wait: seconds, or until a moment by its own clock.
function retryAfter(headers) {
    const one = (name) => {
        const [value] = headers.get(name);
        return value && String.fromCharCode(...value);
    };
    const asked = one("retry-after");
    if (asked && /^\d{1,9}$/.test(asked)) return BigInt(asked) * 1000n;
    const wait = Date.parse(asked) - Date.parse(one("date"));
    return Number.isFinite(wait) ? BigInt(Math.max(0, wait)) : undefined;
}

function body(response, status) {
    const incoming = response.consume();
    const stream = incoming.stream();
    const pieces = [];
    let size = 0;
    for (;;) {
        let piece;
        try {
            piece = stream.blockingRead(65536n);
        } catch (error) {
            if ((error.payload ?? error).tag === "closed") break;
            throw fail("unavailable", "the answer broke off", { status });
        }
        pieces.push(piece);
        size += piece.length;
        if (size > MAX_BODY_BYTES) throw fail("limit", `an answer of more than ${MAX_BODY_BYTES} bytes`);
    }
    const whole = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
        whole.set(piece, at);
        at += piece.length;
    }
    return whole;
}

// ---- The bucket ----------------------------------------------------------------------------

const bucket = (use) => {
    try {
        return use(open("connector"));
    } catch (error) {
        throw fail("internal", `the bucket: ${JSON.stringify(error.payload ?? String(error))}`);
    }
};

export const remember = (key, value) =>
    bucket((kept) => kept.set(key, new TextEncoder().encode(JSON.stringify(value))));

/// What `configure` has kept.
export function remembered(key) {
    const kept = bucket((kept) => kept.get(key));
    if (kept === undefined) throw fail("not-configured");
    return JSON.parse(new TextDecoder().decode(kept));
}
