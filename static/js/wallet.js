// A form that is filled in by the wallet in the browser: its address, our challenge, its signature. Markup: docs/front-end.md.
//
//   <form method="post" data-wallet data-challenge-url="…" data-address="#id_address" data-message="#id_message"
//         data-signature="#id_signature" data-submit="#prove" data-connect="Connect {wallet}"
//         data-waiting="…" data-declined="…" data-failed="…">
//     {% csrf_token %} <div class="buttons" data-wallet-list></div> <p role="status" data-wallet-status></p> …fields…
//   </form>
//
// data-challenge-url   POST address=… gives {"message": "…"}, or an error status with {"error": "…"}, which is shown
// data-address, data-message, data-signature   fields to fill in; the signature is base64 of 64 bytes
// data-submit          the button that sends the form then (otherwise the form's own)
// data-connect         label of a button, {wallet} stands for the wallet's name
// data-waiting         said while the wallet asks its owner; data-declined when that ends in a refusal
// data-failed          said when we gave no challenge
//
// Without a wallet nothing is shown and the fields are filled in by hand.

const SIGN = "solana:signMessage";
const CONNECT = "standard:connect";
const onSolana = ({ chains }) => chains.some((chain) => chain.startsWith("solana:"));

class Refused extends Error {}

// https://github.com/wallet-standard/wallet-standard: wallets and pages announce themselves, whoever comes first.
function standard(wallet) {
  let account;
  return {
    name: wallet.name,
    icon: wallet.icon,
    async connect() {
      const { accounts } = await wallet.features[CONNECT].connect();
      account = accounts.find(onSolana);
      return account.address;
    },
    async sign(message) {
      const [{ signature }] = await wallet.features[SIGN].signMessage({ account, message });
      return signature;
    },
  };
}

// The older way, which browsers inside wallets' apps still have.
function injected(provider) {
  return {
    name: provider.isPhantom ? "Phantom" : "Solana",
    connect: async () => String((await provider.connect()).publicKey ?? provider.publicKey),
    sign: async (message) => (await provider.signMessage(message, "utf8")).signature,
  };
}

async function challenge(form, address) {
  const body = new URLSearchParams({ address, csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
  const response = await fetch(form.dataset.challengeUrl, { method: "POST", body }).catch(() => null);
  const answer = await response?.json().catch(() => null);
  if (!response?.ok || !answer?.message) throw new Refused(answer?.error ?? form.dataset.failed);
  return answer.message;
}

async function prove(form, wallet) {
  const field = (name) => document.querySelector(form.dataset[name]);
  const address = await wallet.connect();
  field("address").value = address;
  const message = await challenge(form, address);
  const signature = await wallet.sign(new TextEncoder().encode(message));
  field("message").value = message;
  field("signature").value = btoa(String.fromCharCode(...signature));
  form.requestSubmit(form.dataset.submit ? field("submit") : undefined);
}

function button(form, wallet) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = form.dataset.connect.replace("{wallet}", wallet.name);
  if (wallet.icon?.startsWith("data:image/")) element.prepend(Object.assign(new Image(24, 24), { src: wallet.icon, alt: "" }));
  element.addEventListener("click", async () => {
    const status = form.querySelector("[data-wallet-status]");
    status.textContent = form.dataset.waiting;
    // A wallet says no in its own words, mostly English and meant for programmers.
    await prove(form, wallet).catch((error) => {
      status.textContent = error instanceof Refused ? error.message : form.dataset.declined;
    });
  });
  return element;
}

function start(form) {
  const wallets = new Set(); // Some announce themselves twice.
  const show = () => {
    const known = [...wallets].map(standard);
    if (!known.length && window.solana?.signMessage) known.push(injected(window.solana));
    form.querySelector("[data-wallet-list]").replaceChildren(...known.map((wallet) => button(form, wallet)));
  };
  const register = (...found) => {
    for (const wallet of found) if (onSolana(wallet) && wallet.features[SIGN] && wallet.features[CONNECT]) wallets.add(wallet);
    show();
  };
  window.addEventListener("wallet-standard:register-wallet", ({ detail: announce }) => announce({ register }));
  window.dispatchEvent(new CustomEvent("wallet-standard:app-ready", { detail: { register } }));
  window.addEventListener("load", show);
  show();
}

document.querySelectorAll("form[data-wallet]").forEach(start);
