// Charts of power and energy. Markup: docs/front-end.md.
//
//   <figure data-chart data-src="/…json"><figcaption>…</figcaption>
//     <details><summary>As a table</summary><table>…</table></details></figure>
//
// data-src   {"kind": "lines" | "bars", "timezone": "Europe/Stockholm", "unit": "kW", "times": [epoch s…],
//             "series": [{"label": "Solar", "values": [1.2, null…]}…]}; up to four series, null where nothing is known
//
// The figcaption names the picture, the table says the same to those who do not see it; without scripts, or when the
// figures do not come, the table is all there is and stands open. Lines differ by their dashes, not by color alone.

const { uPlot } = window;
const LANGUAGE = document.documentElement.lang;
const HEIGHT = 240;
const DAY = 86_400;
const DASHES = [[], [10, 5], [2, 4], [10, 4, 2, 4]];
const MARKERS = ["solid", "dashed", "dotted", "double"];
const number = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 2 });

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const seriesColor = (index) => token(`--series-${index + 1}`);

function moments(timezone) {
  const written = (options) => new Intl.DateTimeFormat(LANGUAGE, { timeZone: timezone, ...options });
  const [hour, day] = [written({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }), written({ day: "numeric", month: "short" })];
  return (seconds, coarse) => (coarse ? day : hour).format(seconds * 1000);
}

// uPlot draws the bars of all series over each other; these stand side by side.
function barsBeside(index, count, step) {
  const width = (0.8 * step) / count;
  const starts = (plot) => plot.data[0].map((time) => time + (index - count / 2) * width);
  return uPlot.paths.bars({ disp: { x0: { unit: 1, values: starts }, size: { unit: 1, values: () => [width] } } });
}

function seriesOf({ kind, unit, times, series }) {
  const known = (figure) => (figure == null ? "–" : `${number.format(figure)} ${unit}`);
  const value = (_, figure, __, pointed) => (pointed == null ? "" : known(figure));
  const step = times.length > 1 ? times[1] - times[0] : DAY;
  return series.map(({ label }, index) => {
    const color = seriesColor(index);
    if (kind !== "bars") return { label, value, stroke: color, width: 2, dash: DASHES[index] };
    // The second bar is hollow: what tells them apart must not be the color alone.
    const fill = index % 2 ? token("--sheet") : color;
    return { label, value, stroke: color, fill, width: 1, points: { show: false }, paths: barsBeside(index, series.length, step) };
  });
}

function axesOf(data, moment) {
  const lines = { stroke: token("--quiet"), font: "13px system-ui, sans-serif", grid: { stroke: token("--grid"), width: 1 } };
  const times = (_, splits, axis, space, increment) => splits.map((time) => moment(time, increment >= DAY));
  const figures = (_, splits) => splits.map((figure) => number.format(figure));
  // One or two days at a tick at least: 12-hour steps between bars of a day would say nothing.
  const incrs = data.kind === "bars" ? [1, 2, 5, 7, 14, 31, 92, 366].map((days) => days * DAY) : undefined;
  return [
    { ...lines, values: times, incrs, space: 64 },
    { ...lines, values: figures, label: data.unit, labelFont: lines.font, labelSize: 20, size: 52 },
  ];
}

function optionsOf(data, width) {
  const moment = moments(data.timezone);
  const bars = data.kind === "bars";
  const edge = bars ? DAY / 2 : 0;
  return {
    width,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), data.timezone),
    scales: {
      x: { range: (_, first, last) => [first - edge, last + edge] },
      y: { range: { min: { soft: 0, mode: 1, pad: 0.1 }, max: { soft: 0, mode: 1, pad: 0.1 } } },
    },
    series: [{ value: (_, time) => (time == null ? "" : moment(time, bars)) }, ...seriesOf(data)],
    axes: axesOf(data, moment),
    cursor: { drag: { x: false, y: false } },
    legend: { markers: { stroke: (_, index) => seriesColor(index - 1), dash: (_, index) => (bars ? "solid" : MARKERS[index - 1]) } },
  };
}

function draw(figure, data) {
  const details = figure.querySelector("details");
  const picture = Object.assign(document.createElement("div"), { className: "chart", role: "img" });
  picture.ariaLabel = figure.querySelector("figcaption").textContent.trim();
  figure.insertBefore(picture, details);
  const columns = [data.times, ...data.series.map(({ values }) => values)];
  let plot;
  const redraw = () => {
    plot?.destroy();
    plot = new uPlot(optionsOf(data, picture.clientWidth), columns, picture);
  };
  redraw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(() => plot.setSize({ width: picture.clientWidth, height: HEIGHT })).observe(picture);
}

async function start(figure) {
  try {
    const response = await fetch(figure.dataset.src);
    draw(figure, await response.json());
  } catch {
    figure.querySelector("details").open = true;
  }
}

document.querySelectorAll("[data-chart]").forEach(start);
