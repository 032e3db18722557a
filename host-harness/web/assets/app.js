// What pages do beside what they do without scripts: runs are shown as they go on,
// and lists and findings are gone through by keys.
"use strict";
for (const live of document.querySelectorAll("[data-live]")) {
  const events = new EventSource(live.dataset.live);
  events.addEventListener("state", (event) => { live.innerHTML = event.data; });
  events.addEventListener("end", () => events.close());
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });
}

const all = document.querySelector("[data-all]");
const boxes = [...document.querySelectorAll("input[name='finding'][type='checkbox']")];
const mark = (box) => box.closest("tr").setAttribute("aria-selected", box.checked);
if (all) {
  all.hidden = false;
  all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; mark(box); }));
  boxes.forEach((box) => box.addEventListener("change", () => mark(box)));
}

const rows = [...document.querySelectorAll(".list tbody tr")];
let at = -1;
const go = (to) => {
  if (!rows.length) return;
  rows[at]?.classList.remove("here");
  at = Math.max(0, Math.min(rows.length - 1, to));
  rows[at].classList.add("here");
  rows[at].scrollIntoView({ block: "nearest" });
};
const follow = (selector) => document.querySelector(selector)?.click();
const KEYS = {
  j: () => go(at + 1),
  k: () => go(at - 1),
  x: () => rows[at]?.querySelector("input[type='checkbox']")?.click(),
  Enter: () => rows[at]?.querySelector("a.title")?.click(),
  n: () => follow("a[rel='next']"),
  p: () => follow("a[rel='prev']"),
  u: () => follow("a[rel='up']"),
  "/": () => document.querySelector("input[type='search']")?.focus(),
};
document.addEventListener("keydown", (event) => {
  const typed = event.target.closest("input:not([type='checkbox']), select, textarea, button, a, summary");
  if (event.ctrlKey || event.altKey || event.metaKey || (typed && event.key !== "Escape")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
