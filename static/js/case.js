// Small conveniences of a case's pages. Listens on the document, since htmx swaps parts in and a step back
// in history replaces the whole body.
// One tier's evidence at a time; without this script all of them stand below each other.
function chooseTier(set, name) {
  for (const part of document.querySelectorAll(`[data-part="${set.dataset.choose}"]`)) {
    part.hidden = part.dataset.name !== name;
  }
  for (const button of set.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", button.dataset.show === name);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-show]");
  if (button) chooseTier(button.closest("[data-choose]"), button.dataset.show);
});

// Why a member belongs opens under its row, and the same link closes it: before htmx hears of the click.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-why]");
  const open = link?.closest("tr").nextElementSibling;
  if (!open?.matches("tr.why")) return;
  event.preventDefault();
  event.stopPropagation();
  open.remove();
}, true);

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-select]");
  if (form && event.target.type === "checkbox") tellTicked(form, event.target);
});

// Members ticked: all of this page at once, and how many there are.
function tellTicked(form, changed) {
  const boxes = [...form.querySelectorAll('[name="members"]')];
  const all = form.querySelector("[data-all]");
  if (changed === all) for (const box of boxes) box.checked = all.checked;
  const ticked = boxes.filter((box) => box.checked).length;
  all.checked = ticked > 0 && ticked === boxes.length;
  all.indeterminate = ticked > 0 && !all.checked;
  const said = form.querySelector("[data-selected]");
  said.textContent = ticked ? `${ticked} ticked:` : said.dataset.empty;
}

// What only makes sense with this script is hidden in the page until it runs.
function dress() {
  for (const all of document.querySelectorAll("[data-all]")) all.hidden = false;
  for (const said of document.querySelectorAll("[data-selected]")) {
    said.dataset.empty ||= said.textContent;
  }
  for (const set of document.querySelectorAll("[data-choose][hidden]")) {
    for (const name of document.querySelectorAll(".tiername")) name.hidden = true;
    const first = set.querySelector("[data-show]");
    set.hidden = set.querySelectorAll("[data-show]").length < 2;
    if (first) chooseTier(set, first.dataset.show);
  }
}
dress();
document.addEventListener("htmx:after:process", dress);
