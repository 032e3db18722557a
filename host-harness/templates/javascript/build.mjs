// Builds the component: node build.mjs

import { componentize } from "@bytecodealliance/componentize-js";
import { rolldown } from "rolldown";
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { deflateSync } from "node:zlib";

// One file of both; what they import of WASI is the host's.
const bundle = await rolldown({ input: "app.js", external: /^wasi:/, treeshake: true });
const { output } = await bundle.generate({ format: "esm" });
await writeFile("bundle.js", output[0].code);
const { component } = await componentize({
    sourcePath: "bundle.js",
    witPath: "wit",
    worldName: "guest",
    // What is not needed is not imported: requests are made over `wasi:http`.
    disableFeatures: ["random", "stdio", "clocks", "http", "fetch-event"],
});
// What `harness inspect` and registries show of it: license and source are in package.json.
const about = JSON.parse(await readFile("package.json", "utf8"));
const packages = [
    { name: about.name, version: about.version, source: "local", root: true, dependencies: [] },
    ...Object.entries(about.devDependencies).map(([name, version]) => ({ name, version, source: "npm" })),
];
for (const [at, it] of packages.entries()) {
    if (it.name.endsWith("/componentize-js")) packages[0].dependencies.push(at);
    // The others are needed to build it, and not in it.
    else if (!it.root) it.kind = "build";
}
await writeFile("{{name}}.wasm", [
    component,
    section("component-name", Buffer.concat([Buffer.from([0]), counted(counted(about.name))])),
    section("version", about.version),
    section("licenses", about.license),
    section("source", about.repository),
    section("revision", revision()),
    section(".dep-v0", deflateSync(JSON.stringify({ packages }))),
]);

function section(name, content) {
    return content?.length ? Buffer.concat([Buffer.from([0]), counted(counted(name), content)]) : Buffer.alloc(0);
}

/// Bytes with their length in front, as WebAssembly writes it.
function counted(...parts) {
    const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
    const digits = [];
    let length = content.length;
    for (; length > 127; length >>= 7) digits.push((length & 127) | 128);
    return Buffer.concat([Buffer.from([...digits, length]), content]);
}

/// The revision of the repository, where nothing is uncommitted.
function revision() {
    const git = (...given) => execFileSync("git", given, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    try {
        // In a folder that another repository ignores nothing is uncommitted, either.
        git("ls-files", "--error-unmatch", "build.mjs");
        return git("status", "--porcelain", "--", ".") ? "" : git("rev-parse", "HEAD").trim();
    } catch {
        return "";
    }
}
