// A button that copies a text. Markup: docs/front-end.md.
//
//   <code id="link">https://…</code>
//   <button type="button" data-copy="#link" data-copied="Copied" hidden>Copy</button>
//
// data-copy     what to copy: the value of a field, or the text of any other element
// data-copied   what is announced when it is done
//
// The button stays hidden where the browser has no clipboard (as on plain http): the text can be marked by hand.

function start(button) {
  const status = document.createElement("span");
  status.role = "status";
  status.className = "quiet";
  button.after(status);
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.querySelector(button.dataset.copy);
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
    status.textContent = button.dataset.copied;
  });
}

if (navigator.clipboard) document.querySelectorAll("[data-copy]").forEach(start);
