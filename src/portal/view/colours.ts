/** The colours of all pages by what they are for, for a light and for a dark room. */

export type ColourName = keyof typeof light;
export type Palette = Readonly<Record<ColourName, string>>;

const light = {
  back: '#f2f4f7',
  card: '#ffffff',
  /** lines that only part things */
  line: '#d8dde4',
  /** edges that show where a control is */
  edge: '#76818f',
  text: '#18202b',
  soft: '#4a5462',
  link: '#1453a3',
  focus: '#1a5fb4',
  action: '#1a5fb4',
  'on-action': '#ffffff',
  danger: '#b3261e',
  'on-danger': '#ffffff',
  good: '#14562f',
  'good-back': '#e2f4e8',
  warn: '#6b4500',
  'warn-back': '#fdf0d3',
  bad: '#93201a',
  'bad-back': '#fde8e6',
  info: '#164a8c',
  'info-back': '#e6effb',
  neutral: '#3b4450',
  'neutral-back': '#e8ebef',
  'chart-1': '#1a5fb4',
  'chart-2': '#b3541e',
  'chart-3': '#1b7a57',
  'chart-4': '#8a3f8f',
  'chart-permit': '#1b7a57',
  'chart-warn': '#9a6700',
  'chart-block': '#b3261e',
  'chart-defer': '#5b6674',
  'chart-grid': '#d8dde4',
} as const;

const dark: Palette = {
  back: '#12161b',
  card: '#1b2128',
  line: '#343d47',
  edge: '#7d8997',
  text: '#e6eaf0',
  soft: '#aab4c0',
  link: '#8fbcf5',
  focus: '#8fbcf5',
  action: '#8fbcf5',
  'on-action': '#0d141d',
  danger: '#f4aaa3',
  'on-danger': '#2a0c0a',
  good: '#a0e2b6',
  'good-back': '#173521',
  warn: '#f4d28c',
  'warn-back': '#3a2d0e',
  bad: '#f9bab4',
  'bad-back': '#471d1b',
  info: '#aecef7',
  'info-back': '#1b3151',
  neutral: '#d0d7df',
  'neutral-back': '#2c343d',
  'chart-1': '#8fbcf5',
  'chart-2': '#f0a878',
  'chart-3': '#7fd4b0',
  'chart-4': '#d7a3dc',
  'chart-permit': '#7fd4b0',
  'chart-warn': '#f0c674',
  'chart-block': '#f4938a',
  'chart-defer': '#aab4c0',
  'chart-grid': '#343d47',
};

export const palettes = { light: light as Palette, dark } as const;

function declarations(palette: Palette): string {
  return Object.entries(palette)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');
}

export const colourText = `
:root{color-scheme:light dark;${declarations(light)}}
@media (prefers-color-scheme:dark){:root{${declarations(dark)}}}
`;
