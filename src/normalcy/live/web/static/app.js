// What every page does; the parts start where a page has something for them.

import { followPictures } from "./js/pictures.js";
import { editRegions } from "./js/regions.js";
import { reviewByKeys } from "./js/review.js";
import { followStream } from "./js/stream.js";
import { drawTimeline } from "./js/timeline.js";

const each = (selector, start) => document.querySelectorAll(selector).forEach(start);

// Menu of small screens.
each("[data-menu]", (button) => {
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    document.getElementById("menu").classList.toggle("open", open);
  });
});

// The server reads the cookie, so that no page flashes in the other colours.
each("[data-theme-toggle]", (button) => {
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    dispatchEvent(new Event("themechange"));
  });
});

// What cannot be taken back is asked for once more.
each("form[data-confirm]", (form) => {
  form.addEventListener("submit", (event) => {
    const dialog = document.getElementById("confirm");
    if (form.dataset.confirmed) return;
    event.preventDefault();
    document.getElementById("confirm-words").textContent = form.dataset.confirm;
    dialog.returnValue = "no";
    dialog.showModal();
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") return;
      form.dataset.confirmed = "yes";
      form.requestSubmit();
    }, { once: true });
  });
});

// Another row of hours: the last one again, empty and with its own number.
each("[data-more-hours]", (button) => {
  button.addEventListener("click", () => {
    const rows = button.parentElement.querySelectorAll(".hours");
    const row = rows[rows.length - 1].cloneNode(true);
    row.querySelectorAll("input").forEach((input) => {
      if (input.type === "checkbox") {
        input.checked = false;
        input.name = `schedule_days_${rows.length}`;
      } else {
        input.value = "";
      }
    });
    row.querySelector("legend").textContent = `Hours ${rows.length + 1}`;
    rows[rows.length - 1].after(row);
    row.querySelector("input").focus();
  });
});

// A screen reader says a rate, not the logarithm that the slider holds.
const sayRate = () => each("[data-rate]", (slider) => {
  const words = document.querySelector("[data-rate-words]");
  if (words) slider.setAttribute("aria-valuetext", words.textContent);
});
document.addEventListener("htmx:afterSettle", sayRate);
sayRate();

each("[data-pictures]", followPictures);
each("[data-timeline]", drawTimeline);
each("[data-regions]", editRegions);
each("[data-review]", reviewByKeys);
if ("follows" in document.body.dataset) followStream();
