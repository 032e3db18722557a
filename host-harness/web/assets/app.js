// What pages do beside what they do without scripts: runs are shown as they go on,
// lists and findings are gone through by keys, and the look is chosen.
"use strict";
const find = (selector) => document.querySelector(selector);
const findAll = (selector) => [...document.querySelectorAll(selector)];

// A tab that nobody looks at keeps no connection.
for (const live of findAll("[data-live]")) {
  let events;
  const open = () => {
    events = new EventSource(live.dataset.live);
    events.addEventListener("state", (event) => { live.innerHTML = event.data; });
    events.addEventListener("end", () => { events.close(); document.removeEventListener("visibilitychange", turn); });
  };
  const turn = () => (document.hidden ? events.close() : open());
  document.addEventListener("visibilitychange", turn);
  if (!document.hidden) open();
}

for (const button of findAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });
}

for (const choice of findAll("[data-choose]")) {
  const { choose } = choice.dataset;
  choice.hidden = false;
  const select = choice.querySelector("select");
  select.value = document.documentElement.dataset[choose] ?? "";
  select.addEventListener("change", () => {
    if (select.value) {
      document.documentElement.dataset[choose] = select.value;
      localStorage.setItem(choose, select.value);
    } else {
      delete document.documentElement.dataset[choose];
      localStorage.removeItem(choose);
    }
  });
}

for (const time of findAll("time[datetime]")) {
  time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
}

const all = find("[data-all]");
const boxes = findAll("input[name='finding'][type='checkbox']");
const selected = find("[data-selected]");
const mark = (box) => {
  box.closest("tr").setAttribute("aria-selected", box.checked);
  const count = boxes.filter((it) => it.checked).length;
  if (selected) selected.textContent = count ? `Triage ${count} selected…` : "Triage selected…";
};
if (all) {
  all.hidden = false;
  all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; mark(box); }));
  boxes.forEach((box) => box.addEventListener("change", () => mark(box)));
}

const rows = findAll(".list tbody tr");
let at = -1;
const go = (to) => {
  if (!rows.length) return;
  rows[at]?.classList.remove("here");
  at = Math.max(0, Math.min(rows.length - 1, to));
  rows[at].classList.add("here");
  rows[at].scrollIntoView({ block: "nearest" });
  // So that a screen reader says which one it is.
  rows[at].querySelector("a.title")?.focus({ preventScroll: true });
};
const follow = (selector) => find(selector)?.click();
const KEYS = {
  j: () => go(at + 1),
  k: () => go(at - 1),
  x: () => rows[at]?.querySelector("input[type='checkbox']")?.click(),
  Enter: () => rows[at]?.querySelector("a.title")?.click(),
  n: () => follow("a[rel='next']"),
  p: () => follow("a[rel='prev']"),
  u: () => follow("a[rel='up']"),
  "/": () => find("input[type='search']")?.focus(),
  "?": () => find("#keys")?.showModal(),
};
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  const types = target.closest("input:not([type='checkbox']), select, textarea, dialog");
  const presses = key === "Enter" && target.closest("a, button, summary, input");
  if (event.ctrlKey || event.altKey || event.metaKey || types || presses || !KEYS[key]) return;
  event.preventDefault();
  KEYS[key]();
});
