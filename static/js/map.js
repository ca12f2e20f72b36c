// A map to put a pin on, in step with typed fields. Markup: docs/front-end.md.
//
//   <div data-map hidden data-latitude-input="#id_lat" data-longitude-input="#id_lng" data-source-input="#id_source" …>
//     <div class="map" data-map-canvas></div> <button type="button" data-map-center>…</button> <p role="status" data-map-status></p></div>
//
// data-latitude-input, data-longitude-input   fields of degrees; typing moves the pin, the pin fills them in
// data-source-input    field that is told how the position came about: typed, pin or browser (may be missing)
// data-latitude, data-longitude   instead of the fields: a map only to look at
// data-land            address of the coastlines, drawn where there are no tiles
// data-tiles, data-attribution    pattern of a tile server ({z}/{x}/{y}) and whom to name for it; empty without one
// data-label, data-pin, data-zoom-in, data-zoom-out   names for screen readers
// data-placed          announced when the pin moves; {position} stands for where to (may be missing)
// [data-map-center]    button that puts the pin in the middle; Enter on the map does the same, arrow keys move the map
// [data-geolocate]     see locate.js

const { L, topojson } = window;
const START = [50, 10]; // Most homes are in Europe; the way to the others is a few steps out.
const EDGES = [[-85, -180], [85, 180]];
const STREET = 16;
const REGION = 6; // Closer, coastlines show nothing.

function position(latitude, longitude) {
  const [lat, lng] = [latitude, longitude].map((text) => (text.trim() ? Number(text.replace(",", ".")) : NaN));
  return Math.abs(lat) <= 90 && Math.abs(lng) <= 180 ? L.latLng(lat, lng) : null;
}

// Russia and Fiji go on beyond 180°: what lies there comes back at -180° and would leave streaks over all the map.
function unwrap({ geometry: { type, coordinates } }) {
  for (const ring of type === "Polygon" ? coordinates : coordinates.flat()) {
    ring.forEach((point, index) => (point[0] -= 360 * Math.round((point[0] - ring[Math.max(index - 1, 0)][0]) / 360)));
  }
}

async function drawGround(map, { tiles, attribution, land }) {
  if (tiles) {
    L.tileLayer(tiles, { attribution, maxZoom: 19 }).addTo(map);
    return;
  }
  const topology = await (await fetch(land)).json();
  const countries = topojson.feature(topology, topology.objects.countries);
  countries.features.forEach(unwrap);
  L.geoJSON(countries, { interactive: false, style: { className: "land" } }).addTo(map);
}

function makeMap(root) {
  const { tiles, label, zoomIn, zoomOut } = root.dataset;
  const canvas = root.querySelector("[data-map-canvas]");
  root.hidden = false; // Leaflet measures it.
  // The wheel moves the page: a map that takes it holds people who only pass by.
  const moves = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const motion = { zoomAnimation: moves, fadeAnimation: moves, inertia: moves };
  const limits = { maxBounds: EDGES, minZoom: 1, maxZoom: tiles ? 19 : 12 };
  const map = L.map(canvas, { zoomControl: false, scrollWheelZoom: false, ...limits, ...motion });
  map.attributionControl.setPrefix(false);
  L.control.zoom({ zoomInTitle: zoomIn, zoomOutTitle: zoomOut }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  canvas.role = "application"; // So that screen readers pass on the arrow keys.
  canvas.ariaLabel = label;
  return map.setView(START, 3);
}

function makePin(root, map, draggable) {
  const icon = L.divIcon({ className: "pin", iconSize: [32, 44], iconAnchor: [16, 43], html: "" });
  const pin = L.marker([0, 0], { icon, draggable, keyboard: false, interactive: draggable });
  pin.on("add", () => Object.assign(pin.getElement(), { role: "img", ariaLabel: root.dataset.pin }));
  const near = root.dataset.tiles ? STREET : REGION;
  const put = (place) => pin.setLatLng(place).addTo(map);
  const look = (place) => map.setView(place, Math.max(near, map.getZoom()), { animate: false });
  return { pin, put, look };
}

function editable(root, map, { pin, put, look }) {
  const { latitudeInput, longitudeInput, sourceInput, placed } = root.dataset;
  const [latitude, longitude] = [latitudeInput, longitudeInput].map((selector) => document.querySelector(selector));
  const source = sourceInput && document.querySelector(sourceInput);
  const status = root.querySelector("[data-map-status]");
  const say = (text = "") => (status.textContent = text);
  const tell = (how) => {
    if (source) source.value = how;
  };

  function place(where) {
    const { lat, lng } = put(where.wrap()).getLatLng();
    [latitude.value, longitude.value] = [lat.toFixed(5), lng.toFixed(5)];
    tell("pin");
    say(placed?.replace("{position}", `${latitude.value}, ${longitude.value}`));
  }
  function followTyping() {
    const where = position(latitude.value, longitude.value);
    if (where) look(put(where).getLatLng());
    else pin.remove();
  }

  pin.on("dragend", () => place(pin.getLatLng()));
  map.on("click", ({ latlng }) => place(latlng));
  map.on("keydown", ({ originalEvent }) => {
    if (originalEvent.key !== "Enter" || originalEvent.target !== map.getContainer()) return;
    originalEvent.preventDefault();
    place(map.getCenter());
  });
  root.querySelector("[data-map-center]")?.addEventListener("click", () => place(map.getCenter()));
  for (const field of [latitude, longitude]) {
    field.addEventListener("input", () => tell("typed"));
    field.addEventListener("change", followTyping);
  }
  followTyping();
  const button = root.querySelector("[data-geolocate]");
}

for (const root of document.querySelectorAll("[data-map]")) {
  const { latitude, longitude, latitudeInput } = root.dataset;
  const map = makeMap(root);
  const marker = makePin(root, map, Boolean(latitudeInput));
  if (latitudeInput) editable(root, map, marker);
  else marker.look(marker.put(position(latitude, longitude)).getLatLng());
  drawGround(map, root.dataset);
}
