// Live pictures: one request at a time for all cameras in sight, however many there are.

const RETRY_MS = 2000;

export function followPictures(root) {
  const tiles = root.matches("[data-camera]") ? [root] : [...root.querySelectorAll("[data-camera]")];
  const inSight = new Set(tiles);
  const observer = new IntersectionObserver((entries) => entries.forEach((entry) => {
    inSight[entry.isIntersecting ? "add" : "delete"](entry.target);
  }), { rootMargin: "200px" });
  tiles.forEach((tile) => observer.observe(tile));
  const heat = document.querySelector("[data-heat]");
  const periodMs = 1000 / Number(root.dataset.pictures);

  const step = async () => {
    const begun = performance.now();
    let waitMs = periodMs;
    if (!document.hidden && inSight.size) {
      try {
        await refresh([...inSight], heat?.checked);
      } catch {
        waitMs = RETRY_MS; // the server is away; the stream says so
      }
    }
    setTimeout(step, Math.max(20, waitMs - (performance.now() - begun)));
  };
  step();
}

async function refresh(tiles, heat) {
  const query = new URLSearchParams(tiles.map((tile) => ["camera", tile.dataset.camera]));
  if (heat) query.set("heat", "true");
  for (const tile of tiles) if (tile.dataset.tag) query.append("has", `${tile.dataset.camera}.${tile.dataset.tag}`);
  const response = await fetch(`/pictures?${query}`);
  if (response.status === 401) location.reload();
  if (!response.ok) throw new Error(`pictures: ${response.status}`);
  const pictures = unpack(new Uint8Array(await response.arrayBuffer()));
  await Promise.all(tiles.map((tile) => show(tile, pictures.get(tile.dataset.camera))));
}

// A line of JSON, [name, bytes, tag] for each picture that this page does not have yet, then the pictures one after another.
function unpack(bytes) {
  const end = bytes.indexOf(10);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  const pictures = new Map();
  let at = end + 1;
  for (const [name, size, tag] of head) {
    pictures.set(name, { tag, blob: new Blob([bytes.subarray(at, at + size)], { type: "image/jpeg" }) });
    at += size;
  }
  return pictures;
}

async function show(tile, picture) {
  const image = tile.querySelector("[data-picture]");
  if (!picture) return;
  const before = image.src;
  image.src = URL.createObjectURL(picture.blob);
  tile.dataset.tag = picture.tag;
  await image.decode().catch(() => {}); // a damaged picture gives way to the next one
  if (before) URL.revokeObjectURL(before);
  image.hidden = false;
  tile.querySelector("[data-no-picture]").hidden = true;
}
