// A form that was sent shows so, and is not sent again while its answer is on the way: vendors may take their time.

const PATIENCE = 15_000; // ms; then the answer is lost, or was a download

const busy = (form, is) => form.setAttribute("aria-busy", is);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented) return;
  if (form.getAttribute("aria-busy") === "true") {
    event.preventDefault();
    return;
  }
  busy(form, true);
  setTimeout(busy, PATIENCE, form, false);
});
// Who comes back finds the page as it was left.
window.addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach((form) => busy(form, false)));
