// Keys of every page: what is printed on a button presses it; the palette; the key map. Listens on the
// document, since htmx swaps parts in and a step back in history replaces the whole body.
const typing = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const keysAreOn = () => localStorage.getItem("keys") !== "off";
const dialog = (name) => document.querySelector(`dialog#${name}`);
let going = -Infinity; // when G was pressed: the letter that follows within a second names a page

async function fill(box, into, address) {
  const response = await fetch(address, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  const page = await response.text();
  // a whole page is a login that ended or an error: show it as the page that it is
  if (/^\s*<!doctype/i.test(page)) return location.reload();
  const parsed = new DOMParser().parseFromString(page, "text/html");
  if (box.open) into.replaceChildren(...parsed.body.childNodes);
}

function open(name) {
  const box = dialog(name);
  if (!box || box.open) return;
  for (const other of document.querySelectorAll("dialog[open]")) other.close();
  box.showModal(); // and gives the focus back where it was when it closes
  if (name === "palette") {
    const ask = box.querySelector("input");
    ask.value = "";
    search(box);
  } else {
    fill(box, box.querySelector(".results"), box.dataset.href).then(tellSwitch);
  }
}

// the palette -------------------------------------------------------------------------------------
let wanted = 0;
async function search(box) {
  const turn = ++wanted;
  const asked = new URL(box.dataset.href, location.href);
  asked.searchParams.set("q", box.querySelector("input").value);
  const row = document.querySelector(".queue tbody tr.here input[name=ref]");
  const at = box.dataset.case || row?.value;
  if (at) asked.searchParams.set("case", at);
  const shelf = document.createElement("div");
  await fill(box, shelf, asked);
  if (turn !== wanted || !box.open) return; // an answer that was overtaken
  box.querySelector(".results").replaceChildren(...shelf.childNodes);
  const list = box.querySelector("#palette-list");
  box.querySelector("#palette-found").textContent = list.dataset.found;
  for (const [place, option] of options(box).entries()) option.id = `palette-option-${place}`;
  choose(box, 0);
}
const options = (box) => [...box.querySelectorAll("[role=option]")];
const chosen = (box) => box.querySelector("[role=option][aria-selected=true]");

function choose(box, place) {
  const all = options(box);
  const ask = box.querySelector("input");
  for (const option of all) option.setAttribute("aria-selected", "false");
  if (!all.length) return ask.removeAttribute("aria-activedescendant");
  const option = all[(place + all.length) % all.length];
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  ask.setAttribute("aria-activedescendant", option.id);
}

function move(box, by) {
  choose(box, options(box).indexOf(chosen(box)) + by);
}

document.addEventListener("input", (event) => {
  if (event.target.id !== "palette-ask") return;
  clearTimeout(search.timer);
  search.timer = setTimeout(search, 120, dialog("palette"));
});

document.addEventListener("submit", (event) => {
  // Enter in the palette chooses; only its button closes it
  const box = dialog("palette");
  if (!box?.open || event.submitter?.type === "submit" || event.target.method !== "dialog") return;
  event.preventDefault();
});

// opening and closing ---------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-open]");
  if (opener) {
    event.preventDefault();
    open(opener.dataset.open);
  } else if (event.target.matches?.("dialog[open]")) {
    event.target.close(); // the scrim belongs to the dialog
  }
  if (event.target.closest?.("#palette [role=option]")) dialog("palette").close();
});

function inPalette(event, box) {
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in steps) move(box, steps[event.key]);
  else if (event.key === "Enter") chosen(box)?.click();
  else if (event.key === "?" && !box.querySelector("input").value) open("keys");
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
    event.preventDefault();
    open("palette");
    return;
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest("form");
    if (form?.method === "post") form.requestSubmit(form.querySelector("[data-main]"));
    return;
  }
  const box = dialog("palette");
  if (box?.open) return inPalette(event, box);
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest(typing)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (!keysAreOn() || event.repeat) return;
  const key = event.key.toLowerCase();
  if (event.timeStamp - going < 1000) {
    going = -Infinity;
    const link = document.querySelector(`nav a[data-go="${CSS.escape(key)}"]`);
    if (link) {
      // the page's own meaning of the letter must not act as well
      event.stopImmediatePropagation();
      event.preventDefault();
      link.click();
      return;
    }
  }
  if (key === "g") going = event.timeStamp;
  else if (key === "?") open("keys");
  else if (!press(key)) return;
  event.preventDefault();
});

// The button on the page that the key is printed on.
function press(key) {
  const target = [...document.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key);
  if (!target) return false;
  const details = target.closest("summary")?.parentElement;
  if (details) details.open = true;
  const field = target.dataset.focus && document.getElementById(target.dataset.focus);
  if (field) {
    field.focus();
    field.scrollIntoView({ block: "center" });
  } else if (!details) {
    target.click();
  }
  return true;
}

// Single keys can be switched off (WCAG 2.1.4).
function tellSwitch() {
  for (const box of document.querySelectorAll("[data-keys-switch]")) box.checked = keysAreOn();
}
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-keys-switch]")) {
    localStorage.setItem("keys", event.target.checked ? "on" : "off");
  }
});
tellSwitch();
