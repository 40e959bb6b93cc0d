"use strict";
// The charts, and the filter of the task board. Nothing here asks a network: the page's policy forbids it.

async function drawCharts() {
  for (const place of document.querySelectorAll("[data-spec]")) {
    const spec = JSON.parse(document.getElementById(place.dataset.spec).textContent);
    // Names get room where there is some. `ast` evaluates expressions without eval, which the page's policy forbids.
    const config = { axisY: { labelLimit: Math.max(130, place.clientWidth * 0.26) } };
    const options = { actions: false, ast: true, config, renderer: "svg" };
    try {
      await window.vegaEmbed(place, spec, options);
    } catch (error) {
      place.textContent = "This chart could not be drawn; its numbers are in the table below.";
      console.error(error);
    }
  }
  document.documentElement.dataset.drawn = "true";
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

  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    if (!state.has("q") && !state.has("show")) return;
    search.value = state.get("q") ?? "";
    show.value = state.get("show") ?? "";
    filter();
    document.getElementById("tasks").scrollIntoView();
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
  window.addEventListener("hashchange", recall);
  filter();
  recall();
}

// Drawn charts push what is below them down, away from where a link pointed.
function aim() {
  const name = location.hash.slice(1);
  const place = /^(q|show)=/.test(name) ? "tasks" : name;
  document.getElementById(place)?.scrollIntoView({ behavior: "instant" });
}

taskBoard();
drawCharts().then(aim);
