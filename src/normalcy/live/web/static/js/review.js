// The review queue by keyboard: j and k move, c and f judge, u takes back, space plays.

export function reviewByKeys(root) {
  const detail = root.querySelector("#detail");
  const links = () => [...root.querySelectorAll("[data-event]")];
  const chosen = () => links().findIndex((link) => link.getAttribute("aria-current") === "true");
  let wanted = null; // the place to choose once more of the list is there
  const choose = (place) => {
    const link = links()[place];
    if (!link) return false;
    link.click();
    link.scrollIntoView({ block: "nearest" });
    return true;
  };
  const next = () => {
    const place = chosen() + 1;
    const more = root.querySelector(".more button[hx-get]");
    if (choose(place) || !more) return;
    wanted = place;
    more.click();
  };
  const play = () => {
    const clip = root.querySelector("[data-clip]");
    if (clip) clip.paused ? clip.play() : clip.pause();
  };
  // Only what is seen is judged: the list is ahead of the event beside it as long as that is on its way.
  const press = (key) => {
    const highlighted = links()[chosen()]?.dataset.event;
    const shown = detail.querySelector("[data-detail]")?.dataset.detail;
    if (!highlighted || highlighted === shown) detail.querySelector(`[data-key="${key}"]`)?.click();
  };
  const actions = {
    j: next,
    k: () => choose(Math.max(0, chosen() - 1)),
    c: () => press("c"),
    f: () => press("f"),
    u: () => press("u"),
    " ": play,
  };
  document.addEventListener("keydown", (event) => {
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey || belongsToField(event)) return;
    event.preventDefault();
    // A key that is held down walks along the list, and judges nothing.
    if (!event.repeat || "jk".includes(event.key)) action();
  });
  root.addEventListener("htmx:afterSettle", () => {
    if (wanted !== null && choose(wanted)) wanted = null;
  });
  keepFocus(detail);

  root.addEventListener("click", (event) => {
    const link = event.target.closest("[data-event]");
    if (link) {
      links().forEach((each) => each.removeAttribute("aria-current"));
      link.setAttribute("aria-current", "true");
      root.dataset.chosen = "";
    }
    if (event.target.closest(".back")) {
      event.preventDefault();
      delete root.dataset.chosen;
    }
  });
  sayNewEvents(root);
  document.addEventListener("htmx:afterSwap", (event) => event.target.id === "detail" && sayEvent(event.target));
}

// Who presses a button of the event finds the keyboard at that button of what takes its place.
function keepFocus(detail) {
  let key = null;
  detail.addEventListener("htmx:beforeSwap", () => {
    key = detail.contains(document.activeElement) ? document.activeElement.dataset.key ?? null : null;
  });
  detail.addEventListener("htmx:afterSwap", () => {
    if (key) (detail.querySelector(`[data-key="${key}"]`) ?? detail.querySelector("[data-key]"))?.focus();
    key = null;
  });
}

// What somebody hears who does not see the event change; what a verdict did is said by itself.
function sayEvent(detail) {
  if (detail.querySelector(".flash")) return;
  const words = [...detail.querySelectorAll("h2, .badge, .verdict, .sentence")].map((each) => each.textContent.trim());
  document.getElementById("announcer").textContent = words.join(", ");
}

// Keys that a field, a button or the clip needs itself.
function belongsToField(event) {
  const { target, key } = event;
  if (target.closest("input, select, textarea")) return true;
  return key === " " && Boolean(target.closest("button, a, summary, video"));
}

// The list does not move under somebody's hands: it says that there is more.
function sayNewEvents(root) {
  document.addEventListener("eventchange", (event) => {
    const rows = root.querySelector("[data-rows]");
    if (event.detail.change !== "opened" || rows.querySelector("[data-new]")) return;
    const row = document.createElement("li");
    row.className = "more";
    row.dataset.new = "";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "New events: show them";
    button.addEventListener("click", () => location.assign("/review"));
    row.append(button);
    rows.prepend(row);
  });
}
