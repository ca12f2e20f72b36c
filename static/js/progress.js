// A part of a page that follows what happens on the server. Markup: docs/front-end.md.
//
//   <div id="state" data-progress aria-live="polite">… <a href="">Look again</a></div>
//
// The same page is fetched every 3 seconds and this element takes its new content, until the fetched one has the
// attribute data-done, or data-progress no longer. When the page sends somebody elsewhere, or has no such element any more, the browser goes there.
// Nothing is asked while the tab is hidden, nor after 10 minutes: "Look again" is still there then.

const INTERVAL = 3_000;
const PATIENCE = 600_000;

async function fetchAgain(element) {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) return; // A hiccup of the server: the next round asks again.
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById(element.id);
  if (response.redirected || !fresh) {
    location.assign(response.url);
    return;
  }
  // What is said again without news would be read aloud again.
  if (fresh.innerHTML !== element.innerHTML) element.innerHTML = fresh.innerHTML;
  element.toggleAttribute("data-done", fresh.matches("[data-done], :not([data-progress])"));
}

function start(element) {
  const end = performance.now() + PATIENCE;
  const round = async () => {
    if (!document.hidden) await fetchAgain(element).catch(() => {}); // Off line for a moment.
    if (!element.hasAttribute("data-done") && performance.now() < end) setTimeout(round, INTERVAL);
  };
  setTimeout(round, INTERVAL);
}

document.querySelectorAll("[data-progress]:not([data-done])").forEach(start);
