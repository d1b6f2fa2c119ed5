/** Colours, where somebody sees them. */
import { styleText } from 'node:util';
import type { Paint } from '../lab/replay/report_text.ts';

const isColored = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '';

export const paint: Paint = (style, text) => (isColored ? styleText(style, text) : text);
