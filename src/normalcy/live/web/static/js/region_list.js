// The list of areas beside the picture: name, what to do there, its own rate, and corners as numbers.

const NOTHING = "No area yet: the whole picture is watched. Draw one around what matters, or around what should be left out.";

// What was open stays open, and the keyboard stays where it was.
export function listRegions(editor) {
  const opened = new Set(editor.items?.filter((each) => each.box.querySelector("details").open).map((each) => each.region));
  const focused = placeOfFocus(editor);
  editor.items = editor.regions.map((region, place) => ({ region, box: item(editor, region, place) }));
  editor.items.forEach(({ region, box }) => { box.querySelector("details").open = opened.has(region); });
  const nothing = made("p", { className: "muted", textContent: NOTHING });
  editor.list.replaceChildren(...(editor.items.length ? editor.items.map((each) => each.box) : [nothing]));
  if (focused) refocus(editor, focused);
}

function placeOfFocus(editor) {
  const { activeElement } = document;
  const place = editor.items?.findIndex(({ box }) => box.contains(activeElement)) ?? -1;
  if (place < 0) return null;
  const rows = [...editor.items[place].box.querySelectorAll(".corner")];
  return { place, row: rows.findIndex((row) => row.contains(activeElement)), act: activeElement.dataset.act };
}

// At the same button, or at what took its place: the last corner, the next area, or where areas are added.
function refocus(editor, { place, row, act }) {
  const box = editor.items[Math.min(place, editor.items.length - 1)]?.box;
  if (!box) return editor.drawButton.focus();
  const rows = [...box.querySelectorAll(".corner")];
  const within = row < 0 ? box : rows[Math.min(row, rows.length - 1)];
  (within.querySelector(`[data-act="${act}"]:enabled`) ?? within.querySelector("button")).focus();
}

// Numbers follow a corner that is dragged.
export function followCorners(editor) {
  editor.list.querySelectorAll(".corner").forEach((row) => row.follow());
}

function item(editor, region, place) {
  const box = made("fieldset", { className: "region" });
  const legend = made("legend", { textContent: region.name });
  const name = made("input", { value: region.name, required: true, maxLength: 60 });
  const mode = made("select", {});
  mode.append(new Option("Watch by itself", "watch"), new Option("Leave out", "ignore"));
  mode.value = region.mode;
  const rate = made("input", { value: region.false_alarms_per_day ?? "", type: "number", min: 0.0001, step: "any", placeholder: "as the camera" });
  name.addEventListener("input", () => {
    region.name = name.value;
    legend.textContent = name.value;
    editor.paint();
  });
  mode.addEventListener("change", () => {
    region.mode = mode.value;
    rateLabel.hidden = region.mode === "ignore";
    editor.paint();
  });
  rate.addEventListener("input", () => {
    if (rate.value) region.false_alarms_per_day = Number(rate.value);
    else delete region.false_alarms_per_day;
    editor.paint();
  });
  const rateLabel = labelled("False alarms a day", rate);
  rateLabel.hidden = region.mode === "ignore";
  const remove = button("Remove", `Remove ${region.name}`, () => editor.remove(region));
  remove.classList.add("danger");
  remove.dataset.act = "remove";
  box.addEventListener("focusin", () => editor.chosen !== place && editor.choose(place));
  box.append(legend, labelled("Name", name), labelled("There", mode), rateLabel, corners(editor, region), remove);
  return box;
}

function corners(editor, region) {
  const details = made("details", {});
  details.append(made("summary", { textContent: `${region.polygon.length} corners, as numbers` }));
  region.polygon.forEach((point, index) => {
    const row = made("div", { className: "corner" });
    const fields = ["from the left", "from the top"].map((words, axis) => {
      const field = made("input", { type: "number", min: 0, max: 100, step: 0.1, value: percent(point[axis]) });
      field.setAttribute("aria-label", `Corner ${index + 1}, % ${words}`);
      field.addEventListener("change", () => {
        const now = [...region.polygon[index]];
        now[axis] = Number(field.value) / 100;
        editor.moveCorner(region, index, ...now);
      });
      return field;
    });
    row.follow = () => fields.forEach((field, axis) => { field.value = percent(region.polygon[index][axis]); });
    const add = button("+", `Add a corner after corner ${index + 1}`, () => editor.addCorner(region, index));
    const drop = button("−", `Remove corner ${index + 1}`, () => editor.removeCorner(region, index));
    add.dataset.act = "add";
    drop.dataset.act = "drop";
    drop.disabled = region.polygon.length <= 3;
    row.append(made("span", { textContent: `${index + 1}` }), ...fields, made("span", { textContent: "%" }), add, drop);
    details.append(row);
  });
  return details;
}

function labelled(words, field) {
  const label = made("label", { textContent: `${words} ` });
  label.append(field);
  return label;
}

function button(words, label, act) {
  const it = made("button", { type: "button", textContent: words });
  it.setAttribute("aria-label", label);
  it.addEventListener("click", act);
  return it;
}

function made(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function percent(part) {
  return Math.round(part * 1000) / 10;
}
