import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where a browser is installed; `undefined` where there is none. */
export const browserPath = CHROMIUM.find(existsSync);

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath!,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

/** A small phone, at night. */
export const PHONE: BrowserContextOptions = {
  viewport: { width: 320, height: 640 },
  colorScheme: 'dark',
};

/** Why a page cannot be read there: it scrolls sideways, its text is too small, or too faint (WCAG 2.2, 1.4.3). */
export function readingProblems(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(READING_PROBLEMS);
}

/** Runs in the page; as text, because the types of browsers are not those of Node. */
const READING_PROBLEMS = `(() => {
  const problems = [];
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) problems.push('scrolls sideways: ' + scrollWidth + ' > ' + clientWidth);
  const pixel = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const mix = (color, below, opacity) => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = color;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
    const share = (a / 255) * opacity;
    return [r, g, b].map((value, index) => value * share + below[index] * (1 - share));
  };
  const luminance = (color) =>
    color
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
      .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const sheet = document.body.appendChild(document.createElement('div'));
  sheet.style.background = 'Canvas';
  const paper = mix(getComputedStyle(sheet).backgroundColor, [255, 255, 255], 1);
  sheet.remove();
  const background = mix(getComputedStyle(document.body).backgroundColor, paper, 1);
  for (const element of document.querySelectorAll('main h1, main p, main dt, main dd')) {
    const { color, opacity, fontSize } = getComputedStyle(element);
    const [one, two] = [luminance(mix(color, background, Number(opacity))), luminance(background)];
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    const text = element.textContent.slice(0, 30);
    if (contrast < 4.5) problems.push('too faint (' + contrast.toFixed(1) + '): ' + text);
    if (Number.parseFloat(fontSize) < 14) problems.push('too small (' + fontSize + '): ' + text);
  }
  return problems;
})()`;
