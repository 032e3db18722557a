// What changes while a run is under way is shown as it comes. Without scripts the
// page loads itself again.
"use strict";
for (const live of document.querySelectorAll("[data-live]")) {
  const events = new EventSource(live.dataset.live);
  events.addEventListener("state", (event) => { live.innerHTML = event.data; });
  events.addEventListener("end", () => events.close());
}
