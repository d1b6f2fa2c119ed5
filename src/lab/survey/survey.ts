/**
 * The survey: two neighbouring mappings of one file, for every kind of driver and every generation
 * of hooks, before and after the driver was converted.
 */
import {
  ARCHETYPES,
  type Driver,
  errnoName,
  type HookName,
  type InodeKind,
  Machine,
  MAP_FIXED,
  MAP_SHARED,
  overlayDriver,
  pfnDevice,
  PAGE_SIZE,
  PROT_READ,
  registerDriver,
  secretmemDriver,
  unconverted,
  unregisterDriver,
} from '../../index.ts';

/** One driver under one generation. */
export interface SurveyCell {
  /** 0, or the errno of the first mapping. */
  readonly error: number;
  /** 1: the two mappings became one VMA. */
  readonly vmas: number;
  readonly hookCalls: number;
  /** Second attempts to merge, and how many of them succeeded. */
  readonly retries: number;
  readonly retriesThatMerged: number;
  /** Stores in the tree for both mappings together. */
  readonly stores: number;
}

export interface SurveyRow {
  readonly driver: string;
  readonly legacy: SurveyCell;
  /** Only `.mmap`, in a kernel that has the new hook. */
  readonly unconverted: SurveyCell;
  readonly proto: SurveyCell;
  readonly prepare: SurveyCell;
}

const AT = 0x200000000000;
const PAGES = 2;

interface Subject {
  readonly name: string;
  readonly kind: InodeKind;
  readonly driver: Driver | null;
  /** What its files are opened over. */
  readonly isStacked?: boolean;
}

const builtIn = (kind: InodeKind, name: string): Subject => ({ name, kind, driver: null });
const plugged = (driver: Driver): Subject => ({ name: driver.name, kind: 'driver', driver });

const SUBJECTS: readonly Subject[] = [
  builtIn('regular', 'a regular file'),
  builtIn('shmem', 'memfd'),
  builtIn('secretmem', 'memfd_secret'),
  { ...plugged(overlayDriver), isStacked: true },
  plugged(pfnDevice),
  ...ARCHETYPES.map(plugged),
];

/** Runs every driver in every generation. */
export const survey = (): SurveyRow[] =>
  SUBJECTS.map((subject) => ({
    driver: subject.name,
    legacy: mapTwice(subject, 'legacy'),
    unconverted: mapTwice(beforeConversion(subject), 'prepare'),
    proto: mapTwice(subject, 'proto'),
    prepare: mapTwice(subject, 'prepare'),
  }));

/** The built-in driver that anybody ever converted for the sake of merging is memfd_secret. */
function beforeConversion(subject: Subject): Subject {
  if (subject.kind === 'secretmem') return plugged(unconverted(secretmemDriver));
  if (subject.driver === null || subject.isStacked === true) return subject;
  return { ...subject, driver: unconverted(subject.driver) };
}

/** Maps [0, 2) and [2, 4) pages of a file of this driver beside each other. */
function mapTwice(subject: Subject, mmapHook: HookName): SurveyCell {
  const { driver } = subject;
  if (driver !== null) registerDriver(driver);
  const machine = Machine.create({ bytes: 4 * 2 ** 20, protocol: { mmapHook } });
  const process = machine.spawn();
  const fd = open(machine, subject);
  machine.trace(['tree_store']);
  const len = PAGES * PAGE_SIZE;
  const map = (part: number): number =>
    process.mmap(AT + part * len, len, PROT_READ, MAP_SHARED | MAP_FIXED, fd, part * len);
  const results = [map(0), map(1)];
  const stores = machine.readTrace().length;
  const { counters } = machine.report();
  const cell = {
    error: results.find((result) => result < 0) ?? 0,
    vmas: process.mapCount(),
    hookCalls: counters.mmap_hook,
    retries: counters.mmap_retry_merge,
    retriesThatMerged: counters.mmap_retry_merge_success,
    stores,
  };
  process.exit();
  machine.tearDown();
  if (driver !== null) unregisterDriver(driver.name);
  return cell;
}

function open(machine: Machine, { kind, driver, isStacked }: Subject): number {
  const spec = { kind, path: '/file', size: 2 ** 20, writable: true };
  if (driver === null) return machine.open(spec);
  const lower = isStacked === true ? machine.open({ ...spec, kind: 'regular' }) : 0;
  return machine.open({ ...spec, driver: driver.name, privateData: lower });
}

const HEAD = `# Who merges under which generation of hooks

Made by \`vmaspace survey\`; a test says so when it is no longer true.

Two neighbouring ranges of one file are mapped, one after the other. In brackets: stores in the
tree for both together. *one VMA, 2nd attempt* is the retry that seed 001 removes. The column
*\`.mmap\` only* is a driver that nobody has converted yet, under \`prepare\`; the last two show it
converted, by one more function.

`;

/** What machines read. */
export interface SurveyDocument {
  readonly schema: 'vmaspace-survey/1';
  readonly ok: true;
  readonly summary: { readonly drivers: number; readonly oneVma: number };
  readonly findings: readonly [];
  readonly rows: readonly SurveyRow[];
}

export const surveyDocument = (rows: readonly SurveyRow[]): SurveyDocument => ({
  schema: 'vmaspace-survey/1',
  ok: true,
  summary: {
    drivers: rows.length,
    oneVma: rows.filter(({ prepare }) => prepare.vmas === 1).length,
  },
  findings: [],
  rows,
});

/** The table, as Markdown. */
export function surveyText(rows: readonly SurveyRow[]): string {
  const titles = ['driver', '`legacy`', '`.mmap` only', '`proto`', '`prepare`'];
  const lines = [titles, titles.map(() => '---'), ...rows.map(rowText)];
  return `${HEAD}${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}\n`;
}

const rowText = ({ driver, legacy, unconverted: old, proto, prepare }: SurveyRow): string[] => [
  driver,
  cellText(legacy),
  cellText(old),
  cellText(proto),
  cellText(prepare),
];

function cellText({ error, vmas, retriesThatMerged, stores }: SurveyCell): string {
  if (error !== 0) return errnoName(error) ?? String(error);
  const attempt = retriesThatMerged > 0 ? ', 2nd attempt' : '';
  return vmas === 1 ? `one VMA${attempt} (${stores})` : `${vmas} VMAs (${stores})`;
}
