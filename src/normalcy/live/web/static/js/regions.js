// Areas of a picture: drawn with mouse or finger, moved corner by corner with keys, or typed as numbers.

import { followCorners, listRegions } from "./region_list.js";

const SVG = "http://www.w3.org/2000/svg";
const STEP = 0.01, BIG_STEP = 0.05; // of the picture, for each press of an arrow key
const CLOSE_PX = 14; // a click so near the first corner closes the area
const HELP = {
  idle: "Drag a corner to move it. Corners also take the arrow keys; Delete takes one out.",
  drawing: "Click corner after corner; click the first one again, or press Enter, to finish. Escape stops.",
};

export function editRegions(form) {
  new Editor(form);
}

class Editor {
  constructor(form) {
    this.regions = JSON.parse(form.dataset.regions);
    this.field = form.querySelector("input[name=regions]");
    this.svg = form.querySelector("[data-canvas]");
    this.list = form.querySelector("[data-list]");
    this.help = form.querySelector("[data-help]");
    this.drawButton = form.querySelector("[data-draw]");
    this.corners = null; // of the area that is being drawn
    this.chosen = 0;
    this.drawButton.addEventListener("click", () => this.setDrawing(this.corners ? null : []));
    form.querySelector("[data-box]").addEventListener("click", () => {
      this.add([[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]]);
      this.svg.querySelector("circle")?.focus();
    });
    this.svg.addEventListener("click", (event) => this.click(event));
    this.svg.addEventListener("pointermove", (event) => this.hover(event));
    form.addEventListener("keydown", (event) => this.keyWhileDrawing(event));
    new ResizeObserver(() => this.paint()).observe(this.svg);
    this.setDrawing(null);
    this.changed();
  }

  // Areas

  add(polygon) {
    const names = new Set(this.regions.map((region) => region.name));
    let number = this.regions.length + 1;
    while (names.has(`Area ${number}`)) number += 1;
    this.regions.push({ name: `Area ${number}`, polygon, mode: "watch" });
    this.chosen = this.regions.length - 1;
    this.changed();
  }

  remove(region) {
    this.regions.splice(this.regions.indexOf(region), 1);
    this.chosen = Math.max(0, Math.min(this.chosen, this.regions.length - 1));
    this.changed();
  }

  addCorner(region, index) {
    const [x0, y0] = region.polygon[index];
    const [x1, y1] = region.polygon[(index + 1) % region.polygon.length];
    region.polygon.splice(index + 1, 0, [rounded((x0 + x1) / 2), rounded((y0 + y1) / 2)]);
    this.changed();
  }

  removeCorner(region, index) {
    if (region.polygon.length <= 3) return;
    region.polygon.splice(index, 1);
    this.changed();
  }

  moveCorner(region, index, x, y) {
    region.polygon[index] = [rounded(x), rounded(y)];
    this.paint();
    followCorners(this);
  }

  changed() {
    listRegions(this);
    this.paint();
  }

  // Drawing

  setDrawing(corners) {
    this.corners = corners;
    this.drawButton.setAttribute("aria-pressed", String(Boolean(corners)));
    this.svg.classList.toggle("drawing", Boolean(corners));
    this.help.textContent = corners ? HELP.drawing : HELP.idle;
    this.paint();
  }

  click(event) {
    if (!this.corners) return;
    const point = this.place(event);
    if (this.corners.length >= 3 && this.isNearFirst(event)) this.finish();
    else this.setDrawing([...this.corners, point]);
  }

  hover(event) {
    if (!this.corners?.length) return;
    this.pointer = this.place(event);
    this.paint();
  }

  keyWhileDrawing(event) {
    if (!this.corners || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Enter" && this.corners.length >= 3) this.finish();
    else if (event.key === "Escape") this.setDrawing(null);
  }

  finish() {
    const polygon = this.corners;
    this.setDrawing(null);
    this.add(polygon);
  }

  isNearFirst(event) {
    const { left, top, width, height } = this.svg.getBoundingClientRect();
    const [x, y] = this.corners[0];
    return Math.hypot(event.clientX - left - x * width, event.clientY - top - y * height) <= CLOSE_PX;
  }

  place(event) {
    const { left, top, width, height } = this.svg.getBoundingClientRect();
    return [rounded((event.clientX - left) / width), rounded((event.clientY - top) / height)];
  }

  // The picture

  paint() {
    this.field.value = JSON.stringify(this.regions);
    const { clientWidth: width, clientHeight: height } = this.svg;
    this.svg.setAttribute("viewBox", `0 0 ${width || 1} ${height || 1}`);
    const focused = document.activeElement?.dataset?.corner;
    this.svg.replaceChildren();
    const points = (corners) => corners.map(([x, y]) => `${x * width},${y * height}`).join(" ");
    this.regions.forEach((region, place) => {
      const shape = node("polygon", { points: points(region.polygon), class: `area ${region.mode}` });
      shape.classList.toggle("chosen", place === this.chosen);
      if (!this.corners) shape.addEventListener("click", () => this.choose(place));
      this.svg.append(shape);
      if (place === this.chosen && !this.corners) this.paintHandles(region, width, height);
    });
    if (this.corners?.length) {
      const shown = this.pointer ? [...this.corners, this.pointer] : this.corners;
      this.svg.append(node("polyline", { points: points(shown), class: "drawn" }));
      this.corners.forEach(([x, y]) => this.svg.append(node("circle", { cx: x * width, cy: y * height, r: 5, class: "drawn" })));
    }
    if (focused) this.svg.querySelector(`[data-corner="${focused}"]`)?.focus();
  }

  paintHandles(region, width, height) {
    region.polygon.forEach(([x, y], index) => {
      const label = `Corner ${index + 1} of ${region.name}`;
      const handle = node("circle", { cx: x * width, cy: y * height, r: 7, class: "handle", tabindex: 0, role: "button", "aria-label": label });
      handle.dataset.corner = index;
      handle.addEventListener("pointerdown", (event) => this.drag(event, region, index));
      handle.addEventListener("keydown", (event) => this.keyOnCorner(event, region, index));
      this.svg.append(handle);
    });
  }

  // The handle is painted anew while it moves, so the picture as a whole follows the pointer.
  drag(event, region, index) {
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    const move = (moved) => this.moveCorner(region, index, ...this.place(moved));
    const release = () => {
      this.svg.removeEventListener("pointermove", move);
      this.svg.removeEventListener("pointerup", release);
      this.svg.removeEventListener("pointercancel", release);
    };
    this.svg.addEventListener("pointermove", move);
    this.svg.addEventListener("pointerup", release);
    this.svg.addEventListener("pointercancel", release);
  }

  keyOnCorner(event, region, index) {
    const step = event.shiftKey ? BIG_STEP : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const [x, y] = region.polygon[index];
    if (moves[event.key]) this.moveCorner(region, index, x + moves[event.key][0], y + moves[event.key][1]);
    else if (event.key === "Delete" || event.key === "Backspace") this.removeCorner(region, index);
    else return;
    event.preventDefault();
  }

  choose(place) {
    this.chosen = place;
    this.paint();
  }
}

// Within the picture, to a thousandth of it.
function rounded(part) {
  return Math.round(Math.min(1, Math.max(0, part)) * 1000) / 1000;
}

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}
