// Scores over time on a canvas, with the alarm level and events; zoomed and moved by wheel, drag, keys and buttons.

const LONGEST_SECONDS = 31 * 86400;
const SHORTEST_SECONDS = 30;
const LEFT = 8, RIGHT = 8, TOP = 12, BOTTOM = 24;
const REFRESH_MS = 5000;

export function drawTimeline(canvas) {
  new Timeline(canvas);
}

// Where whole hours and days of the site begin, wherever the browser is.
export function marks(since, until, step, zone) {
  const offset = zoneOffset(until, zone);
  const found = [];
  for (let at = Math.ceil((since + offset) / step) * step - offset; at <= until; at += step) found.push(at);
  return found;
}

// Seconds by which clocks of a time zone are ahead of UTC.
function zoneOffset(at, zone) {
  const whole = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" };
  const format = new Intl.DateTimeFormat("en-US", { ...zone, ...whole, hourCycle: "h23" });
  const part = Object.fromEntries(format.formatToParts(new Date(at * 1000)).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) / 1000 - Math.floor(at);
}

class Timeline {
  constructor(canvas) {
    this.canvas = canvas;
    this.camera = canvas.dataset.timeline;
    this.zone = { timeZone: canvas.dataset.zone || undefined };
    this.span = 3600;
    this.until = Date.now() / 1000;
    this.follows = true;
    this.scores = { at: [], score: [], threshold: [] };
    this.events = [];
    this.isCut = false;
    this.ask = 0;
    this.buttons(canvas.closest("section"));
    this.pointers();
    canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
    addEventListener("themechange", () => this.draw());
    document.addEventListener("eventchange", () => this.load());
    setInterval(() => this.follows && !document.hidden && this.now(), REFRESH_MS);
    this.now();
  }

  buttons(section) {
    const on = (name, act) => section.querySelectorAll(`[data-${name}]`).forEach((button) => {
      button.addEventListener("click", () => act(Number(button.dataset[name]), button));
    });
    on("span", (seconds) => this.show(seconds, this.follows ? Date.now() / 1000 : this.until));
    on("zoom", (factor) => this.zoom(factor, 0.5));
    on("move", (share) => this.move(share * this.span));
    on("now", () => { this.follows = true; this.now(); });
    this.spans = section.querySelectorAll("[data-span]");
    this.words = section.querySelector("[data-timeline-words]");
    this.region = section.querySelector("[data-region]");
    this.region?.addEventListener("change", () => this.load());
  }

