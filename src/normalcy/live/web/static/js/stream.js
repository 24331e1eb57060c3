// Follows what changes, and writes it where the page shows it. One connection, and none while nobody looks:
// a browser keeps few to a host, and people leave many pages open.

const LEVEL_AT_LIMIT = 75; // where the bar has its mark
const PATIENCE_MS = 5000; // the server ends each stream now and then; a browser comes back within seconds
const known = new Map();
const states = JSON.parse(document.body.dataset.states ?? "{}"); // words and tone of each

export function followStream() {
  let source = null;
  let away = null;
  const lost = () => {
    away ??= setTimeout(() => { document.body.dataset.away = ""; }, PATIENCE_MS);
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, PATIENCE_MS);
  };
  const found = () => {
    clearTimeout(away);
    away = null;
    delete document.body.dataset.away;
  };
  const follow = () => {
    source?.close();
    source = null;
    if (document.hidden) return;
    source = new EventSource("/api/v1/stream");
    source.addEventListener("cameras", (message) => JSON.parse(message.data).forEach(showCamera));
    source.addEventListener("health", (message) => showHealth(JSON.parse(message.data)));
    source.addEventListener("event", (message) => showEvent(JSON.parse(message.data)));
    source.addEventListener("error", lost);
    source.addEventListener("open", found);
  };
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", () => source?.close());
  follow();
}

function showCamera(camera) {
  const before = known.get(camera.name);
  known.set(camera.name, camera);
  const [words, tone] = states[camera.shown];
  if (before && before.shown !== camera.shown) announce(`${camera.title}: ${words}`);
  if (before && !before.alarmed && camera.alarmed) announce(`${camera.title}: alarm`);
  for (const place of document.querySelectorAll(
    `[data-camera="${camera.name}"], [data-camera-state="${camera.name}"]`,
  )) {
    const state = place.querySelector("[data-state]");
    if (state) {
      state.textContent = words;
      state.className = `state ${tone}`;
    }
    place.dataset.tone = tone;
    place.toggleAttribute("data-alarmed", camera.alarmed);
    showScore(place.querySelector("[data-score]"), camera);
    const note = place.querySelector("[data-note]");
    if (note) note.textContent = noteOf(camera);
  }
  summarise();
}

function showScore(bar, camera) {
  if (!bar) return;
  const hasLimit = camera.threshold !== null && camera.threshold > 0;
  const isScored = camera.score !== null && camera.shown === "online" && camera.scene !== "dark";
  const share = isScored && hasLimit ? camera.score / camera.threshold : 0;
  bar.querySelector("[data-level]").setAttribute("width", Math.max(0, Math.min(100, share * LEVEL_AT_LIMIT)));
  bar.querySelector("[data-limit]").style.visibility = hasLimit ? "visible" : "hidden";
  const words = !isScored ? "No score now" : `Unusual by ${Math.round(share * 100)} % of the alarm level`;
  bar.setAttribute("aria-label", hasLimit ? words : "It has no alarm level");
}

function noteOf(camera) {
  if (camera.state === "disabled") return "";
  if (camera.state !== "online") return [camera.reason, ageWords(camera.frame_age_seconds)].filter(Boolean).join("; ");
  if (camera.scene === "dark") return "Dark: there is nothing to see, and nothing alarms";
  if (camera.shown === "not_scored") return "Pictures come, but nothing looks for what is unusual";
  if (camera.event) return "Something unusual is going on";
  if (!camera.watching) return "Not watching at this hour";
  if (camera.scene === "changing") return "The view is changing";
  if (camera.scene === "learning") return "A new view: getting used to it, nothing alarms";
  return ageWords(camera.frame_age_seconds) || "No picture yet";
}

function ageWords(seconds) {
  if (seconds === null) return "";
  if (seconds < 1) return "picture is current";
  const [size, unit] = [[86400, "days"], [3600, "h"], [60, "min"], [1, "s"]].find(([each]) => seconds >= each);
  return `last picture ${Math.floor(seconds / size)} ${unit} ago`;
}

function summarise() {
  const place = document.querySelector("[data-wall-summary]");
  if (!place) return;
  const all = [...known.values()];
  const live = all.filter((camera) => camera.shown === "online").length;
  const alarms = all.filter((camera) => camera.alarmed).length;
  place.textContent = `${live} of ${all.length} live${alarms ? `, ${alarms} alarmed` : ""}`;
}

// What a person should look at, on a wall that was opened long ago.
function showHealth({ ready, notes }) {
  const place = document.querySelector("[data-notes]");
  if (!place) return;
  const texts = notes.map((note) => note.text);
  if (!ready && !texts.length) texts.push("Something does not run as it should.");
  if (place.dataset.notes === JSON.stringify(texts)) return;
  place.dataset.notes = JSON.stringify(texts);
  place.replaceChildren(...texts.map((text) => {
    const line = document.createElement("p");
    line.className = "flash bad";
    const link = document.createElement("a");
    link.href = "/health";
    link.textContent = "Health";
    line.append(`${text} `, link);
    return line;
  }));
}

function showEvent(event) {
  const title = known.get(event.camera)?.title ?? event.camera;
  if (event.change === "opened") announce(`New ${event.severity} on ${title}`);
  document.dispatchEvent(new CustomEvent("eventchange", { detail: event }));
}

function announce(words) {
  document.getElementById("announcer").textContent = words;
}
