// Builds the component: node build.mjs

import { componentize } from "@bytecodealliance/componentize-js";
import { rolldown } from "rolldown";
import { writeFile } from "node:fs/promises";

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
await writeFile("{{name}}.wasm", component);
