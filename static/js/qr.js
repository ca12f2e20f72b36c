// A button that reads a QR code with the camera into a field. Markup: docs/front-end.md.
//
//   <button type="button" data-scan="#id_address" hidden data-title="…" data-cancel="…" data-denied="…">Scan a code</button>
//
// data-scan     the field; "solana:" before an address and "?amount=…" behind it are left out
// data-title    the dialog's heading
// data-cancel   its button
// data-denied   what it says where the camera may not be used or there is none
//
// The button stays hidden where the browser gives no camera to pages (as on plain http).

const { QrScanner } = window;

// The library would make its worker from a text, which the content security policy refuses; it is a file here.
const library = document.querySelector("script[data-qr-worker]");
QrScanner.createQrEngine = async () => new Worker(library.dataset.qrWorker);

// Wallets show either the bare address or a link of Solana Pay: "solana:<address>?label=…".
const addressIn = (text) => text.trim().replace(/^solana:/i, "").split("?")[0];

function element(name, text = "", attributes = {}) {
  return Object.assign(document.createElement(name), { textContent: text }, attributes);
}

function dialogOf(button) {
  const { title, cancel } = button.dataset;
  const video = element("video");
  const status = element("p", "", { role: "status" });
  const close = element("button", cancel, { type: "button", className: "plain" });
  const dialog = element("dialog", "", { className: "scan", ariaLabel: title });
  dialog.append(element("h2", title), video, status, close);
  close.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  return { dialog, video, status };
}

function fill(selector, text) {
  const field = document.querySelector(selector);
  field.value = addressIn(text);
  for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
  field.focus();
}

async function scan(button) {
  const { dialog, video, status } = dialogOf(button);
  const found = ({ data }) => {
    dialog.close();
    fill(button.dataset.scan, data);
  };
  // The dialog must be open before: the scanner takes a hidden video for one that is meant to be hidden.
  dialog.showModal();
  const scanner = new QrScanner(video, found, { returnDetailedScanResult: true, onDecodeError: () => {} });
  dialog.addEventListener("close", () => {
    scanner.destroy();
    dialog.remove();
  });
  await scanner.start().catch(() => {
    video.hidden = true;
    status.textContent = button.dataset.denied;
  });
}

function start(button) {
  button.hidden = false;
  button.addEventListener("click", () => scan(button));
}

if (navigator.mediaDevices) document.querySelectorAll("[data-scan]").forEach(start);
