"use strict";
// The charts, the task board and the part of each task. Nothing here asks a network: the page's policy forbids it.
// A scope of its own: the charting library leaves short names behind.
(() => {

// Only what can be seen has a width to be drawn in; the rest is drawn when it is unfolded.
async function drawVisible() {
  for (const place of document.querySelectorAll("[data-spec]")) {
    if (place.dataset.started || !place.checkVisibility()) continue;
    place.dataset.started = "true";
    const spec = JSON.parse(document.getElementById(place.dataset.spec).textContent);
    // Names get room where there is some. `ast` evaluates expressions without eval, which the page's policy forbids.
    const config = { axisY: { labelLimit: Math.max(130, place.clientWidth * 0.45) } };
    const options = { actions: false, ast: true, config, renderer: "svg" };
    try {
      await window.vegaEmbed(place, spec, options);
    } catch (error) {
      place.textContent = "This chart could not be drawn; its numbers are in the table below.";
      console.error(error);
    }
    place.dataset.done = "true";
  }
}

function element(tag, text, parent) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

// The part of one task: its line of the board, and its tables. Texts stay texts.
const { headings, parts } = JSON.parse(document.getElementById("parts").textContent);

function fillTask(name) {
  const line = [...document.querySelectorAll("#board tbody tr")].find((row) => row.dataset.task === name);
  const heading = line?.cells[0];
  document.getElementById("task-title").textContent = heading?.firstChild.textContent ?? "This task is not on this page";
  document.getElementById("task-below").textContent = [heading?.querySelector("small")?.textContent, name].filter(Boolean).join(" · ");
  const facts = document.getElementById("task-facts");
  facts.replaceChildren();
  for (const cell of line ? [...line.cells].slice(1) : []) {
    const said = [...cell.childNodes].map((node) => node.textContent).filter(Boolean).join(", ");
    if (!said) continue;
    const pair = element("div", "", facts);
    element("dt", cell.dataset.label, pair);
    element("dd", said, pair);
  }
  const place = document.getElementById("task-tables");
  place.replaceChildren();
  const rows = parts[name];
  if (line && !rows) element("p", "Only the first tasks of the board have their details here; the published file has them all.", place);
  (rows ?? []).forEach((some, number) => fillTable(headings[number], some, place));
}

function fillTable({ title, columns, nothing, kind }, rows, place) {
  element("h3", title, place);
  if (!rows.length) {
    element("p", nothing, place).className = "small";
    return;
  }
  const scroll = element("div", "", place);
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  const table = element("table", "", scroll);
  table.className = kind;
  const head = element("tr", "", element("thead", "", table));
  for (const column of columns) element("th", column, head).scope = "col";
  const body = element("tbody", "", table);
  for (const row of rows) {
    const line = element("tr", "", body);
    row.forEach((text, column) => {
      const cell = element(column ? "td" : "th", text, line);
      if (column) cell.dataset.label = columns[column];
      else cell.scope = "row";
    });
  }
}

function taskBoard() {
  const board = document.getElementById("board");
  if (!board) return;
  const body = board.tBodies[0];
  const rows = [...body.rows];
  const search = document.getElementById("search");
  const show = document.getElementById("show");
  const found = document.getElementById("found");
  const more = document.getElementById("more");
  const few = matchMedia("(max-width: 760px)").matches ? 15 : 50;
  let all = false;

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const mark = show.value;
    let count = 0;
    for (const row of body.rows) {
      const fits =
        words.every((word) => row.dataset.words.includes(word)) &&
        (!mark || row.dataset.marks.split(" ").includes(mark));
      count += fits;
      row.hidden = !fits || (!all && count > few);
    }
    const format = (number) => number.toLocaleString("en");
    found.textContent = `${format(count)} of ${format(rows.length)} tasks`;
    more.hidden = all || count <= few;
    more.textContent = `Show all ${format(count)}`;
  }

  function remember() {
    const state = new URLSearchParams();
    if (search.value) state.set("q", search.value);
    if (show.value) state.set("show", show.value);
    history.replaceState(null, "", state.size ? `#${state}` : location.pathname + location.search);
  }

  function recall(state) {
    search.value = state.get("q") ?? "";
    show.value = state.get("show") ?? "";
    filter();
  }

  function sort(column, descending) {
    const key = (row) => {
      const cell = row.cells[column];
      if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
      return column < 2 ? cell.textContent.trim().toLowerCase() : null;
    };
    const sorted = [...rows].sort((left, right) => {
      const [a, b] = [key(left), key(right)];
      if (a === null || b === null) return (a === null) - (b === null);
      const order = typeof a === "string" ? a.localeCompare(b) : a - b;
      return descending ? -order : order;
    });
    body.append(...sorted);
    filter();
  }

  function sortable(heading, column) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      // Numbers start with the largest, words with A.
      const descending = before ? before === "ascending" : column > 1;
      for (const other of board.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sort(column, descending);
    });
  }

  [...board.tHead.rows[0].cells].forEach(sortable);
  document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
  for (const control of [search, show]) {
    control.addEventListener("input", () => {
      filter();
      remember();
    });
  }
  more.addEventListener("click", () => {
    all = true;
    filter();
  });
  filter();
  return recall;
}

// Where the address points: to one task, to the board with its filter, or to a place that may be folded.
function go(recall) {
  const state = new URLSearchParams(location.hash.slice(1));
  const isTask = state.has("task");
  document.body.classList.toggle("one-task", isTask);
  document.getElementById("task").hidden = !isTask;
  if (isTask) fillTask(state.get("task"));
  const isFilter = state.has("q") || state.has("show");
  if (isFilter) recall?.(state);
  const place = isTask ? "task" : isFilter ? "tasks" : location.hash.slice(1);
  const target = place && document.getElementById(place);
  if (!target) return;
  for (let at = target.querySelector(".fold") ?? target.closest(".fold"); at; at = at.parentElement.closest("details")) at.open = true;
  target.scrollIntoView({ behavior: "instant" });
}

const folds = document.querySelectorAll(".fold");
// On a small screen all but the first block waits behind its heading.
if (matchMedia("(max-width: 760px)").matches) for (const fold of folds) fold.open = false;
const recall = taskBoard();
go(recall);
for (const fold of folds) fold.addEventListener("toggle", drawVisible);
window.addEventListener("hashchange", () => {
  go(recall);
  drawVisible();
});
window.addEventListener("beforeprint", () => {
  for (const fold of folds) fold.open = true;
  drawVisible();
});
drawVisible().then(() => {
  // Drawn charts push what is below them down, away from where a link pointed.
  go(recall);
  document.documentElement.dataset.drawn = "true";
});
})();
