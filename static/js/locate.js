// A button that fills in where the browser is. Markup: docs/front-end.md.
//
//   <div data-map data-latitude-input="…" data-longitude-input="…" data-source-input="…">
//     <button type="button" data-geolocate hidden data-waiting="…" data-found="…" data-denied="…" data-failed="…">…</button>
//     <p role="status" data-map-status></p>
//   </div>
//
// data-waiting, data-found, data-denied, data-failed   said meanwhile, when it is done, when it was not allowed, when it failed
//
// The map follows the fields by their change event. The button stays hidden where pages get no position (plain http).

function start(button) {
  const root = button.closest("[data-map]");
  const { latitudeInput, longitudeInput, sourceInput } = root.dataset;
  const say = (text) => {
    root.querySelector("[data-map-status]").textContent = text;
  };
  const field = (selector) => document.querySelector(selector);

  function fill({ coords }) {
    field(latitudeInput).value = coords.latitude.toFixed(5);
    field(longitudeInput).value = coords.longitude.toFixed(5);
    field(longitudeInput).dispatchEvent(new Event("change"));
    if (sourceInput) field(sourceInput).value = "browser";
    say(button.dataset.found);
  }
  const refuse = ({ code, PERMISSION_DENIED }) => say(button.dataset[code === PERMISSION_DENIED ? "denied" : "failed"]);

  button.hidden = false;
  button.addEventListener("click", () => {
    say(button.dataset.waiting);
    navigator.geolocation.getCurrentPosition(fill, refuse, { enableHighAccuracy: true, timeout: 20_000 });
  });
}

if (isSecureContext && navigator.geolocation) document.querySelectorAll("[data-geolocate]").forEach(start);
