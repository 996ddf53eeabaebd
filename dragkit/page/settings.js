// The table of settings: a row for each, a column for each run.

/** Fill the table; settings are [section, [[name, text], …]], the same sections in every run. */
function fillSettings(runs) {
  part("differ").hidden = runs.length === 1;
  part("settings").replaceChildren();
  if (runs.length > 1) part("settings").append(headOf(runs));
  runs[0].settings.forEach(([section], number) => {
    const values = runs.map((run) => new Map(run.settings[number][1]));
    const names = [...new Set(values.flatMap((one) => [...one.keys()]))];
    if (!names.length) return;
    const rows = names.map((name) => settingsRow(name, values.map((one) => one.get(name))));
    const title = element("th", { scope: "rowgroup", class: "section" }, section);
    title.colSpan = runs.length + 1;
    part("settings").append(element("tbody", {}, element("tr", {}, title), ...rows));
  });
}

function headOf(runs) {
  const heads = runs.map((run) => element("th", { scope: "col", class: "name" }, run.name));
  return element("thead", {}, element("tr", {}, element("td"), ...heads));
}

/** One setting of every run; marked if the runs differ in it. */
function settingsRow(name, values) {
  const differs = new Set(values).size > 1;
  const cells = values.map((value) => element("td", {}, value ?? "–"));
  const head = element("th", { scope: "row", class: "name" }, name);
  return element("tr", { class: differs ? "differs" : "" }, head, ...cells);
}
