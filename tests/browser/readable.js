// Every text of the page that can hardly be read: [what, its color, what it stands on, contrast, what is asked for].
// The contrast is WCAG 2.2's; large text (24 px, or 18.66 px in bold) needs 3, other text 4.5.
() => {
  const parse = (text) => {
    const found = text.match(/[\d.]+/g).map(Number);
    return { rgb: found.slice(0, 3), alpha: found.length > 3 ? found[3] : 1 };
  };
  const over = (top, alpha, below) => top.map((value, i) => alpha * value + (1 - alpha) * below[i]);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, { rgb, alpha }) => over(rgb, alpha, below), [255, 255, 255]);
  };
  // In a picture text may stand on rectangles: those that its middle lies in, one over the other.
  const rectangles = new Map();
  const filled = (picture) => {
    if (!rectangles.has(picture)) {
      const found = [...picture.querySelectorAll("rect")].map((each) => [each.getBoundingClientRect(), getComputedStyle(each)]);
      rectangles.set(picture, found.filter(([, style]) => style.fill !== "none"));
    }
    return rectangles.get(picture);
  };
  const cell = (element, below) => {
    if (!(element instanceof SVGElement)) return below;
    const box = element.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    return filled(element.ownerSVGElement)
      .filter(([area]) => x >= area.left && x <= area.right && y >= area.top && y <= area.bottom)
      .reduce((seen, [, style]) => over(parse(style.fill).rgb, style.fillOpacity * style.opacity, seen), below);
  };
  const hard = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility() || ["title", "desc", "style"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const below = cell(element, ground(element));
    const color = parse(element instanceof SVGElement ? style.fill : style.color);
    const found = contrast(over(color.rgb, color.alpha, below), below);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const asked = large ? 3 : 4.5;
    if (found < asked) hard.push([text.slice(0, 40), color.rgb.join(" "), below.map(Math.round).join(" "), found, asked]);
  }
  return hard;
}
