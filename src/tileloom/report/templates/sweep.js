const specs = JSON.parse(document.getElementById("specs").textContent);
for (const [name, spec] of Object.entries(specs)) {
  const place = document.getElementById(name);
  // ast: expressions are interpreted, not compiled, so that the page needs no eval.
  window.vegaEmbed(place, spec, { mode: "vega-lite", renderer: "svg", ast: true, actions: { export: true, source: false, compiled: false, editor: false } })
    .catch((error) => { place.textContent = `This chart could not be drawn: ${error}`; });
}
for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
    button.textContent = "copied";
  });
}