  pointers() {
    const canvas = this.canvas;
    const held = new Map();
    let moved = 0;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.share(event.offsetX));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      held.set(event.pointerId, event.offsetX);
      moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!held.has(event.pointerId)) {
        canvas.style.cursor = this.eventAt(event.offsetX) ? "pointer" : "grab";
        return;
      }
      const before = held.get(event.pointerId);
      const others = [...held].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
      held.set(event.pointerId, event.offsetX);
      moved += Math.abs(event.offsetX - before);
      if (others.length) {
        const gap = Math.abs(event.offsetX - others[0]) || 1;
        this.zoom(Math.abs(before - others[0]) / gap, this.share((event.offsetX + others[0]) / 2));
      } else {
        this.move((before - event.offsetX) / this.width * this.span);
      }
    });
    const release = (event) => {
      held.delete(event.pointerId);
      const hit = moved < 5 && event.type === "pointerup" && this.eventAt(event.offsetX);
      if (hit) location.assign(`/review?camera=${this.camera}&event=${hit.id}`);
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
  }

  key(event) {
    const actions = {
      ArrowLeft: () => this.move(-this.span / 4),
      ArrowRight: () => this.move(this.span / 4),
      "+": () => this.zoom(0.5, 0.5),
      "-": () => this.zoom(2, 0.5),
      End: () => { this.follows = true; this.now(); },
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  get width() { return Math.max(1, this.canvas.clientWidth - LEFT - RIGHT); }
  get since() { return this.until - this.span; }
  share(x) { return Math.min(1, Math.max(0, (x - LEFT) / this.width)); }
  x(at) { return LEFT + (at - this.since) / this.span * this.width; }

  now() { this.show(this.span, Date.now() / 1000); }
  move(seconds) { this.follows = false; this.show(this.span, this.until + seconds); }
  zoom(factor, share) {
    const span = Math.min(LONGEST_SECONDS, Math.max(SHORTEST_SECONDS, this.span * factor));
    const kept = this.since + share * this.span;
    this.follows = false;
    this.show(span, kept + (1 - share) * span);
  }

  show(span, until) {
    this.span = span;
    this.until = Math.min(until, Date.now() / 1000);
    this.spans.forEach((each) => each.setAttribute("aria-pressed", String(Number(each.dataset.span) === span)));
    this.draw();
    clearTimeout(this.later);
    this.later = setTimeout(() => this.load(), 120);
  }

  async load() {
    const ask = ++this.ask;
    const { since, until } = this;
    const points = Math.min(2000, Math.max(100, Math.round(this.width)));
    const region = this.region ? `&region=${encodeURIComponent(this.region.value)}` : "";
    const at = `/api/v1/cameras/${this.camera}/scores?since=${since}&until=${until}&points=${points}${region}`;
    const of = `/api/v1/events/overlapping?camera=${this.camera}&since=${since}&until=${until}`;
    const [scores, events] = await Promise.all([at, of].map((url) => fetch(url).then((got) => got.ok && got.json())))
      .catch(() => []);
    if (ask !== this.ask || !scores || !events) return;
    this.scores = scores;
    this.events = events.events;
    this.isCut = events.next !== null;
    this.draw();
    this.say();
  }

  eventAt(x) {
    const near = (event) => {
      const [from, to] = this.ends(event);
      return x >= from - 3 && x <= to + 3;
    };
    return this.events.find(near);
  }

  ends(event) {
    const until = event.state === "open" ? Date.now() / 1000 : event.ended_at;
    const from = this.x(event.started_at);
    return [from, Math.max(from + 3, this.x(until))];
  }

  say() {
    const seen = this.scores.score.some((score) => score !== null);
    const [from, to] = [this.since, this.until].map((at) => new Date(at * 1000).toLocaleString([], this.zone));
    const count = this.events.length;
    const many = this.isCut ? `the newest ${count} events, there are more` : count === 1 ? "1 event" : `${count} events`;
    this.words.textContent = seen ? `${from} to ${to}: ${many}.` : `${from} to ${to}: nothing was scored in this time.`;
  }

  draw() {
    const { canvas } = this;
    const scale = devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * scale;
    canvas.height = canvas.clientHeight * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const bottom = canvas.clientHeight - BOTTOM;
    const highest = Math.max(1e-9, ...this.scores.score.map(Number), ...this.scores.threshold.map((each) => 1.3 * each));
    const y = (score) => bottom - Math.max(0, score / highest) * (bottom - TOP);

    pen.font = `12px ${style.fontFamily}`;
    this.drawTimes(pen, bottom, colour("--line"), colour("--muted"));
    for (const event of this.events) {
      const [from, to] = this.ends(event);
      pen.fillStyle = colour(event.severity === "alert" ? "--alarm" : "--notice");
      pen.globalAlpha = 0.22;
      pen.fillRect(from, TOP, to - from, bottom - TOP);
      pen.globalAlpha = 1;
      pen.fillRect(from, TOP - 4, to - from, 4);
    }
    pen.lineJoin = "round";
    this.drawLine(pen, this.scores.score, y, colour("--score"), 1.6, []);
    this.drawLine(pen, this.scores.threshold, y, colour("--muted"), 1.2, [5, 4]);
  }

  drawLine(pen, values, y, colour, width, dash) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.beginPath();
    let isDown = false;
    const gap = Math.max(90, 3 * this.span / Math.max(1, values.length));
    values.forEach((value, index) => {
      const at = this.scores.at[index];
      if (index && at - this.scores.at[index - 1] > gap) isDown = false;
      if (value === null) { isDown = false; return; }
      pen[isDown ? "lineTo" : "moveTo"](this.x(at), y(value));
      isDown = true;
    });
    pen.stroke();
    pen.setLineDash([]);
  }

  drawTimes(pen, bottom, line, ink) {
    const steps = [5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800];
    const wanted = this.span / Math.max(2, this.width / 110);
    const step = steps.find((each) => each >= wanted) ?? 604800;
    pen.textAlign = "center";
    for (const at of marks(this.since, this.until, step, this.zone)) {
      const x = this.x(at), time = new Date(at * 1000);
      pen.fillStyle = line;
      pen.fillRect(x, TOP, 1, bottom - TOP);
      pen.fillStyle = ink;
      const words = step >= 86400
        ? time.toLocaleDateString([], { ...this.zone, day: "numeric", month: "short" })
        : time.toLocaleTimeString([], { ...this.zone, hour: "2-digit", minute: "2-digit", ...(step < 60 && { second: "2-digit" }) });
      if (x > 34 && x < this.width - 26) pen.fillText(words, x, bottom + 16);
    }
    pen.fillStyle = line;
    pen.fillRect(LEFT, bottom, this.width, 1);
  }
}
