// What somebody chose of the look, before anything is drawn.
"use strict";
for (const name of ["theme", "density"]) {
  try {
    const chosen = localStorage.getItem(name);
    if (chosen) document.documentElement.dataset[name] = chosen;
  } catch { /* Nothing is kept here: it looks as the system wants it. */ }
}
