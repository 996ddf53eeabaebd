// The page opens: what it shows stands in it as JSON.

const contents = JSON.parse(part("data").textContent);
document.title = contents.title;
new Page(contents);
