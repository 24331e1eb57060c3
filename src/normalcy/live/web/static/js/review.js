// The review queue by keyboard: j and k move, c and f judge, u takes back, space plays.

export function reviewByKeys(root) {
  const links = () => [...root.querySelectorAll("[data-event]")];
  const chosen = () => links().findIndex((link) => link.getAttribute("aria-current") === "true");
  const choose = (place) => {
    const link = links()[place];
    if (!link) return;
    link.click();
    link.scrollIntoView({ block: "nearest" });
  };
  const play = () => {
    const clip = root.querySelector("[data-clip]");
    if (clip) clip.paused ? clip.play() : clip.pause();
  };
  const press = (key) => root.querySelector(`[data-key="${key}"]`)?.click();
  const actions = {
    j: () => choose(chosen() + 1),
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
    action();
  });

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
