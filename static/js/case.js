// Keys of a case's page. A key acts as what it is printed on; never while typing; can be switched off.
const typing = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";
let keysOn = localStorage.getItem("keys") !== "off";

for (const box of document.querySelectorAll("[data-keys-switch]")) {
  box.checked = keysOn;
  box.addEventListener("change", () => {
    keysOn = box.checked;
    localStorage.setItem("keys", keysOn ? "on" : "off");
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest("textarea, form")?.closest("form");
    if (form?.method === "post") form.requestSubmit(form.querySelector("[data-main]") || undefined);
    return;
  }
  if (event.key === "Escape") {
    if (event.target.closest(typing)) event.target.blur();
    for (const open of document.querySelectorAll("details.keys[open]")) open.open = false;
    return;
  }
  if (!keysOn || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest(typing)) return;
  const key = event.key.toLowerCase();
  const shown = [...document.querySelectorAll("[data-key]")];
  const target = shown.find((element) => element.dataset.key === key);
  if (!target) return;
  event.preventDefault();
  const details = target.closest("summary")?.parentElement;
  if (details) details.open = key === "?" ? !details.open : true;
  const field = target.dataset.focus && document.getElementById(target.dataset.focus);
  if (field) {
    field.focus();
    field.scrollIntoView({ block: "center" });
  } else if (!details) {
    target.click();
  }
});

// One tier's evidence at a time; without this script all of them stand below each other.
for (const set of document.querySelectorAll("[data-choose]")) {
  const parts = [...document.querySelectorAll(`[data-part="${set.dataset.choose}"]`)];
  const buttons = [...set.querySelectorAll("[data-show]")];
  const show = (name) => {
    for (const part of parts) part.hidden = part.dataset.name !== name;
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.show === name);
  };
  for (const part of parts) part.querySelector(".tiername").hidden = true;
  set.hidden = parts.length < 2;
  for (const button of buttons) button.addEventListener("click", () => show(button.dataset.show));
  if (buttons.length) show(buttons[0].dataset.show);
}

// Ticking members: all of this page at once, and how many are ticked. Rows may be swapped in later.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-select]");
  if (!form || event.target.type !== "checkbox") return;
  const boxes = [...form.querySelectorAll('[name="members"]')];
  const all = form.querySelector("[data-all]");
  if (event.target === all) for (const box of boxes) box.checked = all.checked;
  const ticked = boxes.filter((box) => box.checked).length;
  if (all) {
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  }
  const said = form.querySelector("[data-selected]");
  if (said) said.textContent = ticked ? `${ticked} ticked:` : said.dataset.empty;
});

const dress = () => {
  for (const all of document.querySelectorAll("[data-all]")) all.hidden = false;
  for (const said of document.querySelectorAll("[data-selected]")) {
    said.dataset.empty ||= said.textContent;
  }
};
dress();
document.addEventListener("htmx:after:swap", dress);
